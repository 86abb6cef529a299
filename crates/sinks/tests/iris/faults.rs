//! Whatever goes wrong on the way, exactly one alert ends up in IRIS.

use std::time::Duration;

use alertbridge_sandbox::{Fault, IrisOptions, IrisSandbox, IrisUser};
use alertbridge_sinks::{Outcome, Outgoing, Presence, Proof, Scope, Sink, attempt, iris::IrisSink};
use serde_json::{Value, json};

use crate::world::{alert, config, delivered, outgoing, sandbox, sink};

/// Attempts as the delivery worker makes them, until the alert is there; the last outcome's proof and all outcomes before it.
async fn until_there(sink: &IrisSink, outgoing: &Outgoing) -> (Proof, Vec<Outcome>) {
    let (mut doubt, mut before) = (false, Vec::new());
    for _ in 0..10 {
        match attempt(sink, outgoing, doubt).await {
            Outcome::Delivered(proof) | Outcome::AlreadyThere(proof) => return (proof, before),
            outcome => {
                doubt = matches!(outcome, Outcome::Unknown { .. });
                before.push(outcome);
            }
        }
    }
    panic!("not there after ten attempts: {before:?}");
}

async fn with_fault(options: IrisOptions, fault: Fault) -> (IrisSandbox, Proof, Vec<Outcome>) {
    let sandbox = sandbox(options).await;
    let sink = sink(&sandbox, json!({"timeout": 1}));
    let outgoing = outgoing(&sink, alert(json!({})));
    sandbox.faults().next(fault);
    let (proof, before) = until_there(&sink, &outgoing).await;
    (sandbox, proof, before)
}

#[tokio::test]
async fn every_fault_ends_in_exactly_one_stored_alert() {
    let faults = [
        Fault::DbLost400 { stored: false },
        Fault::DbLost400 { stored: true },
        Fault::HangBefore,
        Fault::Html500,
        Fault::Html502,
        Fault::NewTagRace,
        Fault::PoolExhausted,
        Fault::ResetBefore,
        Fault::SlowBytes {
            pause: Duration::from_millis(40),
        },
        Fault::StoreThen400,
        Fault::StoreThenHang,
        Fault::StoreThenHtml500,
        Fault::StoreThenReset,
        Fault::TooManyRequests { retry_after: 3 },
    ];
    for version in ["v2.4.20", "v2.4.16", "v2.4.9"] {
        for fault in faults {
            let options = IrisOptions {
                version: version.to_owned(),
                ..IrisOptions::default()
            };
            let (sandbox, proof, before) = with_fault(options, fault).await;
            assert_eq!(sandbox.alert_count(), 1, "{version} {fault:?}: {before:?}");
            let told = proof.id == sandbox.alerts()[0].id.to_string();
            assert!(
                told || (version == "v2.4.9" && proof.id.is_empty()),
                "{version} {fault:?}: {proof:?}"
            );
            assert_eq!(sandbox.faults().waiting(), 0, "{fault:?} did not hit");
        }
    }
}

#[tokio::test]
async fn the_outcome_says_whether_the_sink_or_the_alert_is_in_trouble() {
    for (fault, expected) in [
        (Fault::NewTagRace, "retry alert"),
        (Fault::TooManyRequests { retry_after: 3 }, "retry sink 3"),
        (Fault::Html502, "unknown"),
        (Fault::ResetBefore, "unknown"),
        (Fault::StoreThenHang, "unknown"),
        (Fault::NotEntitled, "paused lane"),
    ] {
        let sandbox = sandbox(IrisOptions::default()).await;
        let sink = sink(&sandbox, json!({"timeout": 1}));
        sandbox.faults().next(fault);
        let said = match sink.deliver(&outgoing(&sink, alert(json!({})))).await {
            Outcome::Retry {
                sink_wide: false, ..
            } => "retry alert".to_owned(),
            Outcome::Retry {
                after: Some(after), ..
            } => format!("retry sink {}", after.as_secs()),
            Outcome::Unknown { .. } => "unknown".to_owned(),
            Outcome::Paused {
                scope: Scope::Lane, ..
            } => "paused lane".to_owned(),
            other => format!("{other:?}"),
        };
        assert_eq!(said, expected, "{fault:?}");
    }
}

#[tokio::test]
async fn an_iris_that_is_down_costs_nothing_but_time() {
    let sandbox = sandbox(IrisOptions::default()).await;
    let (port, key) = (sandbox.port(), sandbox.key().to_owned());
    let config = config(&sandbox, json!({}));
    sandbox.stop().await;
    let sink = IrisSink::connect(config).unwrap();
    let outgoing = outgoing(&sink, alert(json!({})));
    let refused = attempt(&sink, &outgoing, false).await;
    assert!(
        matches!(
            &refused,
            Outcome::Retry {
                sink_wide: true,
                ..
            }
        ),
        "{refused:?}"
    );
    let options = IrisOptions {
        port: Some(port),
        administrator_key: Some(key),
        ..IrisOptions::default()
    };
    let sandbox = IrisSandbox::start(options).await.unwrap();
    delivered(attempt(&sink, &outgoing, false).await);
    assert_eq!(sandbox.alert_count(), 1);
}

