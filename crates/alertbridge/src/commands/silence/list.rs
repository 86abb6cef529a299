//! `alertbridge silence list` and `export`.

use std::time::Duration;

use alertbridge_ledger::{Ledger, Silence};
use jiff::Timestamp;
use serde::Serialize;

use super::{answer, print_json, reader};
use crate::{cli, clock, config::Config, exit::Exit, failure::Failure, output, table::printable};

/// A silence that is older and matched nothing in such a time can go.
const IDLE: Duration = Duration::from_secs(30 * 24 * 3600);

/// Whether it silences now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Active,
    Ended,
    Pending,
}

/// What the list says of one.
#[derive(Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    silence: &'a Silence,
    state: State,
    /// It has been active for 30 days, and matched nothing in the last 30.
    idle: bool,
}

impl<'a> Listed<'a> {
    fn new(silence: &'a Silence, now: Timestamp) -> Self {
        let state = if silence.ends_at <= now {
            State::Ended
        } else if silence.starts_at > now {
            State::Pending
        } else {
            State::Active
        };
        let since = silence.last_hit.unwrap_or(silence.starts_at);
        let idle = state == State::Active
            && now.duration_since(since).unsigned_abs() >= IDLE
            && since < now;
        Self {
            silence,
            state,
            idle,
        }
    }
}

/// Prints those that are active or to come; with `--all` the ended ones too.
pub fn run(arguments: &cli::SilenceList) -> Result<Exit, Failure> {
    let config = Config::load(&arguments.output.config.config)?;
    let now = clock::now();
    let silences = answer(reader(&config)?.silences())?;
    let listed: Vec<Listed<'_>> = silences
        .iter()
        .map(|silence| Listed::new(silence, now))
        .filter(|listed| arguments.all || listed.state != State::Ended)
        .collect();
    if arguments.output.json {
        print_json(&listed)?;
    } else if listed.is_empty() {
        output::line("no silences")?;
    } else {
        for listed in &listed {
            output::print(text(listed))?;
        }
    }
    Ok(Exit::Success)
}

/// Prints those that are active or to come as `import` reads them. Hits are no part of it: they are the ledger's own.
pub fn export(output: &cli::Output) -> Result<Exit, Failure> {
    let config = Config::load(&output.config.config)?;
    let now = clock::now();
    let mut silences = answer(reader(&config)?.silences())?;
    silences.retain(|silence| silence.ends_at > now);
    print_json(&silences)?;
    Ok(Exit::Success)
}

fn text(listed: &Listed<'_>) -> String {
    let silence = listed.silence;
    let times = match listed.state {
        State::Active => format!("active, ends {}", moment(silence.ends_at)),
        State::Ended => format!("ended {}", moment(silence.ends_at)),
        State::Pending => format!(
            "from {} to {}",
            moment(silence.starts_at),
            moment(silence.ends_at)
        ),
    };
    let hits = match (silence.hits, silence.last_hit, listed.idle) {
        (hits, Some(last), false) => format!("{hits} alerts silenced, the last {}", moment(last)),
        (hits, Some(last), true) => format!(
            "{hits} alerts silenced, the last {}: none in 30 days",
            moment(last)
        ),
        (_, None, true) => "never matched in 30 days".into(),
        (_, None, false) => "no alert silenced yet".into(),
    };
    format!(
        "{}  {times}\n  {}\n  {}: {}\n  {hits}\n",
        printable(&silence.id),
        printable(&silence.matchers),
        printable(&silence.created_by),
        printable(&silence.comment),
    )
}

fn moment(at: Timestamp) -> jiff::fmt::strtime::Display<'static> {
    at.strftime("%Y-%m-%d %H:%M:%SZ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_says_what_is_active_what_it_did_and_what_can_go() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = at("2026-11-21T12:00:00Z");
        let active = Silence {
            id: "3a7a7a5e-8a4b-4c1e-9a53-5f5d6c0b9a11".into(),
            matchers: "{rule.id = \"5710\", agent.name = \"web\u{202e}01\"}".into(),
            starts_at: at("2026-11-20T12:00:00Z"),
            ends_at: at("2026-11-22T12:00:00Z"),
            created_by: "ana".into(),
            comment: "pentest\n\x1b[2Jnot a line".into(),
            created_at: at("2026-11-20T12:00:00Z"),
            hits: 412,
            last_hit: Some(at("2026-11-21T09:12:00Z")),
        };
        let old = Silence {
            starts_at: at("2026-10-01T12:00:00Z"),
            ..active.clone()
        };
        let silences = [
            active.clone(),
            Silence {
                hits: 3,
                last_hit: Some(at("2026-10-22T11:00:00Z")),
                ..old.clone()
            },
            Silence {
                hits: 0,
                last_hit: None,
                ..old.clone()
            },
            Silence {
                starts_at: at("2026-11-21T13:00:00Z"),
                hits: 0,
                last_hit: None,
                ..active.clone()
            },
            Silence {
                ends_at: now,
                ..old
            },
        ];
        let lines: Vec<String> = silences
            .iter()
            .map(|silence| text(&Listed::new(silence, now)))
            .collect();
        insta::assert_snapshot!(lines.concat());
    }
}
