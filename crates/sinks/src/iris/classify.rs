//! What an answer of IRIS means.
//!
//! Pure: status, content type and body in, [`Meaning`] out. An IRIS answer means what its first words say, not what its status says: a
//! 400 may be stored, may pass by itself, may be the operator's business, or may be this alert's own fault (facts/iris.md §4).
//!
//! Database errors repeat pieces of the payload (`[parameters: …]`, `DETAIL: Key (…)=(…)`), which an attacker wrote. So only the
//! error class and the first line are ever looked at: neither holds a value of the alert.

use serde::Deserialize;

use super::client::Answer;
use crate::{Outcome, Scope};

/// Which part of a payload an answer is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The list of assets.
    Assets,
    /// Severity, status, classification.
    Fields,
    /// The list of IOCs.
    Iocs,
}

/// What an answer to `POST /alerts/add` means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// One part of the payload is refused; the rest may be fine.
    BadPart(Part),
    /// Refused by something before IRIS (a web application firewall), maybe for words in the alert.
    Blocked(String),
    /// The uuid is there already.
    Duplicate,
    /// Not taken; later it may be.
    Later {
        after: Option<std::time::Duration>,
        why: String,
    },
    /// The operator must mend something.
    Operator { scope: Scope, why: String },
    /// Refused for what it is, as far as can be told; maybe stored all the same.
    Refused(String),
    /// Stored, with this id; `uuid_kept` is false where IRIS gave it another uuid than ours.
    Stored { id: i64, uuid_kept: bool },
    /// Stored, though the answer says otherwise or does not tell the id.
    StoredUntold,
    /// Another client made the same new tag at the same moment; nothing was stored.
    TagRace,
    /// Larger than the server or a proxy before it takes.
    TooLarge,
    /// Stored or not: can't be told.
    Unclear(String),
    /// An id of this part does not exist in IRIS (any more).
    UnknownId(Part, String),
}

#[derive(Deserialize)]
struct Envelope {
    status: String,
    data: Added,
}

#[derive(Deserialize)]
struct Added {
    alert_id: i64,
    alert_uuid: uuid::Uuid,
}

#[derive(Deserialize)]
struct Message {
    message: String,
}

/// What an answer to `POST /alerts/add` for the alert with this uuid means.
pub(crate) fn of_add(answer: &Answer, uuid: uuid::Uuid) -> Meaning {
    match answer.status {
        200 | 201 => added(answer, uuid),
        400 => bad_request(answer),
        // IRIS denies in JSON; a page comes from a firewall before it, and one alert's words must not stop all others.
        403 if !is_json(answer) => Meaning::Blocked(format!(
            "a proxy before IRIS answers 403: {}",
            first_words(answer)
        )),
        413 => Meaning::TooLarge,
        status => match general(answer) {
            Outcome::Paused { scope, why } => Meaning::Operator { scope, why },
            Outcome::Retry { after, why, .. } if matches!(status, 429 | 503) => {
                Meaning::Later { after, why }
            }
            Outcome::Retry { why, .. } | Outcome::Unknown { why } => Meaning::Unclear(why),
            other => Meaning::Unclear(format!("{other:?}")),
        },
    }
}

/// What an answer other than 200 means on any route: [`Outcome::Retry`] or [`Outcome::Paused`].
pub(crate) fn general(answer: &Answer) -> Outcome {
    let sink = |why: String| Outcome::Paused {
        scope: Scope::Sink,
        why,
    };
    match answer.status {
        300..=399 => {
            let to = answer.location.as_deref().unwrap_or("another address");
            sink(format!("the address answers with a redirect to {}; write the right one as `url`", shown(to)))
        }
        401 => sink("IRIS refuses the API key (401): the key is wrong or its user inactive; mend `key_file`".to_owned()),
        403 => sink(
            "IRIS denies permission (403): the key's user needs the permissions alerts_read and alerts_write (Advanced > Access control)"
                .to_owned(),
        ),
        404 | 405 => sink(format!("there is no DFIR-IRIS at `url` (its answer is {}); mend `url`", answer.status)),
        407 => sink("the proxy wants authentication (407); mend `proxy`".to_owned()),
        415 => sink("the content type was changed on the way (415); a proxy before IRIS must pass `application/json`".to_owned()),
        429 | 503 => Outcome::Retry {
            after: answer.retry_after,
            why: format!("IRIS asks for patience ({})", answer.status),
            sink_wide: true,
        },
        status => Outcome::Retry {
            after: answer.retry_after,
            why: format!("IRIS answers {status}: {}", first_words(answer)),
            sink_wide: true,
        },
    }
}

fn added(answer: &Answer, uuid: uuid::Uuid) -> Meaning {
    match serde_json::from_slice::<Envelope>(&answer.body) {
        Ok(envelope) if envelope.status == "success" && envelope.data.alert_id > 0 => {
            Meaning::Stored {
                id: envelope.data.alert_id,
                uuid_kept: envelope.data.alert_uuid == uuid,
            }
        }
        _ if answer.truncated => {
            Meaning::Unclear("the answer of IRIS is longer than `response_limit`".to_owned())
        }
        _ => Meaning::Unclear(format!(
            "IRIS answers {} but names no alert: {}",
            answer.status,
            first_words(answer)
        )),
    }
}

