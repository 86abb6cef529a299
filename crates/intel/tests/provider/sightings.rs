//! Sightings.

use alertbridge_intel::provider::{
    ErrorKind,
    opencti::{Sighting, SightingClient},
};
use alertbridge_sandbox::{
    OpenCtiFault, OpenCtiOptions, OpenCtiRights, OpenCtiVersion, StixIdentity,
};
use serde_json::json;

use crate::world::{World, domain};

fn client(world: &World) -> SightingClient {
    let sightings = serde_json::from_value(json!({"token": world.sandbox.token()})).unwrap();
    let config = serde_json::from_value(json!({"url": world.sandbox.url()})).unwrap();
    SightingClient::new(&config, &sightings).unwrap()
}

fn sighting(world: &World) -> Sighting {
    let seen = domain("evil.example");
    let indicator = seen.id.clone();
    world.sandbox.put_indicator(seen);
    Sighting {
        indicator,
        place: "Wazuh – cluster1".to_owned(),
        first_seen: "2026-11-21T10:00:00Z".parse().unwrap(),
        last_seen: "2026-11-21T10:05:00Z".parse().unwrap(),
        count: 3,
        description: "Wazuh rule 92000 on agent web01 (003), alert 1693478062.1".to_owned(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_sighting_is_reported_in_every_release_and_its_place_made_once() {
    for version in [
        OpenCtiVersion::V5_1,
        OpenCtiVersion::V5_11,
        OpenCtiVersion::V5_12_0,
        OpenCtiVersion::V6_9,
        OpenCtiVersion::V7,
    ] {
        let world = World::of(OpenCtiOptions {
            version,
            ..Default::default()
        })
        .await;
        let client = client(&world);
        let mut seen = sighting(&world);
        client.report_sighting(&seen).await.unwrap();
        seen.first_seen = "2026-11-21T11:00:00Z".parse().unwrap();
        seen.last_seen = "2026-11-21T11:30:00Z".parse().unwrap();
        client.report_sighting(&seen).await.unwrap();
        assert_eq!(world.sandbox.identities().len(), 1, "{version}");
        assert_eq!(world.asked("identityAdd").len(), 1, "{version}");
        assert!(!world.sandbox.sightings().is_empty(), "{version}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_place_that_is_there_is_used_whatever_its_case() {
    let world = World::new().await;
    world
        .sandbox
        .put_identity(StixIdentity::new("System", "WAZUH – Cluster1"));
    let seen = sighting(&world);
    client(&world).report_sighting(&seen).await.unwrap();
    assert_eq!(world.asked("identityAdd").len(), 0);
    assert_eq!(world.sandbox.identities().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_sighting_that_is_sent_again_after_a_fault_is_the_same_one() {
    let world = World::new().await;
    let (client, seen) = (client(&world), sighting(&world));
    client.report_sighting(&seen).await.unwrap();
    world.sandbox.faults().next(OpenCtiFault::CutInTheMiddle);
    let error = client.report_sighting(&seen).await.unwrap_err();
    assert!(!error.needs_operator(), "{error}");
    client.report_sighting(&seen).await.unwrap();
    let inputs = world.asked("stixSightingRelationshipAdd");
    let ids: std::collections::HashSet<String> = inputs
        .iter()
        .map(|variables| variables["input"]["stix_id"].to_string())
        .collect();
    assert_eq!(ids.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_token_without_the_right_to_write_says_which_one_it_needs() {
    let world = World::new().await;
    let token = world.sandbox.token().to_owned();
    let (client, seen) = (client(&world), sighting(&world));
    world.sandbox.set_rights(&token, OpenCtiRights::READER);
    let error = client.report_sighting(&seen).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.needs_operator()),
        (ErrorKind::Right, true)
    );
    assert!(error.to_string().contains("KNOWLEDGE_KNUPDATE"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_indicator_that_is_gone_is_an_error_of_its_own() {
    let world = World::new().await;
    let (client, mut seen) = (client(&world), sighting(&world));
    seen.indicator = "4f8b5b0e-0000-4000-8000-00000000dead".to_owned();
    let error = client.report_sighting(&seen).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Answer, "{error}");
}
