//! The demo's language model: a stand-in that answers in the form it is asked for, slowly, as models do.

use std::{collections::HashSet, time::Duration};

use alertbridge_ledger::{JobFilter, JobState, JobStatus, Ledger, SqliteLedger};
use alertbridge_sandbox::{IrisSandbox, ModelOptions, ModelSandbox};

use super::folders::Folders;
use crate::{commands::answer, exit::Exit, failure::Failure};

/// Between two pieces of an answer.
const PACE: Duration = Duration::from_millis(5);
/// What every review begins with.
const MARKER: &str = "AI TRIAGE REVIEW";

/// The stand-in.
pub struct Triage {
    pub model: ModelSandbox,
}

impl Triage {
    /// Starts it. Must run inside a tokio runtime.
    pub async fn start() -> Result<Self, Failure> {
        let options = ModelOptions {
            pace: PACE,
            ..ModelOptions::default()
        };
        let model = ModelSandbox::start(options)
            .await
            .map_err(|error| Failure::new(Exit::Unavailable, error))?;
        Ok(Self { model })
    }

    /// Whether no alert waits for its review.
    pub fn finished(folders: &Folders) -> bool {
        Self::status(folders).is_some_and(|status| status.pending + status.claimed == 0)
    }

    fn status(folders: &Folders) -> Option<JobStatus> {
        let ledger = SqliteLedger::open_reader(folders.ledger()).ok()?;
        answer(ledger.job_status()).ok()
    }

    /// Says what became of the reviews, and shows one. True where each alert that was to be reviewed has exactly one, and no question
    /// held a secret of ours.
    pub fn report(&self, iris: &IrisSandbox, folders: &Folders) -> Result<bool, Failure> {
        let ledger = SqliteLedger::open_reader(folders.ledger())?;
        let filter = JobFilter {
            state: Some(JobState::Reviewed),
            limit: usize::MAX,
            ..JobFilter::default()
        };
        let reviewed: HashSet<String> = answer(ledger.jobs(filter))?
            .into_iter()
            .map(|job| job.id)
            .collect();
        let alerts = iris.alerts();
        let (mut once, mut shown) = (0, None);
        for alert in &alerts {
            let note = alert.raw["alert_note"].as_str().unwrap_or_default();
            let tags = alert.raw["alert_tags"].as_str().unwrap_or_default();
            let said = note.matches(MARKER).count();
            let is_tagged = tags.split(',').any(|tag| tag == "ai-reviewed");
            once += usize::from(said == 1 && is_tagged);
            if said == 1 && shown.is_none_or(|(before, _)| note.len() > before) {
                shown = Some((note.len(), note));
            }
        }
        let questions = self.model.questions();
        let leaked = questions.iter().any(|question| {
            let body = question.body.to_string();
            body.contains(iris.key())
        });
        say!(
            "triage: a stand-in for a language model answered {} questions; {} alerts in IRIS carry exactly one review each",
            questions.len(),
            once
        );
        if let Some((_, note)) = shown {
            say!("\none of them, as its note shows it:\n");
            for line in note.lines() {
                say!("    {line}");
            }
        }
        Ok(!leaked && once > 0 && once == reviewed.len())
    }
}
