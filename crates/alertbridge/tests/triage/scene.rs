//! One machine with DFIR-IRIS and a model's server beside it, and small alerts.

use std::{
    fs::OpenOptions,
    process::{Child, Command, Stdio},
};

use alertbridge_ledger::{JobFilter, JobRow, JobState, Ledger, SqliteLedger};
use alertbridge_sandbox::{
    IrisOptions, IrisSandbox, IrisUser, ModelOptions, ModelSandbox, StoredAlert,
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::world::{World, until};

/// How a block begins in a note.
pub const BLOCK: &str = "---- Alertbridge: triage";
/// Who changes alerts in the web page.
pub const ANALYST: i64 = 7;
/// Every tag triage may set.
pub const CLOSED_SET: [&str; 10] = [
    "ai-pending",
    "ai-processing",
    "ai-reviewed",
    "ai-failed",
    "ai-skipped",
    "ai-verdict:needs-investigation",
    "ai-verdict:true-positive",
    "ai-verdict:benign",
    "ai-verdict:false-positive",
    "ai-injection-suspected",
];

pub struct Scene {
    pub runtime: Runtime,
    pub iris: IrisSandbox,
    pub model: ModelSandbox,
    pub world: World,
}

impl Scene {
    /// `triage` is more of `[triage]`.
    pub fn make(triage: &str) -> Self {
        Self::with(ModelOptions::default(), triage)
    }

    pub fn with(options: ModelOptions, triage: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let iris = IrisOptions {
            keep_versions: true,
            users: vec![IrisUser::minimal_service_account(ANALYST, "analyst", &[1])],
            ..IrisOptions::default()
        };
        let iris = runtime.block_on(IrisSandbox::start(iris)).unwrap();
        let model = runtime.block_on(ModelSandbox::start(options)).unwrap();
        let world = World::make(&iris.url(), iris.key(), "");
        world.mend(
            "[sinks.iris]",
            &format!(
                "[triage]\nmax_age = 0\n{triage}\n[triage.model]\nurl = \"{}\"\n[sinks.iris]",
                model.url()
            ),
        );
        Self {
            runtime,
            iris,
            model,
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

    /// A further worker in a process of its own; its log is `log.NAME`.
    pub fn work(&self, name: &str, arguments: &[&str]) -> Child {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.world.root().join(format!("log.{name}")))
            .unwrap();
        Command::new(env!("CARGO_BIN_EXE_alertbridge"))
            .args(["triage", "work"])
            .args(arguments)
            .arg("--config")
            .arg(self.world.root().join("alertbridge.toml"))
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    /// All jobs; none where the daemon is about to make the ledger.
    pub fn jobs(&self) -> Vec<JobRow> {
        let Ok(ledger) = SqliteLedger::open_reader(self.world.root().join("ledger.db")) else {
            return Vec::new();
        };
        let filter = JobFilter {
            limit: 10_000,
            ..JobFilter::default()
        };
        ledger.jobs(filter).blocking_recv().unwrap().unwrap()
    }

    /// So many jobs are there, and all have ended.
    pub fn all_ended(&self, count: usize) -> Vec<JobRow> {
        until("all triage jobs end", || {
            let jobs = self.jobs();
            let open = |job: &JobRow| matches!(job.state, JobState::Pending | JobState::Claimed);
            (jobs.len() >= count && !jobs.iter().any(open)).then_some(jobs)
        })
    }

    pub fn delivered(&self, count: usize) {
        until("all alerts are in IRIS", || {
            (self.iris.alert_count() >= count).then_some(())
        });
    }

    pub fn alert(&self, id: i64) -> StoredAlert {
        let found = self.iris.alerts().into_iter().find(|alert| alert.id == id);
        found.unwrap()
    }

    /// Updates of alerts and comments on them that IRIS was asked for.
    pub fn changes(&self) -> usize {
        let requests = self.iris.requests().into_iter();
        requests
            .filter(|line| line.method == "POST" && line.path.starts_with("/alerts/"))
            .filter(|line| line.path != "/alerts/add")
            .count()
    }

    pub fn get(&self, path: &str) -> String {
        // Fails where it was done already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = format!("{}{path}", self.world.http());
        let page = async { reqwest::get(url).await?.text().await };
        self.runtime.block_on(page).unwrap()
    }

    /// A counter or gauge with its labels; 0 where it is not there yet.
    pub fn metric(&self, name: &str) -> u64 {
        let text = self.get("/metrics");
        let wanted = format!("alertbridge_triage_{name} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&wanted));
        line.map_or(0, |number| number.parse().unwrap())
    }

    /// An alert that another integration puts into IRIS.
    pub fn foreign(&self, tags: &str) -> i64 {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let body = json!({
            "alert_title": "Mail with a macro", "alert_description": "Attachment invoice.docm was opened.",
            "alert_source": "mail gateway", "alert_severity_id": 4, "alert_status_id": 2,
            "alert_customer_id": 1, "alert_tags": tags,
            "alert_source_content": {"subject": "Invoice", "attachment": "invoice.docm", "sender": "billing@evil.example"},
        });
        let sent = reqwest::Client::new()
            .post(format!("{}/alerts/add", self.iris.url()))
            .bearer_auth(self.iris.key())
            .header("content-type", "application/json")
            .body(body.to_string());
        let told = self
            .runtime
            .block_on(async { sent.send().await?.text().await });
        let told: Value = serde_json::from_str(&told.unwrap()).unwrap();
        told["data"]["alert_id"].as_i64().unwrap()
    }
}

pub fn tags(alert: &StoredAlert) -> Vec<String> {
    let tags = alert.tags.split(',').filter(|tag| !tag.is_empty());
    tags.map(str::to_owned).collect()
}

pub fn has(alert: &StoredAlert, tag: &str) -> bool {
    tags(alert).iter().any(|one| one == tag)
}

pub fn note(alert: &StoredAlert) -> String {
    let note = alert.raw["alert_note"].as_str();
    note.unwrap_or_default().to_owned()
}

/// Tag and block say the same: one review, done.
pub fn assert_reviewed(alert: &StoredAlert) {
    let note = note(alert);
    assert_eq!(note.matches(BLOCK).count(), 1, "{}: {note}", alert.id);
    assert_eq!(note.matches("AI TRIAGE REVIEW (OLLAMA)").count(), 1);
    let tags = tags(alert);
    let verdicts = tags.iter().filter(|tag| tag.starts_with("ai-verdict:"));
    assert_eq!(verdicts.count(), 1, "{tags:?}");
    assert!(has(alert, "ai-reviewed"), "{tags:?}");
    assert!(
        !has(alert, "ai-pending") && !has(alert, "ai-processing"),
        "{tags:?}"
    );
}

/// Between the two, nothing but note, tags, comments and the history differ.
pub fn assert_only_reviewed(first: &StoredAlert, last: &StoredAlert) {
    let rest = |alert: &StoredAlert| {
        let mut raw = alert.raw.clone();
        let members = raw.as_object_mut().unwrap();
        for free in [
            "alert_note",
            "alert_tags",
            "comments",
            "modification_history",
        ] {
            members.remove(free);
        }
        raw
    };
    assert_eq!(rest(first), rest(last), "{}", last.id);
}

/// A failed login over SSH, each from its own address.
pub fn login(number: u32, level: u32) -> Value {
    json!({
        "timestamp": "2026-11-21T08:43:10.352+0000",
        "id": format!("1795250613.{number}"),
        "rule": {"level": level, "id": "5712", "description": "sshd: brute force trying to get access to the system.",
                 "groups": ["syslog", "sshd", "authentication_failures"], "mitre": {"id": ["T1110"]}},
        "agent": {"id": "004", "name": "web-1", "ip": "10.0.0.14"},
        "manager": {"name": "m1"},
        "decoder": {"parent": "sshd", "name": "sshd"},
        "data": {"srcip": format!("203.0.113.{}", number % 250), "srcuser": format!("admin{number}")},
        "full_log": format!("Failed password for invalid user admin{number} from 203.0.113.{} port 50122 ssh2", number % 250),
        "location": "/var/log/auth.log",
    })
}

pub fn reference(number: u32) -> String {
    format!("m1:1795250613.{number}")
}
