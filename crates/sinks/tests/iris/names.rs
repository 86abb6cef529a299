//! Names are resolved per installation, and a missing one names the choices.

use alertbridge_sandbox::{IdOrder, IrisOptions, IrisUser};
use alertbridge_sinks::{
    Outcome, Scope, Sink,
    iris::{IrisSink, ids},
};
use serde_json::{Value, json};

use crate::world::{alert, config, delivered, outgoing, sandbox, sink};

#[tokio::test]
async fn severities_have_the_right_name_whatever_their_ids_are() {
    for order in [IdOrder::Fresh24, IdOrder::UpTo23] {
        let sandbox = sandbox(IrisOptions {
            ids: order,
            ..IrisOptions::default()
        })
        .await;
        let sink = sink(&sandbox, json!({}));
        for level in 0..=16 {
            let alert = alert(
                json!({"rule": {"id": "1", "level": level, "description": level.to_string()}}),
            );
            delivered(sink.deliver(&outgoing(&sink, alert)).await);
        }
        let stored = sandbox.alerts();
        let names: Vec<&str> = stored
            .iter()
            .map(|alert| alert.raw["severity"]["severity_name"].as_str().unwrap())
            .collect();
        let expected: Vec<&str> = [
            ("Informational", 4),
            ("Low", 3),
            ("Medium", 3),
            ("High", 3),
            ("Critical", 4),
        ]
        .into_iter()
        .flat_map(|(name, count)| std::iter::repeat_n(name, count))
        .collect();
        assert_eq!(names, expected, "{order:?}");
        assert!(
            stored
                .iter()
                .all(|alert| alert.raw["status"]["status_name"] == "New")
        );
    }
}

#[tokio::test]
async fn a_customer_whose_id_changed_is_found_again_by_its_name() {
    let customers = |id| vec![(1, "Initial".to_owned()), (id, "Acme".to_owned())];
    let sandbox = sandbox(IrisOptions {
        customers: customers(5),
        ..IrisOptions::default()
    })
    .await;
    let sink = sink(&sandbox, json!({"default_customer": "Acme"}));
    delivered(sink.deliver(&outgoing(&sink, alert(json!({})))).await);
    let (port, key) = (sandbox.port(), sandbox.key().to_owned());
    sandbox.stop().await;
    let options = IrisOptions {
        port: Some(port),
        administrator_key: Some(key),
        customers: customers(6),
        ..IrisOptions::default()
    };
    let sandbox = self::sandbox(options).await;
    let outgoing = outgoing(&sink, alert(json!({})));
    let paused = sink.deliver(&outgoing).await;
    assert!(
        matches!(
            paused,
            Outcome::Paused {
                scope: Scope::Lane,
                ..
            }
        ),
        "{paused:?}"
    );
    delivered(sink.deliver(&outgoing).await);
    assert_eq!(sandbox.alerts()[0].customer_id, 6);
}

