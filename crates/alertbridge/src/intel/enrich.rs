//! What is added to an alert when it goes out.

use std::{pin::Pin, sync::Arc};

use alertbridge_sinks::Outgoing;
use tracing::warn;

use super::{Herald, Intelligence, carried, hits, late, live::Live, queue_sink};

/// A question under way.
pub type Asking<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Adds to what is delivered what is known now.
pub trait Enrich: Send + Sync {
    /// What is known here. Called once for each attempt, before the sink; takes microseconds.
    fn enrich(&self, sink: &str, outgoing: &mut Outgoing);

    /// What others must be asked for, bounded in time by whoever answers; `None` where there is nothing to ask. Called after
    /// [`Self::enrich`], in the attempt's own task.
    fn ask<'a>(&'a self, _sink: &'a str, _outgoing: &'a mut Outgoing) -> Option<Asking<'a>> {
        None
    }
}

/// Threat intelligence for what is delivered.
pub struct Enricher {
    /// What matches.
    pub intelligence: Arc<Intelligence>,
    /// Tells of what OpenCTI itself said.
    pub herald: Herald,
}

impl Enricher {
    /// Asks OpenCTI about the alert. The alert has it at once; Wazuh is told by an alert of its own, each hit once however often
    /// this one is tried.
    async fn match_live(&self, live: &Live, outgoing: &mut Outgoing) {
        let observables = self.intelligence.observables(&outgoing.alert).list;
        let found = live.hits(&observables, self.intelligence.now()).await;
        if found.is_empty() {
            return;
        }
        let told = self
            .herald
            .tell_asked(&outgoing.reference, &outgoing.alert, &found)
            .await;
        if let Err(error) = told {
            warn!(reference = outgoing.reference, %error, "a hit could not be kept for Wazuh");
        }
        outgoing.intel.extend(found.iter().map(hits::shown));
    }
}

impl Enrich for Enricher {
    fn enrich(&self, sink: &str, outgoing: &mut Outgoing) {
        if Intelligence::is_own(&outgoing.alert) {
            return;
        }
        let is_late = outgoing.lane == late::LANE && late::split(&outgoing.reference).is_some();
        if is_late && let Some(hit) = carried::hit_of(&outgoing.alert) {
            outgoing.intel = vec![hits::shown(&hit)];
        } else {
            outgoing.intel = self.intelligence.hits(&outgoing.alert);
        }
        if sink != queue_sink::NAME || outgoing.lane != late::LANE {
            return;
        }
        // A late event is about one indicator, and speaks of the alert by its own reference.
        if let Some((of, told)) = late::split(&outgoing.reference) {
            let of = of.to_owned();
            outgoing.intel.retain(|hit| hits::pair(hit) == told);
            outgoing.reference = of;
        }
    }

    fn ask<'a>(&'a self, sink: &'a str, outgoing: &'a mut Outgoing) -> Option<Asking<'a>> {
        let live = self.intelligence.live()?;
        if sink == queue_sink::NAME {
            let wanted = live.completes && !outgoing.intel.is_empty();
            return wanted.then(|| Box::pin(live.complete(&mut outgoing.intel)) as Asking<'a>);
        }
        let wanted = live.matches && sink != late::SINK && !Intelligence::is_own(&outgoing.alert);
        wanted.then(|| Box::pin(self.match_live(live, outgoing)) as Asking<'a>)
    }
}
