//! One machine with DFIR-IRIS, OpenCTI and the manager's queue beside it, and small alerts.

use alertbridge_ledger::{Ledger, SqliteLedger, Trace};
use alertbridge_sandbox::{
    IrisOptions, IrisSandbox, OpenCtiOptions, OpenCtiSandbox, StixIndicator, StoredAlert, Tlp,
    WazuhQueueSandbox,
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::world::{World, until};

/// A machine with all three neighbours.
pub struct Scene {
    pub runtime: Runtime,
    pub iris: IrisSandbox,
    pub cti: OpenCtiSandbox,
    pub queue: WazuhQueueSandbox,
    pub world: World,
}

impl Scene {
    /// `intel` is more of `[intel]`.
    pub fn make(intel: &str) -> Self {
        Self::with(OpenCtiOptions::default(), intel)
    }

    pub fn with(options: OpenCtiOptions, intel: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let iris = runtime
            .block_on(IrisSandbox::start(IrisOptions::default()))
            .unwrap();
        let cti = runtime.block_on(OpenCtiSandbox::start(options)).unwrap();
        let world = World::make(&iris.url(), iris.key(), "");
        let root = world.root().to_owned();
        let queue = runtime
            .block_on(async { WazuhQueueSandbox::start(root.join("queue")) })
            .unwrap();
        std::fs::write(root.join("token"), cti.token()).unwrap();
        let root = root.display();
        world.mend(
            "[sinks.iris]",
            &format!(
                r#"[intel]
                folder = "{root}/intel"
                retro_hunt_interval = 1
                {intel}
                [intel.opencti]
                url = "{}"
                token_file = "{root}/token"
                poll_interval = 1
                [sinks.wazuh]
                queue = "{root}/queue"
                [sinks.iris]"#,
                cti.url()
            ),
        );
        Self {
            runtime,
            iris,
            cti,
            queue,
            world,
        }
    }

    pub fn append(&self, alerts: &[Value]) {
        let lines: Vec<Vec<u8>> = alerts
            .iter()
            .map(|alert| serde_json::to_vec(alert).unwrap())
            .collect();
        self.world
            .append(&lines.iter().map(Vec::as_slice).collect::<Vec<_>>());
    }

    /// The local copy has so many indicators.
    pub fn synced(&self, indicators: u64) {
        until("the indicators are there", || {
            let output = self.world.command(&["intel", "status", "--json"]);
            let status: Value = serde_json::from_slice(&output.stdout).ok()?;
            let current = !status["providers"]["opencti"]["last_sync"].is_null();
            (current && status["indicators"] == indicators).then_some(())
        });
    }

    pub fn events(&self) -> Vec<Value> {
        let events = self.queue.events().into_iter();
        events
            .map(|event| serde_json::from_str(&event.message).unwrap())
            .collect()
    }

    pub fn iris_alert(&self, reference: &str) -> Option<StoredAlert> {
        let found = self.iris.alerts().into_iter();
        let mut found = found.filter(|alert| alert.source_ref.as_deref() == Some(reference));
        found.next()
    }

    pub fn trace(&self, reference: &str) -> Option<Trace> {
        let ledger = SqliteLedger::open_reader(self.world.root().join("ledger.db")).ok()?;
        ledger.trace(reference).blocking_recv().unwrap().unwrap()
    }

    /// Everything that was begun has ended, and the books balance.
    pub fn at_rest(&self, received: u64) {
        until("nothing is on its way", || {
            let books = self.world.books();
            let came: u64 = books
                .sources
                .iter()
                .filter(|row| !["digest", "intel"].contains(&row.source.as_str()))
                .map(|row| row.received)
                .sum();
            let pending: u64 = books.sinks.iter().map(|sink| sink.pending).sum();
            (came >= received && pending == 0).then_some(())
        });
        assert_eq!(self.world.books().faults, Vec::<String>::new());
    }
}

pub fn tags(alert: &StoredAlert) -> String {
    alert.raw["alert_tags"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// A DNS question on Windows, as Sysmon tells it.
pub fn dns(number: u32, level: u32, name: &str) -> Value {
    json!({
        "timestamp": "2026-11-21T08:43:10.352+0000",
        "id": format!("1795250613.{number}"),
        "rule": {"level": level, "id": "61650", "description": "Sysmon - Event 22: DNS Query event",
                 "groups": ["windows", "sysmon", "sysmon_event_22"]},
        "agent": {"id": "020", "name": "WIN-7FK8M79Q5R6", "ip": "192.168.252.105"},
        "manager": {"name": "m1"},
        "data": {"win": {
            "system": {"eventID": "22", "providerName": "Microsoft-Windows-Sysmon"},
            "eventdata": {"queryName": name, "image": "C:\\\\Windows\\\\svchost.exe"},
        }},
        "location": "EventChannel",
    })
}

pub fn reference(number: u32) -> String {
    format!("m1:1795250613.{number}")
}

pub fn bad_domain(name: &str, score: i64) -> StixIndicator {
    let mut indicator = StixIndicator::new(name, &format!("[domain-name:value = '{name}']"));
    indicator.score = Some(score);
    // Later than the made-up ones, as a change is.
    indicator.updated_at = "2026-11-20T00:00:00Z".parse().unwrap();
    indicator.confidence = Some(80);
    indicator.labels = Some(vec!["c2".to_owned(), "cobalt strike".to_owned()]);
    indicator.markings = vec![Tlp::Amber];
    indicator
}

/// A failed login over SSH; addresses are no part of what makes two of them the same.
pub fn login(number: u32, address: &str) -> Value {
    let mut alert = dns(number, 5, "");
    alert["rule"] = json!({"level": 5, "id": "5710", "groups": ["syslog", "sshd", "authentication_failed", "invalid_login"]});
    alert["decoder"] = json!({"parent": "sshd", "name": "sshd"});
    alert["data"] = json!({"srcip": address, "srcuser": "admin"});
    alert["location"] = "/var/log/auth.log".into();
    alert
}