async fn paused(more: Value) -> (Scope, String) {
    let sandbox = sandbox(IrisOptions::default()).await;
    let sink = sink(&sandbox, more);
    match sink.deliver(&outgoing(&sink, alert(json!({})))).await {
        Outcome::Paused { scope, why } => (scope, why),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_missing_name_is_told_with_its_key_and_the_choices() {
    for (more, key, choice) in [
        (
            json!({"severities": {"Sehr hoch": 0}}),
            "severities",
            "Critical",
        ),
        (json!({"status": "Open"}), "status", "In progress"),
        (json!({"iocs": {"tlp": "white"}}), "iocs.tlp", "clear"),
        (
            json!({"assets": {"windows_type": "PC"}}),
            "assets.windows_type",
            "Windows - Computer",
        ),
        (
            json!({"classifications": [{"rule_group": "sshd", "classification": "brute force"}]}),
            "classifications",
            "intrusion-attempts:login-attempts",
        ),
    ] {
        let (scope, why) = paused(more).await;
        assert_eq!(scope, Scope::Sink);
        assert!(
            why.contains(&format!("`{key}`")) && why.contains(choice),
            "{why}"
        );
    }
    let (scope, why) = paused(json!({"default_customer": "Acme"})).await;
    assert_eq!(scope, Scope::Lane);
    assert!(
        why.contains("Acme") && why.contains("IrisInitialClient"),
        "{why}"
    );
}

#[tokio::test]
async fn a_minimal_service_account_delivers_by_customer_id_and_is_told_what_a_name_needs() {
    let user = IrisUser::minimal_service_account(2, "service-key", &[1]);
    let sandbox = sandbox(IrisOptions {
        users: vec![user],
        ..IrisOptions::default()
    })
    .await;
    let by_id = sink(&sandbox, json!({"key": "service-key"}));
    delivered(by_id.deliver(&outgoing(&by_id, alert(json!({})))).await);
    let by_name = sink(
        &sandbox,
        json!({"key": "service-key", "default_customer": "IrisInitialClient"}),
    );
    let outcome = by_name.deliver(&outgoing(&by_name, alert(json!({})))).await;
    let Outcome::Paused {
        scope: Scope::Lane,
        why,
    } = &outcome
    else {
        panic!("{outcome:?}");
    };
    assert!(
        why.contains("customers_read") && why.contains("id"),
        "{why}"
    );
    let administrator = sink(&sandbox, json!({"default_customer": "irisinitialclient"}));
    delivered(
        administrator
            .deliver(&outgoing(&administrator, alert(json!({}))))
            .await,
    );
}

#[tokio::test]
async fn a_classification_follows_the_rule_group() {
    let sandbox = sandbox(IrisOptions::default()).await;
    let rules =
        json!([{"rule_group": ["sshd"], "classification": "intrusion-attempts:login-attempts"}]);
    let sink = sink(&sandbox, json!({"classifications": rules}));
    delivered(sink.deliver(&outgoing(&sink, alert(json!({})))).await);
    delivered(
        sink.deliver(&outgoing(
            &sink,
            alert(json!({"rule": {"groups": ["web"]}})),
        ))
        .await,
    );
    let ids: Vec<Value> = sandbox
        .alerts()
        .iter()
        .map(|alert| alert.raw["alert_classification_id"].clone())
        .collect();
    assert_eq!(ids, [json!(15), Value::Null]);
}

#[tokio::test]
async fn all_names_and_ids_can_be_listed() {
    let sandbox = sandbox(IrisOptions::default()).await;
    let found = ids(&config(&sandbox, json!({}))).await.unwrap();
    assert_eq!(
        found
            .severities
            .iter()
            .map(|row| row.id)
            .collect::<Vec<_>>(),
        [1, 2, 3, 4, 5, 6]
    );
    assert_eq!(found.severities[0].name, "Medium");
    assert_eq!(
        (
            found.ioc_types.len(),
            found.asset_types.len(),
            found.classifications.len()
        ),
        (160, 21, 36)
    );
    assert_eq!(
        found.customers.as_ref().unwrap()[0].name,
        "IrisInitialClient"
    );
    assert!(serde_json::to_value(&found).unwrap()["tlps"].is_array());
    sandbox.faults().unauthorized(true);
    let error = ids(&config(&sandbox, json!({})))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("401"), "{error}");
}

async fn check(sink: &IrisSink) -> Vec<(&'static str, bool)> {
    sink.check()
        .await
        .iter()
        .map(|finding| (finding.what, finding.ok))
        .collect()
}

#[tokio::test]
async fn a_check_names_what_is_not_well() {
    let mut user = IrisUser::minimal_service_account(2, "service-key", &[1]);
    user.permissions &= !alertbridge_sandbox::permission::ALERTS_READ;
    let sandbox = sandbox(IrisOptions {
        users: vec![user],
        ..IrisOptions::default()
    })
    .await;
    let good = sink(&sandbox, json!({"default_customer": "IrisInitialClient"}));
    assert!(check(&good).await.iter().all(|(_, ok)| *ok));
    let odd = sink(&sandbox, json!({"ended_statuses": ["closed", "Finished"]}));
    let bad: Vec<_> = check(&odd)
        .await
        .into_iter()
        .filter(|(_, ok)| !ok)
        .collect();
    assert_eq!(bad, [("ended_statuses", false)]);
    let poor = sink(
        &sandbox,
        json!({"key": "service-key", "status": "Open", "default_customer": "IrisInitialClient"}),
    );
    let found = check(&poor).await;
    let bad: Vec<&str> = found
        .iter()
        .filter(|(_, ok)| !ok)
        .map(|(what, _)| *what)
        .collect();
    assert_eq!(bad, ["alerts_read", "names", "customer"]);
    let wrong = sink(&sandbox, json!({"key": "wrong"}));
    assert_eq!(check(&wrong).await, [("key", false)]);
    let away = sink(&sandbox, json!({}));
    sandbox.stop().await;
    assert_eq!(check(&away).await, [("reachable", false)]);
}
