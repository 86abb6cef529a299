//! Live streams: what they tell.
#![expect(clippy::unwrap_used, reason = "a failed step ends the test")]

#[path = "support/opencti.rs"]
mod support;

use std::time::Duration;

use alertbridge_sandbox::{
    OpenCtiOptions, OpenCtiStream, OpenCtiVersion, StixIdentity, StixIndicator, StixObservable, Tlp,
};
use serde_json::json;
use support::{Platform, filter};

const EXTENSION: &str = "extension-definition--ea279b3e-5c71-4632-ac08-831c66a786ba";

fn indicator(value: &str) -> StixIndicator {
    StixIndicator::of_value("Domain-Name", value)
}

async fn beating(version: OpenCtiVersion) -> Platform {
    Platform::with(OpenCtiOptions {
        version,
        heartbeat: Duration::from_millis(20),
        ..Default::default()
    })
    .await
}

#[tokio::test]
async fn a_stream_begins_with_connected_and_beats_without_an_id_until_it_has_a_position() {
    let platform = beating(OpenCtiVersion::V7).await;
    let mut events = platform.stream("").await;
    let connected = events.next().await;
    assert_eq!(
        (connected.event.as_str(), connected.id),
        ("connected", None)
    );
    for name in [
        "firstEventId",
        "lastEventId",
        "firstEventDate",
        "lastEventDate",
        "streamSize",
        "connectionId",
    ] {
        assert!(!connected.data[name].is_null(), "{name}");
    }
    let beat = events.next().await;
    assert_eq!((beat.event.as_str(), beat.id), ("heartbeat", None));
    assert!(beat.data.as_str().unwrap().ends_with('Z'));
    assert_eq!(events.next().await.event, "consumer_metrics");
    let id = platform.sandbox.put_indicator(indicator("a.example"));
    let got = events.next_about("indicator").await;
    assert_eq!(got.id, Some(id.to_string()));
    assert_eq!(
        events.next().await.id,
        Some(id.to_string()),
        "now it beats with its position"
    );
}

#[tokio::test]
async fn old_releases_beat_without_an_id_and_without_metrics() {
    let platform = beating(OpenCtiVersion::V5_1).await;
    let mut events = platform.stream("").await;
    platform.sandbox.put_indicator(indicator("a.example"));
    let got = events.next_about("indicator").await;
    assert_eq!(got.data["version"], "3");
    assert!(got.data["data"].get("extensions").is_none());
    for _ in 0..2 {
        let beat = events.next().await;
        assert_eq!((beat.event.as_str(), beat.id), ("heartbeat", None));
    }
}

#[tokio::test]
async fn heartbeats_can_fall_silent() {
    let platform = beating(OpenCtiVersion::V7).await;
    platform.sandbox.faults().mute_heartbeats(true);
    let mut events = platform.stream("").await;
    events.next().await;
    let silence = tokio::time::timeout(Duration::from_millis(100), events.next()).await;
    assert!(silence.is_err());
}

#[tokio::test]
async fn create_update_delete_and_merge_carry_the_document_with_its_extensions() {
    let platform = Platform::start().await;
    let mut events = platform.stream("").await;
    let mut made = indicator("a.example");
    made.score = Some(50);
    made.platforms = Some(vec!["windows".to_owned()]);
    let (id, stix_id) = (made.id.clone(), made.standard_id.clone());
    platform.sandbox.put_indicator(made);
    let create = events.next_about("indicator").await;
    assert_eq!(
        (create.event.as_str(), create.data["type"].as_str()),
        ("create", Some("create"))
    );
    assert_eq!(create.data["version"], "4");
    assert_eq!(create.data["scope"], "external");
    let extension = &create.data["data"]["extensions"][EXTENSION];
    assert_eq!(extension["id"], json!(id));
    assert_eq!(extension["score"], 50);
    assert_eq!(
        extension["observable_values"],
        json!([{"type": "Domain-Name", "value": "a.example"}])
    );
    assert!(
        create.data["data"]
            .to_string()
            .contains("\"platforms\":[\"windows\"]")
    );
    assert!(
        !create.data["data"].to_string().contains("null"),
        "what is absent is left out"
    );

    platform
        .sandbox
        .update_indicator(&stix_id, |it| it.revoked = true)
        .unwrap();
    let update = events.next_about("indicator").await;
    assert_eq!(update.event, "update");
    assert_eq!(update.data["data"]["revoked"], true);
    let steps = update.data["context"]["patch"].as_array().unwrap();
    assert!(
        steps.contains(&json!({"op": "replace", "path": "/revoked", "value": true})),
        "{steps:?}"
    );
    let steps = update.data["context"]["reverse_patch"].as_array().unwrap();
    assert!(steps.contains(&json!({"op": "replace", "path": "/revoked", "value": false})));

    let other = indicator("b.example");
    platform.sandbox.put_indicator(other.clone());
    platform
        .sandbox
        .merge_indicators(&id, &[&other.id])
        .unwrap();
    events.next_about("indicator").await;
    let merge = events.next_about("indicator").await;
    assert_eq!(merge.event, "merge");
    assert_eq!(merge.data["data"]["id"], json!(stix_id));
    assert_eq!(
        merge.data["context"]["sources"][0]["id"],
        json!(other.standard_id)
    );
    assert_eq!(platform.sandbox.indicator(&other.id), None);

    platform.sandbox.delete_indicator(&id).unwrap();
    let delete = events.next_about("indicator").await;
    assert_eq!(delete.event, "delete");
    assert_eq!(
        delete.data["data"]["pattern"],
        "[domain-name:value = 'a.example']"
    );
    assert_eq!(platform.sandbox.indicator_count(), 0);
}

