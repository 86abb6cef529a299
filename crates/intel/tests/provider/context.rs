//! What OpenCTI shows of an observable, for events.

use std::time::Duration;

use alertbridge_alert::observables::Kind;
use alertbridge_intel::provider::{
    ErrorKind,
    opencti::{Asked, LiveLookup},
};
use alertbridge_sandbox::{
    OpenCtiFault, OpenCtiOptions, OpenCtiVersion, StixIdentity, StixIndicator, StixObservable,
};
use serde_json::{Value, json};

use crate::world::{NAME, World};

fn asked(kind: Kind, value: &str) -> Asked {
    Asked {
        kind,
        value: value.to_owned(),
    }
}

fn lookup(world: &World) -> LiveLookup {
    LiveLookup::new(NAME, &world.config(json!({}))).unwrap()
}

/// A domain with all the seed's events show, and the indicator it is the basis of.
fn domain(world: &World) {
    let mut observable = StixObservable::of_value("Domain-Name", "evil.example");
    observable.id = "0e5e40ee-2ad3-4fc3-a9c6-a75869ea3c2e".to_owned();
    observable.score = Some(50);
    observable.labels = Some(vec!["cobalt strike".to_owned(), "jarm".to_owned()]);
    observable.created_by = Some(StixIdentity::new("Organization", "AlienVault"));
    let mut indicator = StixIndicator::of_value("Domain-Name", "evil.example");
    indicator.observables = vec![observable.id.clone()];
    world.sandbox.put_observable(observable);
    world.sandbox.put_indicator(indicator);
}

#[tokio::test(start_paused = true)]
async fn every_release_shows_an_observable_in_the_same_form() {
    for version in [
        OpenCtiVersion::V5_1,
        OpenCtiVersion::V5_11,
        OpenCtiVersion::V5_12_0,
        OpenCtiVersion::V5_12_24,
        OpenCtiVersion::V6_9,
        OpenCtiVersion::V7,
    ] {
        let world = World::of(OpenCtiOptions {
            version,
            ..Default::default()
        })
        .await;
        domain(&world);
        let shown = lookup(&world)
            .context(&asked(Kind::Domain, "EVIL.example"))
            .await;
        let shown = Value::Object((*shown.unwrap().unwrap()).clone());
        assert_eq!(
            shown["id"], "0e5e40ee-2ad3-4fc3-a9c6-a75869ea3c2e",
            "{version}"
        );
        assert_eq!(shown["entity_type"], "Domain-Name");
        assert_eq!(
            shown["parent_types"],
            json!([
                "Basic-Object",
                "Stix-Object",
                "Stix-Core-Object",
                "Stix-Cyber-Observable"
            ])
        );
        assert_eq!(shown["createdBy"]["name"], "AlienVault");
        assert_eq!(shown["createdBy"]["objectLabel"], json!({"edges": []}));
        let label = &shown["objectLabel"]["edges"][0]["node"];
        assert!(label["id"].is_string() && label["color"].is_string());
        assert_eq!(label["value"], "cobalt strike");
        assert_eq!(
            shown["indicators"]["edges"][0]["node"]["pattern"],
            "[domain-name:value = 'evil.example']"
        );
        for list in ["externalReferences", "importFiles"] {
            assert_eq!(shown[list], json!({"edges": []}), "{version}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_is_shown_by_any_of_its_hashes_and_what_is_not_there_by_none() {
    let world = World::new().await;
    let (sha256, md5) = ("ab".repeat(32), "cd".repeat(16));
    world
        .sandbox
        .put_observable(StixObservable::file(&[("SHA-256", &sha256), ("MD5", &md5)]));
    let lookup = lookup(&world);
    for (kind, value) in [(Kind::Sha256, &sha256), (Kind::Md5, &md5)] {
        let shown = lookup.context(&asked(kind, value)).await.unwrap().unwrap();
        assert_eq!(shown["entity_type"], "StixFile");
    }
    for _ in 0..3 {
        let none = lookup.context(&asked(Kind::Domain, "good.example")).await;
        assert!(none.unwrap().is_none());
    }
    assert_eq!(
        world.asked("stixCyberObservables").len(),
        3,
        "an answer is remembered"
    );
}

#[tokio::test(start_paused = true)]
async fn trouble_is_an_error_within_the_limit_and_is_not_remembered() {
    let world = World::new().await;
    domain(&world);
    let lookup = lookup(&world);
    let value = asked(Kind::Domain, "evil.example");
    for (fault, kind) in [
        (OpenCtiFault::Hang, ErrorKind::Timeout),
        (
            OpenCtiFault::ProxyHtml { status: 200 },
            ErrorKind::NotTheServer,
        ),
        (
            OpenCtiFault::TooManyRequests { retry_after: None },
            ErrorKind::Busy,
        ),
    ] {
        world.sandbox.faults().next(fault);
        let before = tokio::time::Instant::now();
        let error = lookup.context(&value).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(before.elapsed() <= Duration::from_millis(3100));
    }
    // A server that says it has too much to do is left alone for a while; connections of before may be closed by then.
    for _ in 0..5 {
        tokio::time::advance(Duration::from_secs(61)).await;
        if lookup
            .context(&value)
            .await
            .is_ok_and(|found| found.is_some())
        {
            return;
        }
    }
    panic!("nothing is remembered of trouble, and yet it is not asked again");
}
