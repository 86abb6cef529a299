//! The demo's threat intelligence: a stand-in for OpenCTI that knows one address of the brute force, and one for the manager's queue.

use std::time::{Duration, Instant};

use alertbridge_intel::{IndicatorStore, StoreOptions};
use alertbridge_sandbox::{
    IrisSandbox, OpenCtiOptions, OpenCtiSandbox, StixIndicator, Tlp, WazuhQueueSandbox,
};

use super::folders::Folders;
use crate::{exit::Exit, failure::Failure};

/// One of the addresses of the brute force.
pub const KNOWN: &str = "203.0.113.66";
/// Made-up indicators beside it.
const OTHERS: u64 = 2000;
/// The first sync takes so long at most; else the hit comes later, which is as good.
const FIRST_SYNC: Duration = Duration::from_secs(20);

/// Both stand-ins.
pub struct Intel {
    pub cti: OpenCtiSandbox,
    queue: WazuhQueueSandbox,
}

impl Intel {
    /// Starts them. Must run inside a tokio runtime.
    pub async fn start(folders: &Folders) -> Result<Self, Failure> {
        let fault = |error: String| Failure::new(Exit::Unavailable, error);
        let options = OpenCtiOptions {
            synthetic: OTHERS,
            ..OpenCtiOptions::default()
        };
        let cti = OpenCtiSandbox::start(options)
            .await
            .map_err(|error| fault(error.to_string()))?;
        let mut indicator = StixIndicator::new(KNOWN, &format!("[ipv4-addr:value = '{KNOWN}']"));
        indicator.score = Some(90);
        indicator.labels = Some(vec!["ssh-bruteforce".to_owned()]);
        indicator.markings = vec![Tlp::Amber];
        cti.load_indicators([indicator]);
        let queue =
            WazuhQueueSandbox::start(folders.queue()).map_err(|error| fault(error.to_string()))?;
        let token = folders.token();
        std::fs::write(&token, cti.token())
            .map_err(|error| Failure::io("write", &token, &error))?;
        Ok(Self { cti, queue })
    }

    /// Waits until the daemon has read the whole list. Returns how many indicators it has.
    pub fn first_sync(&self, folders: &Folders) -> u64 {
        let begun = Instant::now();
        while begun.elapsed() < FIRST_SYNC {
            let options = StoreOptions {
                read_only: true,
                ..StoreOptions::default()
            };
            // Not there until the daemon has made it.
            if let Ok(store) = IndicatorStore::open(folders.intel(), options) {
                let status = store.status();
                let all = status.indicators > OTHERS;
                if all && status.providers.values().any(|one| one.last_sync.is_some()) {
                    return status.indicators;
                }
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        0
    }

    /// Says what became of the hit. True where both sides know of it.
    pub fn report(&self, iris: &IrisSandbox) -> bool {
        let tagged: Vec<_> = iris
            .alerts()
            .into_iter()
            .filter(|alert| {
                let tags = alert.raw["alert_tags"].as_str().unwrap_or_default();
                tags.split(',').any(|tag| tag == "intel-hit")
            })
            .collect();
        let events = self.queue.events();
        let told = events.iter().any(|event| {
            let event: serde_json::Value = serde_json::from_str(&event.message).unwrap_or_default();
            event["opencti"]["value"] == KNOWN
        });
        let names: Vec<String> = tagged
            .iter()
            .filter_map(|alert| alert.source_ref.clone())
            .collect();
        let raised = tagged
            .iter()
            .all(|alert| alert.raw["severity"]["severity_name"] == "High");
        say!(
            "threat intelligence: OpenCTI knows {KNOWN}; in IRIS {} tagged intel-hit with a higher severity; \
the manager's queue got {} event(s) of it",
            if names.is_empty() {
                "nothing is".to_owned()
            } else {
                format!("{} is", names.join(", "))
            },
            events.len()
        );
        told && raised && tagged.len() == 1
    }
}
