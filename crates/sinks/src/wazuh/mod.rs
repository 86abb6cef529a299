//! The queue of a Wazuh 4 manager: hits of threat intelligence go back as events, become alerts of their own by Wazuh's rules, and
//! reach the dashboard, active response and everybody else who reads alerts.
//!
//! What makes it another kind of sink: it can't be asked what it has. A datagram is atomic, so no attempt ends in doubt by itself; but a
//! crash between sending and settling repeats the events of one alert. They carry `opencti.source.reference`, by which a reader
//! can tell. Where only some of an alert's events found room, the rest alone is tried again (kept in memory).
//!
//! No loop: [`is_own_event`] tells the alerts that come of it. `packaging/wazuh/rules` has the rules, docs/wazuh-queue.md says it to
//! operators.

mod config;
mod event;
mod location;
mod own;
mod queue;

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use alertbridge_alert::Alert;
pub use config::WazuhQueueConfig;
pub use event::Event;
pub use own::is_own_event;
pub use queue::WazuhQueue;

use crate::{Change, Outcome, Outgoing, Presence, Proof, Sink, SinkError, SinkFuture};

/// Alerts whose events were sent in part are remembered up to this number; beyond, some events may come twice.
const MOST_STARTED: usize = 4096;

/// Sends the hits of an alert to a Wazuh manager.
#[derive(Debug)]
pub struct WazuhQueueSink {
    queue: WazuhQueue,
    events_per_alert: usize,
    /// How many events of an alert were sent, while others wait.
    started: Mutex<HashMap<String, usize>>,
}

impl WazuhQueueSink {
    /// Checks the configuration. The manager need not be there.
    ///
    /// # Errors
    /// [`SinkError`] that names the key and what to write instead.
    pub fn connect(config: &WazuhQueueConfig) -> Result<Self, SinkError> {
        Ok(Self {
            queue: WazuhQueue::new(config)?,
            events_per_alert: config.events_per_alert,
            started: Mutex::default(),
        })
    }

    /// The queue itself, for events that are not about an alert's hits.
    pub fn queue(&self) -> &WazuhQueue {
        &self.queue
    }

    fn send_all(&self, outgoing: &Outgoing) -> Outcome {
        let begun = self.started().remove(&outgoing.reference).unwrap_or(0);
        let mut changes: Vec<Change> = Vec::new();
        let kept = outgoing.intel.len().min(self.events_per_alert);
        add(&mut changes, "hit_left_out", outgoing.intel.len() - kept);
        for (at, hit) in outgoing.intel[..kept].iter().enumerate().skip(begun) {
            let event = Event::hit(&outgoing.alert, &outgoing.reference, hit);
            match self.queue.send(&event) {
                Outcome::Delivered(proof) => {
                    for change in proof.changes {
                        add(&mut changes, &change.what, change.count as usize);
                    }
                }
                Outcome::Never { .. } => add(&mut changes, "event_left_out", 1),
                later => {
                    let mut started = self.started();
                    if at > 0 && started.len() < MOST_STARTED {
                        started.insert(outgoing.reference.clone(), at);
                    }
                    return later;
                }
            }
        }
        Outcome::Delivered(Proof {
            changes,
            ..Proof::default()
        })
    }

    fn started(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.started.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add(changes: &mut Vec<Change>, what: &str, count: usize) {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    match changes.iter_mut().find(|change| change.what == what) {
        _ if count == 0 => {}
        Some(change) => change.count = change.count.saturating_add(count),
        None => changes.push(Change {
            what: what.to_owned(),
            count,
        }),
    }
}

impl Sink for WazuhQueueSink {
    fn name(&self) -> &str {
        "wazuh"
    }

    fn lane(&self, _alert: &Alert) -> String {
        "queue".to_owned()
    }

    fn prepare(&self) -> SinkFuture<'_, Result<(), Outcome>> {
        Box::pin(async { self.queue.probe() })
    }

    /// One event per hit; an alert without hits has none and is delivered by that.
    fn deliver<'a>(&'a self, outgoing: &'a Outgoing) -> SinkFuture<'a, Outcome> {
        Box::pin(async { self.send_all(outgoing) })
    }

    fn look_up<'a>(&'a self, _outgoing: &'a Outgoing) -> SinkFuture<'a, Presence> {
        Box::pin(async { Presence::Unknowable })
    }
}
