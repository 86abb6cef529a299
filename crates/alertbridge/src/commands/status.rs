//! `alertbridge status`: what waits, what is paused and what is wrong.

use alertbridge_ledger::{JobStatus, Ledger, Status};
use jiff::Timestamp;
use serde::Serialize;

use super::{answer, print_json, reader};
use crate::{cli, clock, config::Config, exit::Exit, failure::Failure, output, table::printable};

/// Prints it.
pub fn run(arguments: &cli::Output) -> Result<Exit, Failure> {
    let config = Config::load(&arguments.config.config)?;
    let ledger = reader(&config)?;
    let standing = Standing {
        status: answer(ledger.status())?,
        triage: answer(ledger.job_status())?,
    };
    if arguments.json {
        print_json(&standing)?;
    } else {
        let now = clock::now();
        output::print(format_args!(
            "{}{}",
            text(&standing.status, now),
            of_triage(&standing.triage, now)
        ))?;
    }
    Ok(Exit::Success)
}

/// All of it, for machines.
#[derive(Serialize)]
struct Standing {
    #[serde(flatten)]
    status: Status,
    triage: JobStatus,
}

/// Nothing where no alert was ever to be reviewed.
fn of_triage(jobs: &JobStatus, now: Timestamp) -> String {
    let all = jobs.pending + jobs.claimed + jobs.reviewed + jobs.failed + jobs.skipped;
    if all == 0 {
        return String::new();
    }
    let oldest = jobs.oldest_pending.map_or_else(String::new, |at| {
        format!(
            ", the oldest for {} s",
            now.duration_since(at).as_secs().max(0)
        )
    });
    format!(
        "triage: {} wait{oldest}; {} under way, {} reviewed, {} failed, {} left out\n",
        jobs.pending, jobs.claimed, jobs.reviewed, jobs.failed, jobs.skipped
    )
}

fn text(status: &Status, now: Timestamp) -> String {
    let mut text = String::new();
    for (sink, pending) in &status.pending {
        text.push_str(&format!("{sink}: {pending} pending"));
        if let Some((_, oldest)) = status.oldest_pending.iter().find(|(name, _)| name == sink) {
            text.push_str(&format!(
                ", the oldest received {} s ago",
                now.duration_since(*oldest).as_secs().max(0)
            ));
        }
        text.push('\n');
    }
    for (sink, counts) in &status.tellings_waiting {
        if *counts > 0 {
            text.push_str(&format!("{sink}: {counts} counts of repeats to be told\n"));
        }
    }
    for (sink, why) in &status.waiting {
        text.push_str(&printable(&format!("{sink}: to be tried again: {why}")));
        text.push('\n');
    }
    for pause in &status.pauses {
        let lane = pause
            .lane
            .as_ref()
            .map_or_else(String::new, |lane| format!(" (customer {lane})"));
        text.push_str(&printable(&format!(
            "paused since {}: {}{lane}: {}; next try {}",
            pause.since, pause.sink, pause.why, pause.probe_at
        )));
        text.push('\n');
    }
    if let Some((since, why)) = &status.stalled {
        text.push_str(&format!("nothing can be written since {since}: {why}\n"));
    }
    text.push_str(&format!(
        "dead letters: {}\ngroups that repeats may still join: {}\nledger: {} bytes\n",
        status.dead_letters, status.open_groups, status.bytes
    ));
    text
}

#[cfg(test)]
mod tests {
    use alertbridge_ledger::Pause;

    use super::*;

    #[test]
    fn it_says_what_waits_and_why() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let status = Status {
            pending: vec![("iris".into(), 12)],
            oldest_pending: vec![("iris".into(), at("2026-11-21T09:59:00Z"))],
            waiting: vec![("iris".into(), "IRIS answers 502: Bad Gateway".into())],
            dead_letters: 2,
            pauses: vec![Pause {
                sink: "iris".into(),
                lane: Some("acme".into()),
                why: "the key's user has no access to customer acme\x1b[2J".into(),
                since: at("2026-11-21T09:59:30Z"),
                probe_at: at("2026-11-21T10:01:00Z"),
            }],
            stalled: Some((
                at("2026-11-21T09:59:40Z"),
                "database or disk is full".into(),
            )),
            bytes: 4096,
            open_groups: 7,
            crowded_out: 0,
            ..Status::default()
        };
        insta::assert_snapshot!(text(&status, at("2026-11-21T10:00:00Z")));
    }
}
