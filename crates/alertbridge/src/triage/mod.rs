//! Triage: a language model reads alerts that IRIS has, and its review is written into them. Asynchronous, and never in the way.
//!
//! * [`Admission`] chooses alerts when they are delivered; the job is written in the transaction that books the delivery.
//! * [`Worker`] claims a job by lease and fence, asks the model, holds its answer against what was sent, writes note and tags.
//! * [`Poller`] turns alerts that others tagged into the same jobs.
//! * [`FeedbackReader`] reads back what analysts thought of a review.
//! * [`Reviewer`] is what all of it is about: from an alert to a note, without ledger and IRIS.
//!
//! The ledger is the authority, tags in IRIS are its mirror. Whatever the model says, nothing of an alert is changed but
//! our block of its note and our own tags (docs/triage.md).

mod admission;
mod config;
mod doorway;
mod facts;
mod feedback;
mod kept;
mod lease;
mod material;
mod metrics;
mod mirror;
mod poller;
mod reviewer;
mod secrets;
mod standing;
mod tag_names;
mod title_filter;
mod worker;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use alertbridge_ledger::Ledger;
use alertbridge_sinks::Reviewable;
use alertbridge_triage::model::connect;
use tokio::{sync::watch, task::JoinHandle};
use tracing::error;

pub use self::{
    admission::{Admission, Refusal},
    config::{OutputPlace, TriageConfig},
    facts::Facts,
    feedback::FeedbackReader,
    kept::Kept,
    material::Material,
    metrics::TriageMetrics,
    poller::Poller,
    reviewer::{Asked, Reviewer, Trouble},
    secrets::{secrets, secrets_with},
    standing::Standing,
    tag_names::TagNames,
    title_filter::iris_sink,
    worker::{Shared, Worker},
};
use self::{doorway::Doorway, mirror::Mirror};
use crate::{clock::Clock, intel::Enrich, metrics::Metrics};

/// The class of a job whose alert IRIS would not let us change.
const REFUSED: &str = "iris_refused";
/// The class of a job that our own code can't stand.
const FAULT: &str = "fault";

/// A part that broke off is begun again after so long.
const AGAIN: Duration = Duration::from_secs(60);

/// What the workers stand on.
pub struct Parts {
    /// The books.
    pub ledger: Arc<dyn Ledger>,
    /// The sink whose alerts are reviewed.
    pub iris: Arc<dyn Reviewable>,
    /// What threat intelligence knows, where it is configured.
    pub intel: Option<Arc<dyn Enrich>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// Reads alerts with the configured model.
///
/// # Errors
/// Says which entry of `[triage]` is wrong.
pub fn reviewer(config: &TriageConfig, secrets: &[String]) -> Result<Reviewer, String> {
    let model =
        connect(config.model.clone()).map_err(|error| format!("[triage.model]: {error}"))?;
    Reviewer::new(config, secrets, model)
}

/// What all workers of this process share.
///
/// # Errors
/// Says which entry of `[triage]` is wrong.
pub fn shared(
    config: &TriageConfig,
    secrets: &[String],
    parts: Parts,
) -> Result<Arc<Shared>, String> {
    let reviewer = Arc::new(reviewer(config, secrets)?);
    let doorway = Doorway::new(reviewer.model().clone(), config);
    Ok(Arc::new(Shared {
        mirror: Mirror::new(parts.iris, config.tags.clone(), config.output),
        facts: Facts::new(parts.ledger.clone(), parts.intel, config.model.is_private()),
        ledger: parts.ledger,
        clock: parts.clock,
        metrics: parts.metrics,
        reviewer,
        doorway,
        config: config.clone(),
        rest: Mutex::new((0, None)),
    }))
}

/// What triage runs in the daemon.
pub struct Started {
    /// What this process's workers share; none where others do the work.
    pub shared: Option<Arc<Shared>>,
    /// Workers, the look for tags, the reading of feedback.
    pub tasks: Vec<JoinHandle<()>>,
}

/// Starts it in the daemon. Must be called within a tokio runtime.
///
/// # Errors
/// Says which entry of `[triage]` is wrong.
pub fn start(
    config: &TriageConfig,
    secrets: &[String],
    parts: Parts,
    stop: &watch::Receiver<bool>,
) -> Result<Started, String> {
    let sink = parts.iris.name().to_owned();
    let shared = shared(config, secrets, parts)?;
    let mut tasks = Vec::new();
    for number in 1..=config.workers {
        let (shared, stopped) = (shared.clone(), stop.clone());
        tasks.push(kept_running(stop.clone(), move || {
            let name = format!("daemon:{number}");
            // What this worker had under way when it last ended is free at once: there is no other of its name.
            drop(shared.ledger.release_jobs(&name));
            let worker = Worker::new(shared.clone(), name, stopped.clone(), false);
            async move {
                let ended = worker.run().await;
                tracing::debug!(ended, "a triage worker ended");
            }
        }));
    }
    let (looks, stopped) = (shared.clone(), stop.clone());
    tasks.push(kept_running(stop.clone(), move || {
        Poller::new(looks.clone(), sink.clone()).run(stopped.clone())
    }));
    let (reads, stopped) = (shared.clone(), stop.clone());
    tasks.push(kept_running(stop.clone(), move || {
        FeedbackReader::new(reads.clone()).run(stopped.clone())
    }));
    Ok(Started {
        shared: (config.workers > 0).then_some(shared),
        tasks,
    })
}

/// Triage is never in the way: a part of it that breaks off is begun again, and the daemon goes on.
fn kept_running<F, R>(mut stop: watch::Receiver<bool>, begin: F) -> JoinHandle<()>
where
    F: Fn() -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    tokio::spawn(async move {
        while let Err(error) = tokio::spawn(begin()).await {
            error!(%error, "a part of triage broke off; this is a fault in alertbridge");
            tokio::select! {
                () = tokio::time::sleep(AGAIN) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    })
}
