//! The Wazuh queue as the program uses it: each delivery remembers which indicators it told of.
//!
//! The queue gives no id, so the delivery's id is made of these, and a later hunt reads them there: what was told at first and what
//! is told late never meet twice, and no second book is kept of it.

use alertbridge_alert::Alert;
use alertbridge_sinks::{Outcome, Outgoing, Presence, Sink, SinkFuture, wazuh::WazuhQueueSink};

use super::hits::pair;

/// `wazuh`.
pub struct QueueSink(pub WazuhQueueSink);

/// The name in the books.
pub const NAME: &str = "wazuh";
/// The lane of alerts.
pub const LANE: &str = "queue";

/// Whether a delivery of this id told of an indicator.
pub fn told(id: &str, pair: &str) -> bool {
    id.split(' ').any(|known| known == pair)
}

impl Sink for QueueSink {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn lane(&self, alert: &Alert) -> String {
        self.0.lane(alert)
    }

    fn prepare(&self) -> SinkFuture<'_, Result<(), Outcome>> {
        self.0.prepare()
    }

    fn deliver<'a>(&'a self, outgoing: &'a Outgoing) -> SinkFuture<'a, Outcome> {
        Box::pin(async move {
            let mut outcome = self.0.deliver(outgoing).await;
            if let Outcome::Delivered(proof) = &mut outcome {
                let pairs: Vec<String> = outgoing.intel.iter().map(pair).collect();
                proof.id = pairs.join(" ");
            }
            outcome
        })
    }

    fn look_up<'a>(&'a self, outgoing: &'a Outgoing) -> SinkFuture<'a, Presence> {
        self.0.look_up(outgoing)
    }
}
