//! Digests, alerts that go on from another, and what a dry run shows of an alert.

use alertbridge_sandbox::IrisOptions;
use alertbridge_sinks::{
    Continues, Digest, DigestKind, FieldSummary, Outgoing, Sink,
    iris::{IrisSink, alert_uuid},
};
use serde_json::{Value, json};

use crate::world::{alert, delivered, outgoing, sandbox, sink};

fn digest(kind: DigestKind) -> Digest {
    let field = |label: &str, values: &[&str], distinct| FieldSummary {
        label: label.to_owned(),
        values: values.iter().map(|value| (*value).to_owned()).collect(),
        distinct,
        estimated: false,
    };
    Digest {
        kind,
        folded: 412,
        opened_at: "2026-11-21T08:00:00Z".parse().unwrap(),
        last_at: "2026-11-21T08:04:41Z".parse().unwrap(),
        fields: vec![
            field("source IPs", &["203.0.113.7", "203.0.113.8"], 37),
            field("users", &["root", "<b>ad\nmin</b>"], 9),
        ],
        members: vec!["vm:1.1".to_owned(), "vm:1.2".to_owned()],
        level: 10,
    }
}

fn of_digest(sink: &IrisSink, kind: DigestKind) -> Outgoing {
    Outgoing {
        reference: "digest:42".to_owned(),
        digest: Some(digest(kind)),
        ..outgoing(sink, alert(json!({})))
    }
}

