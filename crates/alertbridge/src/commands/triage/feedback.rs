//! `alertbridge triage feedback`: what analysts thought of the reviews.

use alertbridge_ledger::Ledger;
use jiff::Timestamp;

use super::{parts, section};
use crate::{
    cli, clock,
    commands::{answer, print_json, reader},
    exit::Exit,
    failure::Failure,
    output,
    table::{Table, printable},
    triage::{self, FeedbackReader},
};

/// Runs the command.
pub fn run(arguments: &cli::TriageFeedback) -> Result<Exit, Failure> {
    let (mut config, section) = section(&arguments.output.config)?;
    if arguments.refresh {
        let (secrets, parts) = parts(&mut config)?;
        let shared = triage::shared(&section, &secrets, parts)
            .map_err(|error| Failure::new(Exit::Config, error))?;
        let news = super::super::super::runtime()?.block_on(FeedbackReader::new(shared).round())?;
        eprintln!("{news} alerts had news");
    }
    let ledger = reader(&config)?;
    let since = arguments
        .since
        .map_or(Timestamp::UNIX_EPOCH, |since| since.before(clock::now()));
    let rows = answer(ledger.feedback(since))?;
    if arguments.output.json {
        print_json(&rows)?;
        return Ok(Exit::Success);
    }
    let mut table = Table::new(&[
        "rule",
        "model",
        "verdict",
        "reviews",
        "agree",
        "disagree",
        "resolved as",
    ]);
    for row in &rows {
        let resolutions: Vec<String> = row
            .resolutions
            .iter()
            .map(|(name, count)| format!("{} {count}", printable(name)))
            .collect();
        table.cells(
            &row.rule_id,
            &[
                printable(&row.model),
                printable(&row.verdict),
                row.jobs.to_string(),
                row.agree.to_string(),
                row.disagree.to_string(),
                resolutions.join(", "),
            ],
        );
    }
    output::print(table.text())?;
    Ok(Exit::Success)
}
