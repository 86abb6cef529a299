//! One delivered alert that people have, too, and what the tests of its changes share.

use alertbridge_sandbox::{IrisOptions, IrisSandbox, IrisUser};
use alertbridge_sinks::{Amended, Amendment, Block, Sink, TagChange, iris::IrisSink};
use serde_json::{Value, json};

use crate::world::{alert, delivered, outgoing, sandbox, sink};

/// Our key's user; the administrator is the person.
pub const ALICE: i64 = 1;
pub const KEY: &str = "bridge-key";

pub struct World {
    pub sandbox: IrisSandbox,
    pub sink: IrisSink,
    pub amendment: Amendment,
    pub id: i64,
}

impl World {
    pub async fn new(more: Value) -> Self {
        Self::on("v2.4.20", more).await
    }

    /// One delivered alert with the given fields set by a person afterwards.
    pub async fn on(version: &str, columns: Value) -> Self {
        let options = IrisOptions {
            version: version.to_owned(),
            users: vec![
                IrisUser::minimal_service_account(7, KEY, &[1]),
                IrisUser::minimal_service_account(8, "bob-key", &[1]),
            ],
            ..IrisOptions::default()
        };
        let sandbox = sandbox(options).await;
        let sink = sink(&sandbox, json!({"key": KEY, "timeout": 1}));
        let outgoing = outgoing(&sink, alert(json!({})));
        let proof = delivered(sink.deliver(&outgoing).await);
        let id = proof.id.parse().unwrap();
        sandbox.edit(id, ALICE, &columns);
        let amendment = Amendment {
            reference: outgoing.reference,
            lane: outgoing.lane,
            id: proof.id,
            block: Some(block("seen 2 times")),
            unless_ended: true,
            ..Amendment::default()
        };
        Self {
            sandbox,
            sink,
            amendment,
            id,
        }
    }

    pub async fn amend(&self) -> Amended {
        self.sink.amend(&self.amendment).await
    }

    pub fn column(&self, name: &str) -> Value {
        let alerts = self.sandbox.alerts();
        let alert = alerts.iter().find(|alert| alert.id == self.id).unwrap();
        alert.raw[name].clone()
    }

    pub fn note(&self) -> String {
        self.column("alert_note").as_str().unwrap().to_owned()
    }

    pub fn updates(&self) -> u64 {
        let path = format!("/alerts/update/{}", self.id);
        self.sandbox.request_count(&path, 200)
    }

    pub fn comments(&self) -> Vec<String> {
        let comments = self.column("comments");
        let texts = comments.as_array().unwrap().iter();
        texts
            .map(|comment| comment["comment_text"].as_str().unwrap().to_owned())
            .collect()
    }
}

pub fn block(text: &str) -> Block {
    Block {
        name: "repeats".to_owned(),
        text: Some(text.to_owned()),
    }
}

pub fn tags(add: &[&str], remove: &[&str]) -> TagChange {
    let list = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect();
    TagChange {
        add: list(add),
        remove: list(remove),
    }
}

/// The words for what was changed.
pub fn written(amended: Amended) -> Vec<String> {
    match amended {
        Amended::Written(changes) => changes.into_iter().map(|change| change.what).collect(),
        other => panic!("not written: {other:?}"),
    }
}

/// The same where the tags could not be changed.
pub fn tags_kept(amended: Amended) -> Vec<String> {
    match amended {
        Amended::TagsKept(changes) => written(Amended::Written(changes)),
        other => panic!("tags are not kept: {other:?}"),
    }
}
