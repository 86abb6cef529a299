//! The live stream.

use std::time::Duration;

use alertbridge_intel::provider::{ErrorKind, Phase};
use alertbridge_sandbox::{OpenCtiFault, OpenCtiOptions, OpenCtiVersion, StixIdentity, Tlp};
use serde_json::{Value, json};

use crate::world::{Running, World, domain};

/// A day without questions: only the stream can bring anything.
fn only_stream(world: &World) -> Value {
    json!({"stream": world.sandbox.stream_id(), "poll_interval": 40_000, "reconcile_interval": 80_000})
}

async fn live(world: &World) -> Running {
    let mut running = world.run(only_stream(world));
    running.until(|state| state.phase == Phase::Live).await;
    running
}

#[tokio::test(start_paused = true)]
async fn create_update_delete_and_merge_arrive_by_the_stream_alone() {
    for version in [
        OpenCtiVersion::V5_11,
        OpenCtiVersion::V6_9,
        OpenCtiVersion::V7,
    ] {
        let world = World::of(OpenCtiOptions {
            version,
            ..Default::default()
        })
        .await;
        let (one, two) = (domain("one.example"), domain("two.example"));
        let (first, second) = (one.id.clone(), two.id.clone());
        world.sandbox.put_indicator(one);
        let running = live(&world).await;
        world.sandbox.clear_requests();
        world.sandbox.put_indicator(two);
        world.until(|world| world.get(&second).is_some()).await;
        world.sandbox.update_indicator(&first, |indicator| {
            indicator.revoked = true;
            indicator.score = Some(5);
            indicator.markings = vec![Tlp::Red];
        });
        world
            .until(|world| world.get(&first).unwrap().revoked)
            .await;
        let changed = world.get(&first).unwrap();
        assert_eq!(changed.score, Some(5), "{version}");
        assert_eq!(changed.markings, ["TLP:RED"], "{version}");
        world.sandbox.merge_indicators(&first, &[&second]);
        world.until(|world| world.get(&second).is_none()).await;
        world.sandbox.delete_indicator(&first);
        world.until(|world| world.count() == 0).await;
        assert_eq!(world.asked("indicators").len(), 0, "{version}");
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_deletion_leaves_another_indicator_of_the_same_value() {
    let world = World::new().await;
    let (mut one, two) = (domain("same.example"), domain("same.example"));
    one.id = "4f8b5b0e-0000-4000-8000-000000000001".to_owned();
    one.standard_id = "indicator--4f8b5b0e-0000-4000-8000-000000000001".to_owned();
    let (first, second) = (one.id.clone(), two.id.clone());
    let running = live(&world).await;
    world.sandbox.put_indicator(one);
    world.sandbox.put_indicator(two);
    world.until(|world| world.count() == 2).await;
    world.sandbox.delete_indicator(&first);
    world.until(|world| world.count() == 1).await;
    assert!(world.get(&second).is_some());
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_author_is_known_by_name() {
    let world = World::new().await;
    let author = StixIdentity::new("Organization", "ACME CERT");
    world.sandbox.put_identity(author.clone());
    let running = live(&world).await;
    let mut made = domain("a.example");
    made.created_by = Some(author);
    let id = made.id.clone();
    world.sandbox.put_indicator(made);
    world.until(|world| world.get(&id).is_some()).await;
    assert_eq!(
        world.get(&id).unwrap().created_by.as_deref(),
        Some("ACME CERT")
    );
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_cut_goes_on_behind_the_last_event() {
    let world = World::new().await;
    let mut running = live(&world).await;
    world.sandbox.put_indicator(domain("a.example"));
    world.until(|world| world.count() == 1).await;
    world
        .sandbox
        .faults()
        .next_stream(OpenCtiFault::ServerError { status: 502 });
    world
        .sandbox
        .faults()
        .next_stream(OpenCtiFault::CutInTheMiddle);
    world.sandbox.cut_streams();
    world.sandbox.put_indicator(domain("b.example"));
    world.sandbox.put_indicator(domain("c.example"));
    world.until(|world| world.count() == 3).await;
    running.until(|state| state.trouble.is_none()).await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_goes_on_behind_the_last_event() {
    let world = World::new().await;
    let running = live(&world).await;
    let gone = domain("gone.example");
    let id = gone.id.clone();
    world.sandbox.put_indicator(gone);
    world.until(|world| world.count() == 1).await;
    running.kill().await;
    world.sandbox.delete_indicator(&id);
    world.sandbox.put_indicator(domain("b.example"));
    world.sandbox.clear_requests();
    let running = live(&world).await;
    world
        .until(|world| world.count() == 1 && world.get(&id).is_none())
        .await;
    let streams = world.sandbox.requests();
    let query = streams
        .iter()
        .find(|request| request.path.contains("/stream/"))
        .unwrap();
    assert!(query.query.contains("from="), "{query:?}");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_happened_while_the_stream_was_trimmed_is_read_anew() {
    let world = World::new().await;
    let running = live(&world).await;
    let (gone, kept) = (domain("gone.example"), domain("kept.example"));
    let (gone_id, kept_id) = (gone.id.clone(), kept.id.clone());
    world.sandbox.put_indicator(gone);
    world.sandbox.put_indicator(kept);
    world.until(|world| world.count() == 2).await;
    running.stop().await;
    world.sandbox.delete_indicator(&gone_id);
    world
        .sandbox
        .update_indicator(&kept_id, |indicator| indicator.score = Some(7));
    for number in 0..20 {
        world
            .sandbox
            .put_indicator(domain(&format!("n{number}.example")));
    }
    world.sandbox.trim_events(2);
    let running = live(&world).await;
    world
        .until(|world| {
            world.count() == 21
                && world.get(&gone_id).is_none()
                && world.get(&kept_id).unwrap().score == Some(7)
        })
        .await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_falls_silent_is_opened_again() {
    let world = World::new().await;
    let mut running = live(&world).await;
    world.sandbox.faults().mute_heartbeats(true);
    let trouble = running.trouble().await;
    assert_eq!(
        (trouble.kind, trouble.needs_operator),
        (ErrorKind::Stream, false)
    );
    assert!(trouble.why.contains("45 s"), "{}", trouble.why);
    world.sandbox.faults().mute_heartbeats(false);
    running.synced().await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn while_the_stream_is_refused_opencti_is_asked_at_intervals() {
    let world = World::new().await;
    let stream = world.sandbox.stream_id().to_owned();
    world.sandbox.set_stream_running(&stream, false);
    let mut running = world.run(json!({"stream": stream}));
    let trouble = running
        .until(|state| {
            state
                .trouble
                .as_ref()
                .is_some_and(|trouble| trouble.needs_operator)
        })
        .await
        .trouble
        .unwrap();
    assert!(trouble.why.contains("410"), "{}", trouble.why);
    world.sandbox.put_indicator(domain("a.example"));
    world.until(|world| world.count() == 1).await;
    world.sandbox.set_stream_running(&stream, true);
    running
        .until(|state| state.phase == Phase::Live && state.trouble.is_none())
        .await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn hostile_events_are_counted_and_those_behind_them_arrive() {
    let world = World::new().await;
    let mut running = live(&world).await;
    world
        .sandbox
        .put_raw_event("update", json!({"data": {"type": "indicator", "id": 7}}));
    world.sandbox.put_raw_event("create", json!([1, 2, 3]));
    world
        .sandbox
        .put_raw_event("no-recover", json!({"reason": "x"}));
    world.sandbox.put_raw_event(
        "create",
        json!({"data": {"type": "sighting", "id": "sighting--1"}}),
    );
    world.sandbox.put_indicator(domain("a.example"));
    world.until(|world| world.count() == 1).await;
    let state = running.until(|state| state.unreadable > 0).await;
    assert_eq!(state.unreadable, 1);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_list_of_ids_is_compared_while_a_stream_is_on() {
    let world = World::new().await;
    world.load(30);
    let running = live(&world).await;
    world.sandbox.clear_requests();
    tokio::time::sleep(Duration::from_secs(90_000)).await;
    world
        .until(|world| !world.asked("indicators").is_empty())
        .await;
    running.stop().await;
}
