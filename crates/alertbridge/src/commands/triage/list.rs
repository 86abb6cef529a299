//! `alertbridge triage list`: jobs, the newest first.

use alertbridge_ledger::{JobFilter, JobRow, JobState, Ledger};

use super::section;
use crate::{
    cli,
    commands::{answer, print_json, reader},
    exit::Exit,
    failure::Failure,
    output,
    table::{Table, printable},
};

/// Runs the command.
pub fn run(arguments: &cli::TriageList) -> Result<Exit, Failure> {
    let (config, _) = section(&arguments.output.config)?;
    let ledger = reader(&config)?;
    let filter = JobFilter {
        state: arguments.state.as_deref().and_then(state),
        limit: arguments.limit,
        ..JobFilter::default()
    };
    let jobs = answer(ledger.jobs(filter))?;
    if arguments.output.json {
        print_json(&jobs)?;
        return Ok(Exit::Success);
    }
    let status = answer(ledger.job_status())?;
    let mut table = Table::new(&["alert", "rule", "level", "state", "since", "what"]);
    for job in &jobs {
        table.cells(
            &job.id,
            &[
                printable(&job.rule_id),
                job.level.to_string(),
                word(job.state).to_owned(),
                job.created_at.strftime("%Y-%m-%d %H:%M").to_string(),
                what(job),
            ],
        );
    }
    output::print(table.text())?;
    output::line(format_args!(
        "\n{} wait, {} under way, {} reviewed, {} failed, {} left out",
        status.pending, status.claimed, status.reviewed, status.failed, status.skipped
    ))?;
    Ok(Exit::Success)
}

fn what(job: &JobRow) -> String {
    let text = match job.state {
        JobState::Reviewed => job.verdict.clone(),
        JobState::Claimed => job.worker.clone(),
        JobState::Failed => job.class.clone(),
        JobState::Pending | JobState::Skipped => job.why.clone(),
    };
    printable(&text.unwrap_or_default())
}

fn state(word: &str) -> Option<JobState> {
    [
        JobState::Pending,
        JobState::Claimed,
        JobState::Reviewed,
        JobState::Failed,
        JobState::Skipped,
    ]
    .into_iter()
    .find(|state| self::word(*state) == word)
}

fn word(state: JobState) -> &'static str {
    match state {
        JobState::Pending => "pending",
        JobState::Claimed => "claimed",
        JobState::Reviewed => "reviewed",
        JobState::Failed => "failed",
        JobState::Skipped => "skipped",
    }
}
