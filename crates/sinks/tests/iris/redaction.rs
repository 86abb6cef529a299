//! Secrets in what IRIS shows: titles by default, other texts where it is asked for, the evidence never.

use std::sync::Arc;

use alertbridge_sandbox::IrisOptions;
use alertbridge_sinks::{
    Digest, DigestKind, FieldSummary, Outgoing, Proof, Sink, TextFilter, iris::IrisSink,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    one_alert::{KEY, World, block, written},
    world::{alert, config, delivered, outgoing, sandbox},
};

/// Knows one secret, and only whole.
#[derive(Debug)]
struct Hide;

const SECRET: &str = "Sup3rS3cretPassw0rd";

impl TextFilter for Hide {
    fn title(&self, text: &str) -> String {
        text.replace(SECRET, "<hidden>")
    }

    fn text(&self, text: &str) -> String {
        text.replace(SECRET, "<hidden>")
    }
}

/// An alert with the secret in its command line, where the title's part is cut in the middle of it.
fn with_secret() -> alertbridge_alert::Alert {
    let command = format!("mysql --host=db.internal.example --user=backup -p{SECRET}");
    alert(json!({
        "rule": {"id": "1", "level": 5, "description": format!("ran {command}"), "groups": ["audit"]},
        "data": {"audit": {"command": command}},
        "full_log": format!("type=EXECVE {command}"),
        "location": format!("/home/{SECRET}"),
    }))
}

async fn stored(more: Value, change: impl Fn(Outgoing) -> Outgoing) -> (Value, Proof) {
    let sandbox = sandbox(IrisOptions::default()).await;
    let sink = IrisSink::connect(config(&sandbox, more))
        .unwrap()
        .with_filter(Arc::new(Hide));
    let outgoing = change(outgoing(&sink, with_secret()));
    let proof = delivered(sink.deliver(&outgoing).await);
    (sandbox.alerts().remove(0).raw, proof)
}

fn count(proof: &Proof, what: &str) -> u32 {
    proof
        .changes
        .iter()
        .find(|change| change.what == what)
        .map_or(0, |change| change.count)
}

const WITH_ARTIFACT: &str = "{rule_description} | {artifact}";

#[tokio::test]
async fn a_title_has_no_secret_and_no_half_of_one() {
    let long = format!("{} | {{rule_description}}", "x".repeat(960));
    for title in [WITH_ARTIFACT, "{artifact}", &long] {
        let (raw, proof) = stored(json!({"title": title}), |outgoing| outgoing).await;
        let shown = raw["alert_title"].as_str().unwrap();
        assert!(!shown.contains("Sup3r"), "{shown}");
        assert_eq!(count(&proof, "title_redacted"), 1, "{title}");
        assert!(shown.len() <= 1024);
    }
    let (raw, _) = stored(json!({"title": "{rule_description}"}), |outgoing| outgoing).await;
    assert_eq!(
        raw["alert_title"],
        "ran mysql --host=db.internal.example --user=backup -p‹hidden›"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Wherever the secret stands, no beginning of it is in a title, a tag or a description.
    #[test]
    fn no_cut_leaves_a_part_of_a_secret(before in "[a-z ]{0,80}", pad in 0_usize..1100, text in any::<bool>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            // Nothing listens there: a dry run needs no IRIS.
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            drop(listener);
            let redact = if text { "text" } else { "title" };
            let more = json!({
                "url": url, "key": KEY, "redact": redact, "title": "{rule_description} | {artifact}", "tags": ["{artifact}"],
            });
            let sink = IrisSink::connect(serde_json::from_value(more).unwrap()).unwrap().with_filter(Arc::new(Hide));
            let description = format!("{}{SECRET}", "y".repeat(pad));
            let alert = alert(json!({
                "rule": {"id": "1", "level": 5, "description": description},
                "data": {"audit": {"command": format!("{before}{SECRET}")}},
            }));
            let dry = sink.dry_run(&outgoing(&sink, alert)).await;
            let posted: Value = serde_json::from_str(&dry.json).unwrap();
            let mut shown = vec![posted["alert_title"].to_string(), posted["alert_tags"].to_string()];
            if text {
                shown.push(posted["alert_description"].to_string());
            }
            for text in shown {
                assert!(!text.contains("Sup3"), "{text}");
            }
        });
    }
}