#[tokio::test]
async fn files_list_their_hashes_one_comparison_each() {
    let platform = Platform::start().await;
    let mut events = platform.stream("").await;
    platform
        .sandbox
        .put_indicator(StixIndicator::of_file(&[("SHA-256", "ab"), ("MD5", "cd")]));
    let got = events.next_about("indicator").await;
    assert_eq!(
        got.data["data"]["extensions"][EXTENSION]["observable_values"],
        json!([{"type": "StixFile", "hashes": {"SHA-256": "ab"}}, {"type": "StixFile", "hashes": {"MD5": "cd"}}])
    );
}

#[tokio::test]
async fn the_streams_filter_turns_changes_into_creates_and_deletes() {
    let stream = OpenCtiStream {
        filter: Some(filter("revoked", json!(["false"]))),
        ..OpenCtiStream::new("11111111-1111-4111-8111-111111111111")
    };
    let platform = Platform::with(OpenCtiOptions {
        streams: vec![stream],
        ..Default::default()
    })
    .await;
    let mut events = platform.stream("").await;
    let mut hidden = indicator("hidden.example");
    hidden.revoked = true;
    let id = hidden.id.clone();
    platform.sandbox.put_indicator(hidden);
    platform
        .sandbox
        .update_indicator(&id, |it| it.revoked = false);
    platform
        .sandbox
        .update_indicator(&id, |it| it.score = Some(1));
    platform
        .sandbox
        .update_indicator(&id, |it| it.revoked = true);
    let create = events.next_about("indicator").await;
    assert_eq!(
        (create.event.as_str(), &create.data["data"]["revoked"]),
        ("create", &json!(false))
    );
    assert_eq!(events.next_about("indicator").await.event, "update");
    let delete = events.next_about("indicator").await;
    assert_eq!(delete.event, "delete");
    assert_eq!(
        delete.data["data"]["revoked"], false,
        "the document as it was"
    );
}

#[tokio::test]
async fn a_marking_raised_above_the_users_is_a_delete() {
    let platform = Platform::start().await;
    platform
        .sandbox
        .set_highest_marking(&platform.token, Tlp::Green);
    let mut events = platform.stream("").await;
    let made = indicator("a.example");
    let id = made.id.clone();
    platform.sandbox.put_indicator(made);
    platform
        .sandbox
        .update_indicator(&id, |it| it.markings = vec![Tlp::Red]);
    assert_eq!(events.next_about("indicator").await.event, "create");
    assert_eq!(events.next_about("indicator").await.event, "delete");
}

#[tokio::test]
async fn markings_authors_and_relations_come_as_creates_of_their_own_once() {
    let platform = Platform::start().await;
    let observable = StixObservable::of_value("Domain-Name", "a.example");
    platform.sandbox.put_observable(observable.clone());
    let mut events = platform.stream("").await;
    let mut slim = platform.stream("?no-dependencies=true").await;
    for value in ["a.example", "b.example"] {
        let mut made = indicator(value);
        made.markings = vec![Tlp::Amber];
        made.created_by = Some(StixIdentity::new("Organization", "Feed"));
        made.observables = vec![observable.id.clone()];
        platform.sandbox.put_indicator(made);
    }
    let mut types = Vec::new();
    while types.len() < 7 {
        let got = events.next().await;
        if got.event == "create" {
            types.push(got.data["data"]["type"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(
        types,
        [
            "marking-definition",
            "identity",
            "indicator",
            "domain-name",
            "relationship",
            "indicator",
            "relationship"
        ]
    );
    slim.next().await;
    for expected in ["marking-definition", "identity", "indicator", "indicator"] {
        assert_eq!(slim.next().await.data["data"]["type"], expected);
    }
}

#[tokio::test]
async fn deletes_are_left_out_when_not_listened_for() {
    let old = Platform::of(OpenCtiVersion::V5_1).await;
    let new = Platform::start().await;
    for (platform, headers) in [(old, &[][..]), (new, &[("listen-delete", "false")][..])] {
        let mut events = platform.stream_with("", headers).await;
        let made = indicator("a.example");
        platform.sandbox.put_indicator(made.clone());
        platform.sandbox.delete_indicator(&made.id);
        platform.sandbox.put_indicator(made);
        assert_eq!(events.next_about("indicator").await.event, "create");
        assert_eq!(events.next_about("indicator").await.event, "create");
    }
}
