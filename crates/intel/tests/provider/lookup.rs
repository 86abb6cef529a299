//! Look-ups at OpenCTI itself.

use std::time::Duration;

use alertbridge_alert::observables::Kind;
use alertbridge_intel::provider::{
    ErrorKind,
    opencti::{Asked, LiveLookup, Looked},
};
use alertbridge_sandbox::{
    OpenCtiFault, OpenCtiOptions, OpenCtiVersion, StixIndicator, StixObservable,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::world::{NAME, World, domain};

fn now() -> Timestamp {
    "2026-11-21T08:00:00Z".parse().unwrap()
}

fn asked(kind: Kind, value: &str) -> Asked {
    Asked {
        kind,
        value: value.to_owned(),
    }
}

fn lookup(world: &World, live: Value) -> LiveLookup {
    LiveLookup::new(NAME, &world.config(json!({"live": live}))).unwrap()
}

fn names(looked: &Looked) -> Vec<(usize, String)> {
    let mut names: Vec<(usize, String)> = looked
        .found
        .iter()
        .map(|found| (found.asked, found.indicator.name.clone()))
        .collect();
    names.sort();
    names
}

const SHA256: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const MD5: &str = "098f6bcd4621d373cade4e832627b4f6";

/// A file with two hashes, and an indicator whose pattern holds both: no pattern of one hash equals it.
fn file(world: &World) {
    let file = StixObservable::file(&[("SHA-256", SHA256), ("MD5", MD5)]);
    let mut indicator = StixIndicator::of_file(&[("SHA-256", SHA256), ("MD5", MD5)]);
    indicator.name = "file".to_owned();
    indicator.observables = vec![file.id.clone()];
    world.sandbox.put_observable(file);
    world.sandbox.put_indicator(indicator);
}

#[tokio::test(start_paused = true)]
async fn every_release_finds_indicators_without_observables_and_files_by_each_hash_in_any_case() {
    for version in [
        OpenCtiVersion::V5_1,
        OpenCtiVersion::V5_11,
        OpenCtiVersion::V5_12_0,
        OpenCtiVersion::V5_12_24,
        OpenCtiVersion::V6_0_8,
        OpenCtiVersion::V6_9,
        OpenCtiVersion::V7,
    ] {
        let world = World::of(OpenCtiOptions {
            version,
            ..Default::default()
        })
        .await;
        world.sandbox.put_indicator(domain("evil.example"));
        file(&world);
        let looked = lookup(&world, json!({}))
            .ask(
                &[
                    asked(Kind::Sha256, &SHA256.to_uppercase()),
                    asked(Kind::Domain, "EVIL.example."),
                    asked(Kind::Md5, MD5),
                    asked(Kind::Ip, "203.0.113.9"),
                ],
                now(),
            )
            .await;
        assert!(looked.trouble.is_none(), "{version}: {looked:?}");
        let found = names(&looked);
        assert!(found.contains(&(1, "evil.example".to_owned())), "{version}");
        // The stand-in joins filters of dialect A by AND whatever `filterMode` says, so observables of two keys are found by none.
        if version >= OpenCtiVersion::V5_12_0 {
            let expected = [(0, "file"), (1, "evil.example"), (2, "file")];
            let expected = expected.map(|(place, name)| (place, name.to_owned()));
            assert_eq!(found, expected, "{version}");
        }
        assert!(looked.found.iter().all(|found| found.whole));
    }
}

#[tokio::test(start_paused = true)]
async fn revoked_expired_and_low_indicators_are_left_out_and_unknown_scores_count() {
    let world = World::new().await;
    type Change = fn(&mut StixIndicator);
    let changes: [(&str, Change); 4] = [
        ("revoked", |indicator| indicator.revoked = true),
        ("expired", |indicator| {
            indicator.valid_until = Some(now() - Duration::from_secs(1));
        }),
        ("low", |indicator| indicator.score = Some(10)),
        ("unknown", |indicator| {
            indicator.score = None;
            indicator.confidence = None;
            indicator.valid_until = None;
        }),
    ];
    let observable = StixObservable::of_value("Domain-Name", "evil.example");
    for (name, change) in changes {
        let mut indicator = domain("evil.example");
        indicator.name = name.to_owned();
        let tail = format!(
            "{:012}",
            name.len() * 1000 + usize::from(name.as_bytes()[0])
        );
        indicator.id = format!("4f8b5b0e-0000-4000-8000-{tail}");
        indicator.standard_id = format!("indicator--4f8b5b0e-0000-4000-8000-{tail}");
        indicator.observables = vec![observable.id.clone()];
        change(&mut indicator);
        world.sandbox.put_indicator(indicator);
    }
    world.sandbox.put_observable(observable);
    let looked = lookup(&world, json!({"min_score": 50}))
        .ask(&[asked(Kind::Domain, "evil.example")], now())
        .await;
    assert_eq!(names(&looked), [(0, "unknown".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn answers_are_remembered_found_or_not_until_they_are_old() {
    let world = World::new().await;
    world.sandbox.put_indicator(domain("evil.example"));
    let lookup = lookup(&world, json!({"hit_ttl": 60, "miss_ttl": 10}));
    let values = [
        asked(Kind::Domain, "evil.example"),
        asked(Kind::Domain, "good.example"),
    ];
    for _ in 0..5 {
        assert_eq!(lookup.ask(&values, now()).await.found.len(), 1);
    }
    assert_eq!(world.asked("indicators").len(), 1);
    tokio::time::advance(Duration::from_secs(11)).await;
    lookup.ask(&values, now()).await;
    let again = world.asked("indicators").pop().unwrap().to_string();
    assert!(again.contains("good.example") && !again.contains("evil.example"));
    // What is remembered expires all the same.
    let later = now() + Duration::from_secs(10 * 365 * 24 * 3600);
    world.sandbox.put_indicator(domain("other.example"));
    assert!(lookup.ask(&values, later).await.found.len() <= 1);
}

#[tokio::test(start_paused = true)]
async fn many_values_are_asked_for_in_batches_and_nothing_is_asked_for_nothing() {
    let world = World::new().await;
    let lookup = lookup(&world, json!({"batch": 100, "timeout_ms": 60_000}));
    let nothing = [
        asked(Kind::Ip, "not an address"),
        asked(Kind::Directory, "/tmp"),
        asked(Kind::Url, &format!("http://a.example/{}", "x".repeat(600))),
    ];
    let looked = lookup.ask(&nothing, now()).await;
    assert!(looked.found.is_empty() && looked.trouble.is_none());
    assert_eq!(world.sandbox.requests().len(), 0);
    let many: Vec<Asked> = (0..250)
        .map(|number| {
            asked(
                Kind::Ip,
                &format!("203.0.{}.{}", number / 200, number % 200),
            )
        })
        .collect();
    world
        .sandbox
        .put_indicator(StixIndicator::of_value("IPv4-Addr", "203.0.1.49"));
    let looked = lookup.ask(&many, now()).await;
    assert_eq!(names(&looked), [(249, "203.0.1.49".to_owned())]);
    assert_eq!(world.asked("indicators").len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_alert_waits_no_longer_than_the_limit_and_not_at_all_while_opencti_is_down() {
    let world = World::new().await;
    world.sandbox.faults().always(Some(OpenCtiFault::Hang));
    let lookup = lookup(&world, json!({"failures": 3, "pause": 30}));
    let value = [asked(Kind::Domain, "evil.example")];
    for _ in 0..3 {
        let before = Instant::now();
        let looked = lookup.ask(&value, now()).await;
        assert_eq!(looked.unanswered, [0]);
        assert_eq!(looked.trouble.unwrap().kind(), ErrorKind::Timeout);
        assert!(before.elapsed() <= Duration::from_millis(3100));
    }
    let before = Instant::now();
    let looked = lookup.ask(&value, now()).await;
    assert_eq!(
        (looked.unanswered, before.elapsed()),
        (vec![0], Duration::ZERO)
    );
    world.sandbox.faults().clear();
    world.sandbox.put_indicator(domain("evil.example"));
    tokio::time::advance(Duration::from_secs(31)).await;
    assert_eq!(lookup.ask(&value, now()).await.found.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn half_an_answer_is_used_and_not_remembered_as_whole() {
    let world = World::new().await;
    world.sandbox.put_indicator(domain("evil.example"));
    let half = |field: &str| OpenCtiFault::PartialData {
        field: field.to_owned(),
    };
    world.sandbox.faults().next(half("stixCyberObservables"));
    let lookup = lookup(&world, json!({}));
    let value = [asked(Kind::Domain, "evil.example")];
    let looked = lookup.ask(&value, now()).await;
    assert_eq!((looked.found.len(), looked.unanswered), (1, vec![0]));
    assert_eq!(looked.trouble.unwrap().kind(), ErrorKind::Busy);
    let looked = lookup.ask(&value, now()).await;
    assert!(looked.trouble.is_none() && looked.unanswered.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_an_error_and_no_miss() {
    let world = World::new().await;
    let token = world.sandbox.token().to_owned();
    world.sandbox.set_token_expired(&token, true);
    let lookup = lookup(&world, json!({}));
    let value = [asked(Kind::Domain, "evil.example")];
    let looked = lookup.ask(&value, now()).await;
    let trouble = looked.trouble.unwrap();
    assert_eq!(
        (trouble.kind(), trouble.needs_operator()),
        (ErrorKind::Token, true)
    );
    assert_eq!(looked.unanswered, [0]);
}