#[tokio::test]
async fn a_digest_says_what_it_stands_for_and_shows_its_first_alert() {
    let sandbox = sandbox(IrisOptions::default()).await;
    let sink = sink(&sandbox, json!({"source_ref": "alert-id"}));
    let outgoing = of_digest(&sink, DigestKind::Burst);
    delivered(sink.deliver(&outgoing).await);
    let stored = sandbox.alerts().remove(0);
    assert_eq!(
        stored.title,
        "rule 5710 on web01: 412 alerts in 5 min, 37 source IPs, 9 users"
    );
    assert_eq!(stored.tags, "digest,wazuh,rule-5710,agent-web01");
    assert_eq!(stored.source_ref.as_deref(), Some("digest:42"));
    assert_eq!(stored.uuid, alert_uuid(1, "digest:42").to_string());
    assert_eq!(stored.raw["severity"]["severity_name"], "High");
    let description = stored.raw["alert_description"].as_str().unwrap();
    for line in [
        "Digest: 412 alerts of rule 5710 (sshd: attempt)",
        "From 2026-11-21 08:00:00 to 2026-11-21 08:04:41 UTC, highest rule level 10",
        "37 source IPs: 203.0.113.7, 203.0.113.8 and 35 more",
        "9 users: root, ‹b›ad min‹/b› and 7 more",
        "First alerts: vm:1.1, vm:1.2",
        "All of them: alertbridge explain ’digest:42’",
        "Rule ID: 5710",
    ] {
        let line = line.replace('’', "'");
        assert!(
            description.lines().any(|found| found == line),
            "{line}\n---\n{description}"
        );
    }
    assert_eq!(stored.raw["alert_context"]["Digest"], "412 alerts in 5 min");
    let content = &stored.raw["alert_source_content"];
    assert_eq!(content["rule"]["id"], "5710");
    assert_eq!(content["alertbridge"]["alerts"], 412);
    assert_eq!(
        content["alertbridge"]["members"],
        json!(["vm:1.1", "vm:1.2"])
    );
    let values: Vec<&Value> = stored.raw["iocs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|ioc| &ioc["ioc_value"])
        .collect();
    assert_eq!(values, ["8.8.8.8"]);
}

#[tokio::test]
async fn a_budgets_digest_has_no_tags_of_one_rule_or_agent() {
    let sandbox = sandbox(IrisOptions::default()).await;
    let sink = sink(&sandbox, json!({}));
    delivered(sink.deliver(&of_digest(&sink, DigestKind::Budget)).await);
    let stored = sandbox.alerts().remove(0);
    assert_eq!(stored.tags, "digest,wazuh");
    assert!(
        stored
            .title
            .starts_with("412 alerts beyond the budget in 5 min"),
        "{}",
        stored.title
    );
}

#[tokio::test]
async fn a_hostile_digest_is_within_all_limits() {
    let sandbox = sandbox(IrisOptions::default()).await;
    let sink = sink(&sandbox, json!({"source_content_limit": 4096}));
    let mut outgoing = of_digest(&sink, DigestKind::Burst);
    let long = "<\0\u{202e}\"".repeat(2_000);
    let field = FieldSummary {
        label: long.clone(),
        values: vec![long.clone(); 30],
        distinct: u64::MAX,
        estimated: true,
    };
    outgoing.digest = Some(Digest {
        folded: u64::MAX,
        last_at: "1999-01-01T00:00:00Z".parse().unwrap(),
        fields: vec![field; 20],
        members: vec![long.clone(); 30],
        ..digest(DigestKind::Burst)
    });
    outgoing.continues = Some(Continues {
        id: long.clone(),
        link: Some(long.clone()),
        why: long,
    });
    delivered(sink.deliver(&outgoing).await);
    let stored = sandbox.alerts().remove(0);
    assert!(stored.title.len() <= 1024);
    let description = stored.raw["alert_description"].as_str().unwrap();
    assert!(description.len() <= 64 * 1024);
    assert!(!description.contains(['<', '\u{202e}']));
    assert!(stored.raw["alert_source_content"].to_string().len() < 100_000);
}

#[tokio::test]
async fn an_alert_that_goes_on_from_another_names_it() {
    let sandbox = sandbox(IrisOptions::default()).await;
    let sink = sink(&sandbox, json!({}));
    let mut outgoing = outgoing(&sink, alert(json!({})));
    outgoing.continues = Some(Continues {
        id: "17".to_owned(),
        link: Some("https://iris.example/alerts?alert_ids=17".to_owned()),
        why: "closed".to_owned(),
    });
    delivered(sink.deliver(&outgoing).await);
    let stored = sandbox.alerts().remove(0);
    let line = "Continues alert 17, which is closed: https://iris.example/alerts?alert_ids=17";
    let description = stored.raw["alert_description"].as_str().unwrap();
    assert_eq!(description.lines().next(), Some(line));
    assert_eq!(stored.raw["alert_context"]["Continues"], line);
    assert_eq!(stored.title, "sshd: attempt");
}

#[tokio::test]
async fn a_dry_run_shows_what_would_be_posted_and_posts_nothing() {
    let sandbox = sandbox(IrisOptions::default()).await;
    let sink = sink(&sandbox, json!({}));
    let outgoing = outgoing(&sink, alert(json!({})));
    let run = sink.dry_run(&outgoing).await;
    assert_eq!(run.unresolved, None);
    assert_eq!(sandbox.alert_count(), 0);
    assert!(
        sandbox
            .requests()
            .iter()
            .all(|request| request.method == "GET")
    );
    let shown: Value = serde_json::from_str(&run.json).unwrap();
    assert_eq!(
        shown["alert_uuid"],
        alert_uuid(1, &outgoing.reference).to_string()
    );
    delivered(sink.deliver(&outgoing).await);
    let stored = sandbox.alerts().remove(0);
    for field in [
        "alert_title",
        "alert_severity_id",
        "alert_tags",
        "alert_source_content",
        "alert_context",
    ] {
        assert_eq!(shown[field], stored.raw[field], "{field}");
    }
}

#[tokio::test]
async fn a_dry_run_without_iris_shows_names() {
    let sandbox = sandbox(IrisOptions::default()).await;
    let sink = sink(&sandbox, json!({"default_customer": "Acme"}));
    let outgoing = outgoing(&sink, alert(json!({})));
    sandbox.stop().await;
    let run = sink.dry_run(&outgoing).await;
    assert!(run.unresolved.unwrap().contains("can't be reached"));
    let shown: Value = serde_json::from_str(&run.json).unwrap();
    assert_eq!(shown["alert_severity_id"], "Low");
    assert_eq!(shown["alert_customer_id"], "Acme");
    assert_eq!(shown["alert_iocs"][0]["ioc_type_id"], "ip-any");
    assert_eq!(shown.get("alert_uuid"), None);
}
