//! `alertbridge triage again`: puts the tag that asks for a review back, which the next look finds.
//!
//! The job itself is woken as well, so that a daemon that does not look for tags does it, too.

use alertbridge_ledger::Ledger;
use alertbridge_sinks::{Amended, Amendment, Identity, Sink, TagChange};

use super::section;
use crate::{
    cli, clock,
    commands::{answer, writer},
    exit::Exit,
    failure::Failure,
    output,
    table::printable,
    triage,
};

/// Runs the command.
pub fn run(arguments: &cli::TriageAgain) -> Result<Exit, Failure> {
    let (mut config, section) = section(&arguments.config)?;
    let iris = config
        .sinks
        .iris
        .take()
        .ok_or_else(|| Failure::new(Exit::Config, "the configuration has no [sinks.iris]"))?;
    let sink = triage::iris_sink(iris, &config)?;
    let ledger = writer(&config)?;
    let runtime = super::super::super::runtime()?;
    let mut exit = Exit::Success;
    for id in &arguments.ids {
        let tagged = runtime.block_on(sink.amend(&Amendment {
            id: id.clone(),
            identity: Identity::IdOnly,
            tags: TagChange {
                add: vec![section.tags.pending.clone()],
                remove: vec![section.tags.failed.clone(), section.tags.skipped.clone()],
            },
            unless_ended: true,
            ..Amendment::default()
        }));
        let trouble = match tagged {
            Amended::Written(_) | Amended::Unchanged => None,
            Amended::TagsKept(_) => Some(
                "IRIS before 2.4.15 can't change the tags of an alert that nobody owns; take it or tag it there"
                    .to_owned(),
            ),
            Amended::Ended { why } => Some(format!("it is {why}")),
            Amended::Retry { why, .. } | Amended::Paused { why, .. } | Amended::Never { why } => {
                Some(why)
            }
            Amended::Overruled => Some("its tags were changed meanwhile".to_owned()),
        };
        if let Some(trouble) = trouble {
            exit = Exit::Partial;
            eprintln!("{}: {}", printable(id), printable(&trouble));
            continue;
        }
        let woken = answer(ledger.again(sink.name(), id, clock::now()))?;
        output::line(format_args!(
            "{}: {}",
            printable(id),
            if woken {
                "is reviewed again"
            } else {
                "tagged; the daemon finds it with its next look"
            }
        ))?;
    }
    Ok(exit)
}