#[tokio::test]
async fn a_refused_key_stops_the_sink_until_it_is_mended() {
    let sandbox = sandbox(IrisOptions::default()).await;
    let sink = sink(&sandbox, json!({}));
    let outgoing = outgoing(&sink, alert(json!({})));
    sandbox.faults().unauthorized(true);
    let paused = attempt(&sink, &outgoing, true).await;
    let Outcome::Paused {
        scope: Scope::Sink,
        why,
    } = &paused
    else {
        panic!("{paused:?}");
    };
    assert!(why.contains("401") && !why.contains(sandbox.key()));
    sandbox.faults().unauthorized(false);
    delivered(attempt(&sink, &outgoing, true).await);
}

#[tokio::test]
async fn an_address_that_is_no_iris_stops_the_sink() {
    let sandbox = sandbox(IrisOptions::default()).await;
    let sink = sink(&sandbox, json!({"url": format!("{}/wrong", sandbox.url())}));
    let paused = sink.deliver(&outgoing(&sink, alert(json!({})))).await;
    assert!(
        matches!(&paused, Outcome::Paused { scope: Scope::Sink, why } if why.contains("`url`")),
        "{paused:?}"
    );
}

#[tokio::test]
async fn one_bad_ioc_never_costs_the_alert() {
    let sandbox = sandbox(IrisOptions::default()).await;
    let sink = sink(&sandbox, json!({}));
    // 76 is ip-any: the alert's address.
    sandbox
        .faults()
        .rate(Fault::RefuseIocType { ioc_type_id: 76 }, 1.0);
    let proof = delivered(attempt(&sink, &outgoing(&sink, alert(json!({}))), false).await);
    let change = proof
        .changes
        .iter()
        .find(|change| change.what == "ioc_refused")
        .unwrap();
    assert_eq!(change.count, 1);
    let stored = &sandbox.alerts()[0].raw;
    assert_eq!(stored["iocs"], json!([]));
    assert_eq!(stored["assets"].as_array().unwrap().len(), 2);
    assert!(
        stored["alert_description"]
            .as_str()
            .unwrap()
            .contains("IRIS refused the IOCs")
    );
}

#[tokio::test]
async fn sixteen_alerts_at_once_that_share_new_tags_all_arrive_once() {
    let sandbox = sandbox(IrisOptions::default()).await;
    let sink = std::sync::Arc::new(sink(&sandbox, json!({"extra_tags": ["brand-new"]})));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let sink = sink.clone();
        tasks.spawn(async move {
            let outgoing = outgoing(&*sink, alert(json!({})));
            until_there(&sink, &outgoing).await
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    assert_eq!(sandbox.alert_count(), 16);
}

#[tokio::test]
async fn an_alert_sent_by_two_workers_at_once_is_stored_once() {
    let sandbox = sandbox(IrisOptions::default()).await;
    let sink = sink(&sandbox, json!({}));
    let outgoing = outgoing(&sink, alert(json!({})));
    let (one, other) = tokio::join!(until_there(&sink, &outgoing), until_there(&sink, &outgoing));
    assert_eq!(one.0.id, other.0.id);
    assert_eq!(sandbox.alert_count(), 1);
}

/// Older servers ignore the exact search and answer with everything: no other alert may be taken for ours.
#[tokio::test]
async fn an_alert_is_never_taken_for_another_one() {
    for version in ["v2.4.20", "v2.4.16", "v2.4.9"] {
        let sandbox = sandbox(IrisOptions {
            version: version.to_owned(),
            ..IrisOptions::default()
        })
        .await;
        let sink = sink(&sandbox, json!({}));
        let longer = outgoing(&sink, alert(json!({"id": "17952.10"})));
        delivered(sink.deliver(&longer).await);
        // Its reference is the beginning of the other's, and a wildcard matches it.
        for id in ["17952.1", "17952%", "17952_10"] {
            let missing = outgoing(&sink, alert(json!({"id": id})));
            let expected = if version == "v2.4.9" {
                Presence::Unknowable
            } else {
                Presence::Absent
            };
            assert_eq!(sink.look_up(&missing).await, expected, "{version} {id}");
        }
        let found = sink.look_up(&longer).await;
        assert_eq!(
            matches!(found, Presence::Present(_)),
            version != "v2.4.9",
            "{version}"
        );
    }
}

#[tokio::test]
async fn a_customer_that_is_not_allowed_stops_only_its_lane() {
    let user = IrisUser::minimal_service_account(2, "service-key", &[1]);
    let customers = vec![(1, "Initial".to_owned()), (2, "Acme".to_owned())];
    let sandbox = sandbox(IrisOptions {
        customers,
        users: vec![user],
        ..IrisOptions::default()
    })
    .await;
    let rules: Value =
        json!([{"agent_name": "acme-*", "customer": 2}, {"agent_name": "lost-*", "customer": 3}]);
    let sink = sink(&sandbox, json!({"key": "service-key", "customers": rules}));
    delivered(sink.deliver(&outgoing(&sink, alert(json!({})))).await);
    for name in ["acme-1", "lost-1"] {
        let paused = sink
            .deliver(&outgoing(&sink, alert(json!({"agent": {"name": name}}))))
            .await;
        assert!(
            matches!(
                paused,
                Outcome::Paused {
                    scope: Scope::Lane,
                    ..
                }
            ),
            "{name}: {paused:?}"
        );
    }
    assert_eq!(sandbox.alert_count(), 1);
}