#[tokio::test]
async fn by_default_the_evidence_stays_as_it_is() {
    let (raw, proof) = stored(json!({"title": WITH_ARTIFACT}), |outgoing| outgoing).await;
    assert!(raw["alert_description"].as_str().unwrap().contains(SECRET));
    let content = raw["alert_source_content"].to_string();
    assert!(content.contains(SECRET));
    assert_eq!(count(&proof, "text_redacted"), 0);
}

#[tokio::test]
async fn other_texts_are_filtered_where_it_is_asked_for_but_never_the_source_content() {
    for form in ["labels", "sections"] {
        let more = json!({"title": WITH_ARTIFACT, "redact": "text", "description": form});
        let (mut raw, proof) = stored(more, |outgoing| outgoing).await;
        let content = raw["alert_source_content"].take();
        assert!(content.to_string().contains(SECRET));
        // Only the history and the content hold what was delivered.
        assert!(!raw.to_string().contains(SECRET), "{raw}");
        assert!(count(&proof, "text_redacted") > 2);
        let description = raw["alert_description"].as_str().unwrap();
        assert!(description.contains("-p‹hidden›"), "{description}");
    }
}

#[tokio::test]
async fn off_changes_nothing() {
    let (raw, proof) = stored(
        json!({"title": WITH_ARTIFACT, "redact": "off"}),
        |outgoing| outgoing,
    )
    .await;
    assert!(raw["alert_title"].as_str().unwrap().contains(SECRET));
    assert_eq!(count(&proof, "title_redacted"), 0);
}

#[tokio::test]
async fn a_digests_title_and_values_are_filtered_before_they_are_cut() {
    let digest = Digest {
        kind: DigestKind::Burst,
        folded: 3,
        opened_at: "2026-11-21T08:00:00Z".parse().unwrap(),
        last_at: "2026-11-21T08:04:41Z".parse().unwrap(),
        fields: vec![FieldSummary {
            label: format!("data.{SECRET}"),
            values: vec![format!("{}{SECRET}", "x".repeat(195)), "b".to_owned()],
            distinct: 2,
            estimated: false,
        }],
        members: Vec::new(),
        level: 5,
    };
    let (raw, proof) = stored(json!({"redact": "text"}), |outgoing| Outgoing {
        digest: Some(digest.clone()),
        ..outgoing
    })
    .await;
    assert_eq!(
        raw["alert_title"],
        "rule 1 on web01: 3 alerts in 5 min, 2 data.‹hidden›"
    );
    assert_eq!(count(&proof, "title_redacted"), 1);
    let description = raw["alert_description"].as_str().unwrap();
    assert!(!description.contains("Sup3r"), "{description}");
}

#[tokio::test]
async fn notes_are_filtered_with_the_other_texts_and_stay_unchanged_afterwards() {
    for (redact, shows) in [("title", true), ("text", false)] {
        let mut world = World::new(json!({})).await;
        let more = json!({"key": KEY, "redact": redact});
        let sink = IrisSink::connect(config(&world.sandbox, more)).unwrap();
        world.sink = sink.with_filter(Arc::new(Hide));
        world.amendment.block = Some(block(&format!("users: {SECRET}")));
        let words = written(world.amend().await);
        assert_eq!(world.note().contains(SECRET), shows);
        assert_eq!(
            words.contains(&"text_redacted".to_owned()),
            !shows,
            "{words:?}"
        );
        assert_eq!(world.amend().await, alertbridge_sinks::Amended::Unchanged);
    }
}

#[tokio::test]
async fn without_a_filter_nothing_is_changed() {
    let sandbox = sandbox(IrisOptions::default()).await;
    let sink = IrisSink::connect(config(&sandbox, json!({"redact": "text"}))).unwrap();
    let outgoing = outgoing(&sink, with_secret());
    let proof = delivered(sink.deliver(&outgoing).await);
    assert!(sandbox.alerts()[0].title.contains(SECRET));
    assert!(proof.changes.is_empty(), "{:?}", proof.changes);
}
