//! Whether IRIS holds an alert, exactly.
//!
//! Servers since 2.4.17 are asked for the uuid (`custom_conditions`, indexed, 4–10 ms); 2.4.15 and 2.4.16 for the reference, a substring
//! search whose wildcards are escaped, and the uuids are compared here; older ones can't be asked, but they refuse a second copy
//! (facts/iris.md §0.1, §5). A server that does not know a parameter ignores it and returns everything, so no row is
//! believed whose uuid is another.

use serde::Deserialize;
use uuid::Uuid;

use super::{
    classify,
    client::{Answer, Client, Fault},
};
use crate::{Outcome, Scope};

/// Rows asked for at a time from a server that can't search exactly. Each row is a whole alert.
const PAGE: usize = 20;
/// Pages looked through. One reference matches few others: those it is the beginning of.
const MOST_PAGES: usize = 25;
/// Longest search text: a longer one would exceed the request line of 4,094 bytes (facts/iris.md §5).
const LONGEST_SEARCH: usize = 1000;

/// What a look-up found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Absent,
    /// The alert's id.
    Present(i64),
    Unknowable,
}

/// A version of IRIS: `v2.4.20`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(u32, u32, u32);

impl Version {
    pub(crate) const EXACT_SEARCH: Self = Self(2, 4, 17);
    pub(crate) const REFERENCE_SEARCH: Self = Self(2, 4, 15);
    /// `alert_owner_id: -1` means nobody (facts/iris.md §6).
    pub(crate) const OWNER_NOBODY: Self = Self(2, 4, 15);

    /// Reads `v2.4.20`, `2.5.0-beta.1`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text
            .trim()
            .trim_start_matches('v')
            .split(['.', '-', '+'])
            .map(str::parse);
        match (parts.next()?, parts.next()?, parts.next().unwrap_or(Ok(0))) {
            (Ok(major), Ok(minor), patch) => Some(Self(major, minor, patch.unwrap_or(0))),
            _ => None,
        }
    }
}

#[derive(Deserialize)]
struct VersionAnswer {
    data: VersionData,
}

#[derive(Deserialize)]
struct VersionData {
    iris_current: String,
}

/// The server's version as it is written; `Err` is a retry or a pause.
pub(crate) async fn version(client: &Client) -> Result<String, Outcome> {
    let answer = answered(client.get("/api/versions", &[]).await)?;
    match serde_json::from_slice::<VersionAnswer>(&answer.body) {
        Ok(answer) => Ok(answer.data.iris_current),
        Err(_) => Err(Outcome::Retry {
            after: None,
            why:
                "the answer about the version of IRIS can't be read; is there a DFIR-IRIS at `url`?"
                    .to_owned(),
            sink_wide: true,
        }),
    }
}

#[derive(Deserialize)]
struct FilterAnswer {
    data: FilterData,
}

#[derive(Deserialize)]
struct FilterData {
    total: u64,
    alerts: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    alert_id: i64,
    alert_uuid: Uuid,
}

/// Looks for an alert on a server of this version; `Err` is a retry or a pause.
pub(crate) async fn look_up(
    client: &Client,
    version: Option<Version>,
    uuid: Uuid,
    source_ref: &str,
) -> Result<Found, Outcome> {
    match version {
        Some(version) if version >= Version::EXACT_SEARCH => by_uuid(client, uuid).await,
        Some(version) if version >= Version::REFERENCE_SEARCH => {
            by_reference(client, uuid, source_ref).await
        }
        _ => Ok(Found::Unknowable),
    }
}

async fn by_uuid(client: &Client, uuid: Uuid) -> Result<Found, Outcome> {
    let conditions = format!(r#"[{{"field":"alert_uuid","operator":"eq","value":"{uuid}"}}]"#);
    let query = [
        ("custom_conditions", conditions.as_str()),
        ("fields", "alert_id,alert_uuid"),
        ("page", "1"),
        ("per_page", "5"),
    ];
    let Some(rows) = rows(client, &query).await? else {
        return Ok(Found::Unknowable);
    };
    Ok(
        match rows.alerts.iter().find(|row| row.alert_uuid == uuid) {
            Some(row) => Found::Present(row.alert_id),
            None if rows.total == 0 && rows.alerts.is_empty() => Found::Absent,
            // Rows with other uuids: the condition was ignored.
            None => Found::Unknowable,
        },
    )
}

async fn by_reference(client: &Client, uuid: Uuid, source_ref: &str) -> Result<Found, Outcome> {
    let search = like_escaped(source_ref);
    if search.is_empty() || search.len() > LONGEST_SEARCH {
        return Ok(Found::Unknowable);
    }
    let per_page = PAGE.to_string();
    let mut seen = 0;
    for page in 1..=MOST_PAGES {
        let page = page.to_string();
        let query = [
            ("source_reference", search.as_str()),
            ("sort", "desc"),
            ("page", &page),
            ("per_page", &per_page),
        ];
        let Some(rows) = rows(client, &query).await? else {
            return Ok(Found::Unknowable);
        };
        if let Some(row) = rows.alerts.iter().find(|row| row.alert_uuid == uuid) {
            return Ok(Found::Present(row.alert_id));
        }
        seen += rows.alerts.len() as u64;
        if rows.alerts.is_empty() || seen >= rows.total {
            // The order has no tie-break, so a row can slip between two pages; only one page is proof.
            return Ok(if page == "1" {
                Found::Absent
            } else {
                Found::Unknowable
            });
        }
    }
    Ok(Found::Unknowable)
}

/// The rows of one page; `None` where they are longer than an answer may be: then asking again would not help either.
async fn rows(client: &Client, query: &[(&str, &str)]) -> Result<Option<FilterData>, Outcome> {
    let answer = answered(client.get("/alerts/filter", query).await)?;
    match serde_json::from_slice::<FilterAnswer>(&answer.body) {
        Ok(answer) => Ok(Some(answer.data)),
        Err(_) if answer.truncated => Ok(None),
        Err(_) => Err(Outcome::Retry {
            after: None,
            why: "the answer of IRIS to a search can't be read".to_owned(),
            sink_wide: true,
        }),
    }
}

/// A 200, or what everything else means.
pub(crate) fn answered(sent: Result<Answer, Fault>) -> Result<Answer, Outcome> {
    match sent {
        Ok(answer) if answer.status == 200 => Ok(answer),
        Ok(answer) => Err(classify::general(&answer)),
        Err(fault) => Err(of_fault(fault)),
    }
}

/// What a request that only asks leaves when it fails.
pub(crate) fn of_fault(fault: Fault) -> Outcome {
    match fault {
        Fault::Misconfigured(why) => Outcome::Paused {
            scope: Scope::Sink,
            why,
        },
        Fault::NotSent(why) | Fault::Unclear(why) => Outcome::Retry {
            after: None,
            why,
            sink_wide: true,
        },
    }
}

/// A text that a LIKE search takes as it is (facts/iris.md §5).
pub(crate) fn like_escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '\\' | '%' | '_') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared_by_number() {
        assert!(Version::parse("v2.4.20").unwrap() > Version::EXACT_SEARCH);
        assert!(Version::parse("2.5.0-beta.1").unwrap() > Version::EXACT_SEARCH);
        assert!(Version::parse("v2.4.9").unwrap() < Version::REFERENCE_SEARCH);
        assert_eq!(Version::parse("unknown"), None);
    }

    #[test]
    fn wildcards_in_a_reference_stand_for_themselves() {
        assert_eq!(like_escaped(r"a_b%c\d"), r"a\_b\%c\\d");
    }
}
