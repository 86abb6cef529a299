//! The whole list and what changes in it, in every dialect.

use alertbridge_intel::provider::{ErrorKind, Phase};
use alertbridge_sandbox::{OpenCtiFault, OpenCtiOptions, OpenCtiVersion, Tlp, synthetic_id};
use serde_json::json;

use crate::world::{World, domain};

#[tokio::test(start_paused = true)]
async fn every_release_is_read_whole_in_its_own_dialect() {
    for version in [
        OpenCtiVersion::V5_1,
        OpenCtiVersion::V5_11,
        OpenCtiVersion::V5_12_0,
        OpenCtiVersion::V5_12_24,
        OpenCtiVersion::V6_0_8,
        OpenCtiVersion::V6_1_0,
        OpenCtiVersion::V6_9,
        OpenCtiVersion::V7_FIRST,
        OpenCtiVersion::V7,
    ] {
        let world = World::of(OpenCtiOptions {
            version,
            ..Default::default()
        })
        .await;
        world.load(25);
        let mut marked = domain("marked.example");
        marked.labels = Some(vec!["c2".to_owned()]);
        marked.markings = vec![Tlp::Amber];
        marked.score = None;
        marked.confidence = None;
        marked.valid_until = None;
        let id = marked.id.clone();
        world.sandbox.put_indicator(marked);
        let mut running = world.run(json!({"page_size": 10}));
        let state = running.synced().await;
        assert_eq!(state.version, Some(version.to_string()), "{version}");
        assert_eq!(world.count(), 26, "{version}");
        let marked = world.get(&id).unwrap();
        assert_eq!((marked.labels, marked.score), (vec!["c2".to_owned()], None));
        assert_eq!(marked.markings, ["TLP:AMBER"], "{version}");
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_gives_fewer_than_asked_for_without_a_word_is_read_whole() {
    let world = World::of(OpenCtiOptions {
        version: OpenCtiVersion::V5_12_24,
        page_maximum: Some(7),
        ..Default::default()
    })
    .await;
    world.load(40);
    let mut running = world.run(json!({"page_size": 20}));
    running.synced().await;
    assert_eq!(world.count(), 40);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_list_that_was_killed_in_the_middle_goes_on_where_it_was() {
    let world = World::new().await;
    world.load(200);
    // Probe and clearance come first, then the pages.
    world.sandbox.faults().after(7, OpenCtiFault::Hang);
    let mut running = world.run(json!({"page_size": 10}));
    running
        .until(|state| state.phase == Phase::Full && state.done >= 50)
        .await;
    running.kill().await;
    assert_eq!(world.count(), 0, "a part of a list never serves");
    world.sandbox.faults().clear();
    world.sandbox.clear_requests();
    let mut running = world.run(json!({"page_size": 10}));
    running.synced().await;
    assert_eq!(world.count(), 200);
    let pages = world.asked("indicators");
    // Without the questions for what has changed since.
    let pages: Vec<_> = pages
        .iter()
        .filter(|asked| {
            asked["first"] == 10 && !asked["filters"].to_string().contains("updated_at")
        })
        .collect();
    assert!(pages[0]["after"].is_string(), "{:?}", pages[0]);
    assert!(pages.len() < 20, "{} pages", pages.len());
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn changes_and_revocations_come_at_the_next_question() {
    let world = World::new().await;
    world.load(5);
    let mut running = world.run(json!({}));
    running.synced().await;
    let new = domain("new.example");
    let new_id = new.id.clone();
    world.sandbox.put_indicator(new);
    world
        .sandbox
        .update_indicator(&synthetic_id(2), |indicator| indicator.revoked = true);
    world
        .until(|world| world.get(&new_id).is_some() && world.get(&synthetic_id(2)).unwrap().revoked)
        .await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn deletions_are_found_by_the_daily_list_of_ids() {
    let world = World::new().await;
    world.load(30);
    let mut running = world.run(json!({"page_size": 7, "poll_interval": 3600}));
    running.synced().await;
    world.sandbox.delete_indicator(&synthetic_id(3));
    world.until(|world| world.count() == 29).await;
    assert!(world.get(&synthetic_id(3)).is_none());
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_clearance_that_is_lowered_does_not_empty_the_store_at_once() {
    let world = World::new().await;
    for number in 0..40 {
        let mut marked = domain(&format!("a{number}.example"));
        marked.markings = vec![if number < 35 { Tlp::Amber } else { Tlp::Clear }];
        world.sandbox.put_indicator(marked);
    }
    let mut running = world.run(json!({"poll_interval": 3600}));
    running.synced().await;
    assert_eq!(world.count(), 40);
    let token = world.sandbox.token().to_owned();
    world.sandbox.set_highest_marking(&token, Tlp::Clear);
    let trouble = running.trouble().await;
    assert_eq!(trouble.kind, ErrorKind::Right);
    assert!(trouble.why.contains("clearance"), "{}", trouble.why);
    assert_eq!(world.count(), 40, "doubted first");
    world.until(|world| world.count() == 5).await;
    // And what becomes visible again comes back, though its last change is long past.
    world.sandbox.set_highest_marking(&token, Tlp::Red);
    world.until(|world| world.count() == 40).await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_reads_only_what_has_changed() {
    let world = World::new().await;
    world.load(300);
    let mut running = world.run(json!({"page_size": 50}));
    running.synced().await;
    running.stop().await;
    world.sandbox.clear_requests();
    world.sandbox.put_indicator(domain("new.example"));
    let mut running = world.run(json!({"page_size": 50}));
    running.synced().await;
    assert_eq!(world.count(), 301);
    let first = &world.asked("indicators")[0];
    assert!(
        first["filters"].to_string().contains("updated_at"),
        "{first}"
    );
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn another_server_under_the_same_name_is_read_anew() {
    let world = World::new().await;
    world.load(5);
    let mut running = world.run(json!({}));
    running.synced().await;
    running.stop().await;
    let other = World::of(OpenCtiOptions {
        base_path: "/cti".to_owned(),
        ..Default::default()
    })
    .await;
    let only = domain("only.example");
    let id = only.id.clone();
    other.sandbox.put_indicator(only);
    let config = other.config(json!({}));
    let mut running = world.run_with(&config);
    running.synced().await;
    assert_eq!(world.count(), 1);
    assert!(
        world
            .get(&id)
            .unwrap()
            .link
            .unwrap()
            .contains("/cti/dashboard/")
    );
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn other_kinds_of_patterns_are_counted_and_left_out() {
    let world = World::new().await;
    world.load(3);
    let mut yara = domain("x.example");
    yara.pattern_type = "yara".to_owned();
    world.sandbox.load_indicators([yara]);
    let mut running = world.run(json!({}));
    let state = running.synced().await;
    assert_eq!((world.count(), state.passed_over), (3, 1));
    running.stop().await;
}
