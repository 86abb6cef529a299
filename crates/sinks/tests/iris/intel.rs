//! Hits of threat intelligence in a new alert.

use alertbridge_alert::ObservableKind;
use alertbridge_sandbox::IrisOptions;
use alertbridge_sinks::{IntelHit, Matched, Outgoing, Proof, Sink, iris::IrisSink};
use serde_json::{Value, json};

use crate::world::{alert, delivered, outgoing, sandbox, sink};

fn hit(value: &str, kind: ObservableKind, score: u32) -> IntelHit {
    IntelHit {
        value: value.to_owned(),
        kind,
        indicator: "Cobalt Strike C2".to_owned(),
        indicator_id: None,
        description: None,
        created_by: None,
        pattern: None,
        score: Some(score),
        confidence: None,
        labels: vec!["c2".to_owned(), "cobalt, strike".to_owned()],
        marking: Some("TLP:RED".to_owned()),
        link: Some("https://opencti.example/dashboard/observations/indicators/1".to_owned()),
        matched: Matched::Pattern,
        detail: String::new(),
        expired: false,
        revoked: false,
        valid_from: None,
        valid_until: None,
        provider: "opencti".to_owned(),
        observable: None,
    }
}

fn with_hits(sink: &IrisSink, intel: Vec<IntelHit>) -> Outgoing {
    Outgoing {
        intel,
        ..outgoing(sink, alert(json!({})))
    }
}

async fn stored(config: Value, hits: Vec<IntelHit>) -> (Value, Proof) {
    let sandbox = sandbox(IrisOptions::default()).await;
    let sink = sink(&sandbox, config);
    let proof = delivered(sink.deliver(&with_hits(&sink, hits)).await);
    (sandbox.alerts().remove(0).raw, proof)
}

fn changes(proof: &Proof) -> Vec<(&str, u32)> {
    let changes = proof.changes.iter();
    changes
        .map(|change| (change.what.as_str(), change.count))
        .collect()
}

#[tokio::test]
async fn a_hit_enriches_the_alerts_own_ioc_and_adds_what_is_none() {
    let hits = vec![
        hit("8.8.8.8", ObservableKind::Ip, 80),
        hit("10.9.8.7", ObservableKind::Ip, 10),
    ];
    let (raw, proof) = stored(json!({}), hits).await;
    let iocs: Vec<Value> = raw["iocs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|ioc| {
            json!([
                ioc["ioc_value"],
                ioc["tlp"]["tlp_name"],
                ioc["ioc_tags"],
                ioc["ioc_description"]
            ])
        })
        .collect();
    let intel = |score| {
        format!(
            "opencti: Cobalt Strike C2, score {score}, https://opencti.example/dashboard/observations/indicators/1"
        )
    };
    assert_eq!(
        iocs,
        [
            json!([
                "8.8.8.8",
                "red",
                "c2,cobalt‚ strike",
                format!("data.srcip; {}", intel(80))
            ]),
            json!(["10.9.8.7", "red", "c2,cobalt‚ strike", intel(10)]),
        ]
    );
    assert_eq!(raw["alert_tags"], "intel-hit,wazuh,rule-5710,agent-web01");
    assert_eq!(raw["severity"]["severity_name"], "High");
    let description = raw["alert_description"].as_str().unwrap();
    assert!(
        description.starts_with(
            "Threat intelligence:\n8.8.8.8: Cobalt Strike C2 (opencti, score 80, TLP:RED, the pattern, labels c2 cobalt, strike) https://opencti"
        ),
        "{description}"
    );
    assert!(description.contains("\n\nRule ID: 5710\n"));
    assert_eq!(
        raw["alert_context"]["Intelligence"],
        "8.8.8.8 (score 80), 10.9.8.7 (score 10)"
    );
    assert_eq!(
        changes(&proof),
        [("severity_raised", 1), ("tag_comma_replaced", 2)]
    );
}

#[tokio::test]
async fn a_hit_never_lowers_the_severity_and_an_expired_one_does_not_raise_it() {
    let sandbox = sandbox(IrisOptions::default()).await;
    let sink = sink(&sandbox, json!({}));
    let critical = alert(json!({"rule": {"id": "1", "level": 15, "description": "d"}}));
    let expired = IntelHit {
        expired: true,
        ..hit("8.8.8.8", ObservableKind::Ip, 90)
    };
    let weak = hit("8.8.8.8", ObservableKind::Ip, 74);
    for (alert, hit, expected) in [
        (critical, hit("8.8.8.8", ObservableKind::Ip, 90), "Critical"),
        (alert(json!({})), expired, "Low"),
        (alert(json!({})), weak, "Low"),
    ] {
        let outgoing = Outgoing {
            intel: vec![hit],
            ..outgoing(&sink, alert)
        };
        delivered(sink.deliver(&outgoing).await);
        let raw = sandbox.alerts().pop().unwrap().raw;
        assert_eq!(raw["severity"]["severity_name"], expected);
    }
}

#[tokio::test]
async fn the_rules_that_raise_are_the_operators() {
    let rules = json!({"intel": {"raise": [{"score": 50, "severity": "Medium"}, {"score": 90, "severity": "Critical"}]}});
    for (score, expected) in [(49, "Low"), (50, "Medium"), (90, "Critical")] {
        let (raw, _) = stored(
            rules.clone(),
            vec![hit("8.8.8.8", ObservableKind::Ip, score)],
        )
        .await;
        assert_eq!(raw["severity"]["severity_name"], expected);
    }
    let (raw, _) = stored(
        json!({"intel": {"raise": []}}),
        vec![hit("8.8.8.8", ObservableKind::Ip, 100)],
    )
    .await;
    assert_eq!(raw["severity"]["severity_name"], "Low");
}

#[tokio::test]
async fn hits_come_before_other_iocs_where_there_is_little_room() {
    let config = json!({"iocs": {"maximum": 1, "kinds": ["ip"]}});
    let (raw, proof) = stored(
        config,
        vec![hit("evil.example", ObservableKind::Domain, 10)],
    )
    .await;
    let iocs = raw["iocs"].as_array().unwrap();
    assert_eq!(iocs.len(), 1);
    assert_eq!(iocs[0]["ioc_value"], "evil.example");
    assert_eq!(iocs[0]["ioc_type"]["type_name"], "domain");
    assert!(changes(&proof).contains(&("ioc_left_out", 1)));
}

#[tokio::test]
async fn hostile_indicators_break_nothing_and_are_bounded() {
    let evil = "\" onmouseover=\"alert(1)<script>\0\u{202e}\n".repeat(500);
    let hits = (0..100)
        .map(|n| IntelHit {
            indicator: evil.clone(),
            labels: vec![evil.clone(), format!("l{n}")],
            marking: Some(evil.clone()),
            link: Some(evil.clone()),
            detail: evil.clone(),
            provider: "<b>".to_owned(),
            ..hit("8.8.8.8", ObservableKind::Ip, 80)
        })
        .chain([hit("x\"y", ObservableKind::FileName, 1)])
        .collect();
    let (raw, proof) = stored(json!({}), hits).await;
    assert!(raw["alert_description"].as_str().unwrap().len() <= 64 * 1024);
    assert_eq!(raw["iocs"].as_array().unwrap().len(), 1);
    let ioc = &raw["iocs"][0];
    assert!(ioc["ioc_tags"].as_str().unwrap().chars().count() <= 512);
    assert!(
        !ioc["ioc_description"]
            .as_str()
            .unwrap()
            .contains(['"', '<', '\u{202e}'])
    );
    assert!(changes(&proof).contains(&("intel_left_out", 81)));
}
