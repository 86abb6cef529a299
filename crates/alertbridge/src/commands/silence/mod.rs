//! `alertbridge silence`: alerts nobody needs to see for a time.
//!
//! Silences live in the ledger: what is written here, a running daemon reads within a second. Matchers are stored as the
//! program writes them, so that every list shows one spelling.

mod entry;
mod import;
mod list;
mod preview;

pub(super) use self::preview::words;

use alertbridge_ledger::{Ledger, Silence};
use alertbridge_pipeline::{MatcherError, Matchers, SilenceError, SilenceRule};
use jiff::Timestamp;

use super::{answer, print_json, reader, writer};
use crate::{cli, clock, config::Config, exit::Exit, failure::Failure, output, table::printable};

/// A comment may have so many characters.
const LONGEST_COMMENT: usize = 4096;
/// A person's name may have so many.
const LONGEST_NAME: usize = 256;

/// Runs the command.
pub fn run(command: &cli::Silence) -> Result<Exit, Failure> {
    match command {
        cli::Silence::Add(arguments) => add(arguments),
        cli::Silence::List(arguments) => list::run(arguments),
        cli::Silence::Expire(arguments) => expire(arguments),
        cli::Silence::Import(arguments) => import::run(arguments),
        cli::Silence::Export(output) => list::export(output),
        cli::Silence::Preview(arguments) => preview::run(arguments),
    }
}

fn add(arguments: &cli::SilenceAdd) -> Result<Exit, Failure> {
    let now = clock::now();
    let matchers = matchers(&arguments.matchers)?;
    let starts_at = arguments.starts_at.map_or(now, |when| when.after(now));
    let ends_at = match (arguments.ends_at, arguments.duration) {
        (Some(when), _) => when.after(now),
        (None, Some(span)) => starts_at.checked_add(span).unwrap_or(Timestamp::MAX),
        (None, None) => return Err(usage("when does it end? give --duration or --ends-at")),
    };
    let silence = checked(Silence {
        id: new_id(),
        matchers: matchers.to_string(),
        starts_at,
        ends_at,
        created_by: arguments.created_by.clone().unwrap_or_else(login_name),
        comment: arguments.comment.clone(),
        created_at: now,
        hits: 0,
        last_hit: None,
    })
    .map_err(usage)?;
    if silence.ends_at <= now {
        return Err(usage(format_args!(
            "it would be over since {}",
            silence.ends_at
        )));
    }
    if silence.comment.trim().is_empty() {
        return Err(usage("say why in --comment: somebody will ask"));
    }
    let config = Config::load(&arguments.output.config.config)?;
    answer(writer(&config)?.put_silence(silence.clone()))?;
    if arguments.output.json {
        print_json(&silence)?;
    } else {
        output::line(&silence.id)?;
    }
    Ok(Exit::Success)
}

fn expire(arguments: &cli::SilenceExpire) -> Result<Exit, Failure> {
    let ledger = writer(&Config::load(&arguments.output.config.config)?)?;
    let now = clock::now();
    let (mut expired, mut missed) = (Vec::new(), Vec::new());
    for id in &arguments.ids {
        if answer(ledger.expire_silence(id, now))? {
            expired.push(id);
        } else {
            eprintln!(
                "{}: no such silence, or it has ended; `alertbridge silence list` prints those there are",
                printable(id)
            );
            missed.push(id);
        }
    }
    if arguments.output.json {
        print_json(&serde_json::json!({ "expired": expired, "not_found": missed }))?;
    } else {
        output::line(format_args!("expired: {}", expired.len()))?;
    }
    Ok(if missed.is_empty() {
        Exit::Success
    } else {
        Exit::Partial
    })
}

/// Reads matchers of the command line; the failure shows the place.
fn matchers(text: &str) -> Result<Matchers, Failure> {
    text.parse()
        .map_err(|error| usage(format_args!("{error}\n{}", place(text, &error))))
}

/// The line with the fault, and a mark below it.
fn place(text: &str, error: &MatcherError) -> String {
    /// Characters shown before the fault, and behind it.
    const AROUND: usize = 60;
    let fault = error.column.saturating_sub(1);
    let first = fault.saturating_sub(AROUND);
    let shown: String = text
        .chars()
        .skip(first)
        .take(fault - first + AROUND)
        .collect();
    format!("  {}\n  {}^", printable(&shown), " ".repeat(fault - first))
}

/// A silence as it may be stored. The error says what is wrong.
fn checked(silence: Silence) -> Result<Silence, String> {
    if silence.comment.chars().count() > LONGEST_COMMENT {
        return Err(format!(
            "the comment is longer than {LONGEST_COMMENT} characters"
        ));
    }
    if silence.created_by.chars().count() > LONGEST_NAME {
        return Err(format!(
            "the name of who made it is longer than {LONGEST_NAME} characters"
        ));
    }
    let rule = SilenceRule::new("", &silence.matchers, silence.starts_at, silence.ends_at)
        .map_err(|error| match error {
            SilenceError::Matchers { error, .. } => {
                format!("{error}\n{}", place(&silence.matchers, &error))
            }
            error => error.to_string().replacen("silence : ", "", 1),
        })?;
    Ok(Silence {
        matchers: rule.matchers().to_string(),
        ..silence
    })
}

fn new_id() -> String {
    let random = fastrand::u128(..).to_be_bytes();
    uuid::Builder::from_random_bytes(random)
        .into_uuid()
        .to_string()
}

/// Who is at the keyboard, also behind `sudo`.
fn login_name() -> String {
    let named = |name| std::env::var(name).ok().filter(|name| !name.is_empty());
    ["SUDO_USER", "LOGNAME", "USER"]
        .into_iter()
        .find_map(named)
        .unwrap_or_else(|| "unknown".into())
}

fn usage(what: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Usage, what)
}
