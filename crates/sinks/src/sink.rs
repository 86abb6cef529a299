//! The boundary between the delivery worker and a sink.

use std::{future::Future, pin::Pin, time::Duration};

use alertbridge_alert::Alert;
use jiff::Timestamp;

use crate::{Amended, Amendment, Continues, Digest, IntelHit};

/// A boxed future, so that sinks can be kept in one list.
pub type SinkFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One alert on its way to one sink.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The alert, as it came.
    pub alert: Alert,
    /// The alert's stable reference, with its suffix where two different alerts share one (`node:id`, `node:id~1a2b3c4d`).
    pub reference: String,
    /// The lane [`Sink::lane`] chose when the alert was routed: for IRIS the customer, as the configuration names it.
    pub lane: String,
    /// When Alertbridge received it, UTC.
    pub received_at: Timestamp,
    /// How often this delivery was begun, 1 at the first time.
    pub attempt: u32,
    /// The alerts this one stands for; `alert` is the first of them then.
    pub digest: Option<Digest>,
    /// The alert it goes on from.
    pub continues: Option<Continues>,
    /// What threat intelligence knows about its observables, the weightiest first.
    pub intel: Vec<IntelHit>,
    /// Tags it gets beside the sink's own, after them: `ai-pending`. A sink without tags ignores them.
    pub tags: Vec<String>,
}

/// What the sink has of an alert it took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// The sink's own id of it (IRIS: `alert_id`). Empty where the sink proved to have it but did not tell the id.
    pub id: String,
    /// A link a person can open, where there is one.
    pub link: Option<String>,
    /// What was changed or left out so that the sink would take it. Nothing is changed in silence.
    pub changes: Vec<Change>,
}

/// One kind of change made to an alert on its way, with how often: `ioc_refused` × 2.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Change {
    /// A stable word for metrics, lower case with underscores: `nul_removed`, `title_cut`, `ioc_refused`, …
    pub what: String,
    /// How many places it was done in.
    pub count: u32,
}

/// How much a configuration fault stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Only this lane: the customer is unknown or not allowed.
    Lane,
    /// Everything for this sink: the key is refused.
    Sink,
}

/// What came of one attempt to deliver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The sink confirmed it and gave its id.
    Delivered(Proof),
    /// The sink had it already from an earlier attempt.
    AlreadyThere(Proof),
    /// Not taken, a passing fault: try again.
    Retry {
        /// The sink's own wish (`Retry-After`), else the worker's backoff decides.
        after: Option<Duration>,
        /// Why, one line without secrets.
        why: String,
        /// True where the fault says something about the sink as a whole (unreachable, 5xx, 429), so that the worker slows
        /// down for all; false where it concerns this alert alone (a race over a new tag).
        sink_wide: bool,
    },
    /// It may or may not have been taken: look it up before sending it again.
    Unknown {
        /// Why, one line without secrets.
        why: String,
    },
    /// The operator must mend something; the queue is kept and probed now and then.
    Paused {
        /// How much waits.
        scope: Scope,
        /// What is wrong and what to do about it.
        why: String,
    },
    /// The sink can never take it as it is.
    Never {
        /// Why, one line without secrets.
        why: String,
    },
}

/// Whether the sink holds an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It does.
    Present(Proof),
    /// It does not: sending it now makes the first copy.
    Absent,
    /// This sink (or this version of it) can't tell; sending again is safe because the sink refuses a second copy itself.
    Unknowable,
    /// The look-up did not work: an [`Outcome::Retry`] or [`Outcome::Paused`], never another.
    Failed(Outcome),
}

/// Something alerts are delivered to.
pub trait Sink: Send + Sync + 'static {
    /// The name the books show: `iris`.
    fn name(&self) -> &str;

    /// The lane this alert belongs to. Lanes are delivered beside each other; one that is paused never stops another.
    /// Pure and quick: it is called for every alert that is routed.
    fn lane(&self, alert: &Alert) -> String;

    /// Looks, before the first alert, whether deliveries can work: is the server there, the key good, each name known.
    /// `Err` with an [`Outcome::Paused`] where the operator must mend something, an [`Outcome::Retry`] where it can't be told now.
    fn prepare(&self) -> SinkFuture<'_, Result<(), Outcome>> {
        Box::pin(async { Ok(()) })
    }

    /// Tries once. Never panics, whatever the sink answers; bounded in time.
    fn deliver<'a>(&'a self, outgoing: &'a Outgoing) -> SinkFuture<'a, Outcome>;

    /// Looks whether the sink holds it, exactly.
    fn look_up<'a>(&'a self, outgoing: &'a Outgoing) -> SinkFuture<'a, Presence>;

    /// Whether it can change what it took.
    fn amends(&self) -> bool {
        false
    }

    /// Changes what it took, as little as can be. Safe to repeat. Never panics; bounded in time.
    fn amend<'a>(&'a self, _amendment: &'a Amendment) -> SinkFuture<'a, Amended> {
        Box::pin(async {
            Amended::Never {
                why: "this sink can't change what it took".to_owned(),
            }
        })
    }
}