fn bad_request(answer: &Answer) -> Meaning {
    let Ok(Message { message }) = serde_json::from_slice(&answer.body) else {
        let text = String::from_utf8_lossy(&answer.body);
        if text.contains("plain HTTP request was sent to HTTPS port") {
            let why = "`url` begins with http:// but the port speaks https".to_owned();
            return Meaning::Operator {
                scope: Scope::Sink,
                why,
            };
        }
        // IRIS itself does so only for a body that is no JSON (facts/iris.md §4), which ours never is.
        return Meaning::Blocked(format!("400: {}", first_words(answer)));
    };
    let first_line = message.lines().next().unwrap_or_default();
    match database_class(first_line) {
        Some((class, rest)) => database_error(class, rest),
        None => plain_error(first_line),
    }
}

fn is_json(answer: &Answer) -> bool {
    serde_json::from_slice::<Message>(&answer.body).is_ok()
}

/// `(psycopg2.errors.UniqueViolation) duplicate key …` in class and rest.
fn database_class(line: &str) -> Option<(&str, &str)> {
    let (class, rest) = line.strip_prefix('(')?.split_once(')')?;
    let class = class.strip_prefix("psycopg2.")?;
    Some((class.strip_prefix("errors.").unwrap_or(class), rest.trim()))
}

/// The words around the names differ with the database's language, so only names count.
fn database_error(class: &str, line: &str) -> Meaning {
    let has = |name: &str| line.contains(name);
    let part = || {
        if has("\"ioc") || has("ioc_") {
            Some(Part::Iocs)
        } else if has("case_assets") || has("asset") {
            Some(Part::Assets)
        } else {
            None
        }
    };
    let why = format!("IRIS answers 400: {class}: {}", shown(line));
    match class {
        "UniqueViolation" if has("alerts_alert_uuid_key") => Meaning::Duplicate,
        "UniqueViolation" if has("tags_tag_title_key") => Meaning::TagRace,
        // Another unique constraint: two requests crossed.
        "UniqueViolation" => Meaning::Unclear(why),
        "ForeignKeyViolation" if has("alert_customer_id") => Meaning::Operator {
            scope: Scope::Lane,
            why:
                "there is no customer with this id in IRIS; mend `default_customer` or `customers`"
                    .to_owned(),
        },
        "ForeignKeyViolation" => Meaning::UnknownId(part().unwrap_or(Part::Fields), why),
        "DataError"
        | "InvalidTextRepresentation"
        | "NumericValueOutOfRange"
        | "ProgramLimitExceeded"
        | "StringDataRightTruncation"
        | "UntranslatableCharacter"
        | "NotNullViolation"
        | "CheckViolation" => match part() {
            Some(part) => Meaning::BadPart(part),
            None => Meaning::Refused(why),
        },
        // OperationalError, InterfaceError, AdminShutdown, DeadlockDetected, DiskFull, …: the database's trouble, not the alert's.
        _ => Meaning::Unclear(why),
    }
}

fn plain_error(line: &str) -> Meaning {
    let why = format!("IRIS answers 400: {}", shown(line));
    if line == "'ioc_type_id'" {
        return Meaning::StoredUntold;
    }
    if line.starts_with("User not entitled") {
        return Meaning::Operator {
            scope: Scope::Lane,
            why: "the key's user has no access to this customer; add the customer to the user in IRIS (Advanced > Access control > user > \
                  Customers), or mend `customers`"
                .to_owned(),
        };
    }
    if line.starts_with("QueuePool")
        || line.contains("transaction has been rolled back")
        || line.contains("invalid transaction")
    {
        return Meaning::Unclear(why);
    }
    // Errors of the schema: the representation of a dict, field names as keys and fixed texts as values.
    if line.starts_with('{') {
        return match (
            line.contains("'ioc_"),
            line.contains("'asset_") || line.contains("'analysis_status"),
        ) {
            (true, _) if line.contains("Invalid IOC type ID") => {
                Meaning::UnknownId(Part::Iocs, why)
            }
            (true, _) => Meaning::BadPart(Part::Iocs),
            (_, true) if line.contains("Invalid asset type ID") => {
                Meaning::UnknownId(Part::Assets, why)
            }
            (_, true) => Meaning::BadPart(Part::Assets),
            _ => Meaning::Refused(why),
        };
    }
    match line {
        _ if line.starts_with("Invalid IOC type ID") => Meaning::UnknownId(Part::Iocs, why),
        _ if line.starts_with("Invalid asset type ID") => Meaning::UnknownId(Part::Assets, why),
        _ => Meaning::Refused(why),
    }
}

/// The beginning of a body for a message: its title where it is HTML, else its first characters.
fn first_words(answer: &Answer) -> String {
    let text = String::from_utf8_lossy(&answer.body[..answer.body.len().min(4096)]);
    if answer.content_type.starts_with("text/html") {
        let title = text
            .split_once("<title>")
            .and_then(|(_, rest)| rest.split_once("</title>"));
        return title.map_or_else(|| "an HTML page".to_owned(), |(title, _)| shown(title));
    }
    match serde_json::from_slice::<Message>(&answer.body) {
        Ok(Message { message }) => shown(message.lines().next().unwrap_or_default()),
        Err(_) => shown(&text),
    }
}

/// One short line that is safe to log.
fn shown(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(200)
        .collect();
    line.trim().to_owned()
}

#[cfg(test)]
mod tests;
