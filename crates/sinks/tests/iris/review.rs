//! Alerts by their tags, as people left them, and the tags that new ones get.

use alertbridge_sandbox::{Fault, IrisOptions, IrisSandbox, IrisUser};
use alertbridge_sinks::{
    Ending, Outcome, Outgoing, Page, Reviewable, SeenAlert, Sink, iris::IrisSink,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    one_alert::{ALICE, World, written},
    world::{alert, delivered, outgoing, sandbox, sink},
};

const PENDING: &str = "ai-pending";

/// A server of this version with so many alerts, their tags set by people.
async fn tagged(version: &str, tags: &[&str]) -> (IrisSandbox, IrisSink, Vec<i64>) {
    let options = IrisOptions {
        version: version.to_owned(),
        ..IrisOptions::default()
    };
    let sandbox = sandbox(options).await;
    let sink = sink(&sandbox, json!({}));
    let mut ids = Vec::new();
    for (at, tags) in tags.iter().enumerate() {
        // The newest alert has the oldest event.
        let timestamp = format!(
            "2026-11-20T{:02}:{:02}:00.000+0000",
            23 - at / 60,
            59 - at % 60
        );
        let outgoing = outgoing(&sink, alert(json!({"timestamp": timestamp})));
        let id = delivered(sink.deliver(&outgoing).await).id.parse().unwrap();
        sandbox.edit(id, ALICE, &json!({"alert_tags": tags}));
        ids.push(id);
    }
    (sandbox, sink, ids)
}

fn ids(page: &Page) -> Vec<i64> {
    page.alerts
        .iter()
        .map(|alert| alert.id.parse().unwrap())
        .collect()
}

async fn read(world: &World) -> SeenAlert {
    let id = world.id.to_string();
    world.sink.read(&id).await.unwrap().unwrap()
}

#[tokio::test]
async fn only_alerts_with_exactly_the_tag_are_found_the_oldest_first() {
    let tags = [
        "ai-pending",
        "not-ai-pending",
        "wazuh, ai-pending ,x",
        "AI-PENDING",
        "ai-pending-2",
        "",
        "x,ai-pending",
    ];
    let (_sandbox, sink, all) = tagged("v2.4.20", &tags).await;
    let page = sink.tagged(PENDING, None, 10).await.unwrap();
    assert_eq!(ids(&page), [all[0], all[2], all[6]]);
    assert_eq!(page.more_after, None);
    assert_eq!(page.alerts[1].tags, ["wazuh", "ai-pending", "x"]);
    for nothing in [
        "",
        " ",
        "x,ai-pending",
        "%",
        "ai_pending",
        "\\",
        &*"a".repeat(3000),
    ] {
        assert_eq!(
            sink.tagged(nothing, None, 10).await.unwrap(),
            Page::default(),
            "{nothing}"
        );
    }
}

#[tokio::test]
async fn pages_go_on_behind_an_id() {
    let (_sandbox, sink, all) = tagged("v2.4.20", &[PENDING; 7]).await;
    let mut after = None;
    let mut found = Vec::new();
    loop {
        let page = sink.tagged(PENDING, after, 3).await.unwrap();
        found.extend(ids(&page));
        after = page.more_after;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, all);
    assert_eq!(
        ids(&sink.tagged(PENDING, Some(all[5]), 0).await.unwrap()),
        [all[6]]
    );
}

#[tokio::test]
async fn alerts_that_people_are_done_with_are_left_out() {
    let (sandbox, sink, all) = tagged("v2.4.20", &[PENDING; 4]).await;
    for (at, status) in [(0, 6), (1, 7), (2, 8)] {
        sandbox.edit(all[at], ALICE, &json!({"alert_status_id": status}));
    }
    let page = sink.tagged(PENDING, None, 10).await.unwrap();
    assert_eq!(ids(&page), [all[2], all[3]], "escalated is not the end");
}

/// Servers before 2.4.17 give whole alerts, so that pages are small, and a tag taken away moves the rows of later pages.
#[tokio::test]
async fn a_tag_that_is_taken_away_meanwhile_hides_no_other_alert() {
    for version in ["v2.4.16", "v2.4.9"] {
        let (sandbox, sink, all) = tagged(version, &[PENDING; 45]).await;
        // The oldest event is on the first page, which is read first.
        sandbox
            .faults()
            .edit_after_read(all[44], ALICE, &json!({"alert_tags": "wazuh"}));
        let page = sink.tagged(PENDING, None, 100).await.unwrap();
        assert_eq!(sandbox.faults().waiting(), 0);
        assert_eq!(ids(&page), all[..44], "{version}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Whatever tags are taken away while pages are read, and whoever asks for how many at a time: all that keep the tag are found,
    /// each once.
    #[test]
    fn every_alert_that_keeps_the_tag_is_found_once(
        count in 1_usize..50,
        gone in proptest::collection::btree_set(0_usize..50, 0..25),
        limit in 1_usize..30,
        chooses_fields in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let version = if chooses_fields { "v2.4.20" } else { "v2.4.16" };
            let (sandbox, sink, all) = tagged(version, &vec![PENDING; count]).await;
            for at in gone.iter().filter(|at| **at < count) {
                sandbox.faults().edit_after_read(all[*at], ALICE, &json!({"alert_tags": "not-ai-pending"}));
            }
            let mut found = Vec::new();
            let mut after = None;
            loop {
                let page = sink.tagged(PENDING, after, limit).await.unwrap();
                assert!(page.alerts.len() <= limit);
                assert!(page.more_after > after || page.more_after.is_none());
                found.extend(ids(&page));
                after = page.more_after;
                if after.is_none() {
                    break;
                }
            }
            assert!(found.is_sorted_by(|one, next| one < next), "{found:?}");
            let kept: Vec<i64> = (0..count).filter(|at| !gone.contains(at)).map(|at| all[at]).collect();
            assert!(kept.iter().all(|id| found.contains(id)), "{kept:?} {found:?}");
        });
    }
}

#[tokio::test]
async fn a_tag_that_is_taken_away_after_the_list_is_seen() {
    let (sandbox, sink, all) = tagged("v2.4.20", &[PENDING; 3]).await;
    sandbox
        .faults()
        .edit_after_read(all[1], ALICE, &json!({"alert_tags": "ai-skip"}));
    let page = sink.tagged(PENDING, None, 10).await.unwrap();
    assert_eq!(ids(&page), [all[0], all[2]]);
}

#[tokio::test]
async fn a_server_that_is_down_is_asked_again_and_a_key_that_is_refused_pauses() {
    let (sandbox, sink, all) = tagged("v2.4.20", &[PENDING]).await;
    let id = all[0].to_string();
    sandbox.faults().next_on("/alerts/filter", Fault::Html500);
    let failed = sink.tagged(PENDING, None, 10).await.unwrap_err();
    assert!(matches!(failed, Outcome::Retry { .. }), "{failed:?}");
    sandbox.faults().unauthorized(true);
    let failed = sink.tagged(PENDING, None, 10).await.unwrap_err();
    assert!(matches!(failed, Outcome::Paused { .. }), "{failed:?}");
    let failed = sink.read(&id).await.unwrap_err();
    assert!(matches!(failed, Outcome::Paused { .. }), "{failed:?}");
}

#[tokio::test]
async fn an_alert_is_read_as_people_left_it() {
    let columns = json!({
        "alert_tags": "wazuh, ai-agree", "alert_owner_id": 8, "alert_status_id": 6, "alert_resolution_status_id": 1,
        "alert_note": "a scanner of ours", "alert_severity_id": 6,
    });
    for version in ["v2.4.20", "v2.4.16", "unknown"] {
        let world = World::on(version, columns.clone()).await;
        let seen = read(&world).await;
        assert_eq!(seen.id, world.id.to_string());
        assert_eq!(seen.title, "sshd: attempt");
        assert!(seen.description.contains("Rule ID: 5710"));
        assert_eq!(seen.source_content["rule"]["id"], "5710");
        assert_eq!(seen.source_ref, world.amendment.reference);
        assert!(seen.has_tag("ai-agree") && !seen.has_tag("ai"));
        assert_eq!(
            (seen.severity.as_str(), seen.status.as_str()),
            ("Critical", "Closed")
        );
        assert_eq!(seen.resolution.as_deref(), Some("False Positive"));
        assert_eq!((seen.owner, seen.ended), (Some(8), Some(Ending::Closed)));
        assert_eq!(seen.note, "a scanner of ours");
        assert_eq!(seen.lane, "1");
        assert_eq!(seen.event_at, "2026-11-21T08:26:17.096Z".parse().ok());
        assert!(seen.created_at.is_some(), "{version}");
    }
}

#[tokio::test]
async fn every_resolution_has_its_name_and_none_has_none() {
    let world = World::new(json!({})).await;
    assert_eq!(read(&world).await.resolution, None);
    for (id, name) in [
        (1, "False Positive"),
        (2, "True Positive With Impact"),
        (3, "True Positive Without Impact"),
        (4, "Not Applicable"),
        (5, "Unknown"),
        (6, "Legitimate"),
    ] {
        let columns = json!({"alert_resolution_status_id": id});
        world.sandbox.edit(world.id, ALICE, &columns);
        assert_eq!(read(&world).await.resolution.as_deref(), Some(name));
    }
}

#[tokio::test]
async fn the_last_change_is_known_by_the_servers_clock() {
    let world = World::new(json!({})).await;
    let before = read(&world).await.updated_at.unwrap();
    world
        .sandbox
        .edit(world.id, ALICE, &json!({"alert_note": "n"}));
    let after = read(&world).await.updated_at.unwrap();
    assert!(after > before, "{before} {after}");
    let history = world.column("modification_history");
    let newest = history.as_object().unwrap().keys().next_back().unwrap();
    let newest: f64 = newest.parse().unwrap();
    assert!((after.as_microsecond() as f64 / 1e6 - newest).abs() < 1e-3);
}

#[tokio::test]
async fn what_is_deleted_hidden_or_no_id_is_not_there() {
    let options = IrisOptions {
        customers: vec![(1, "One".to_owned()), (2, "Two".to_owned())],
        users: vec![IrisUser::minimal_service_account(7, "bridge", &[1])],
        ..IrisOptions::default()
    };
    let sandbox = sandbox(options).await;
    let foreign = sink(
        &sandbox,
        json!({"default_customer": 2, "extra_tags": [PENDING]}),
    );
    let foreign = delivered(foreign.deliver(&outgoing(&foreign, alert(json!({})))).await);
    let ours = sink(&sandbox, json!({"key": "bridge"}));
    for id in [
        foreign.id.as_str(),
        "4711",
        "",
        "x",
        "-1",
        "99999999999999999999",
    ] {
        assert_eq!(ours.read(id).await, Ok(None), "{id}");
    }
    assert_eq!(ours.tagged(PENDING, None, 10).await, Ok(Page::default()));
}

#[tokio::test]
async fn a_customer_is_the_lane_that_the_configuration_names() {
    let sandbox = sandbox(IrisOptions::default()).await;
    let sink = sink(&sandbox, json!({"default_customer": "irisinitialclient"}));
    let outgoing = outgoing(&sink, alert(json!({})));
    let id = delivered(sink.deliver(&outgoing).await).id;
    let seen = sink.read(&id).await.unwrap().unwrap();
    assert_eq!(seen.lane, outgoing.lane);
}

#[tokio::test]
async fn an_alert_too_long_for_an_answer_is_read_without_its_content() {
    let sandbox = sandbox(IrisOptions::default()).await;
    let sink = sink(
        &sandbox,
        json!({"response_limit": 65_536, "extra_tags": [PENDING]}),
    );
    let mut all = Vec::new();
    for log in ["short".to_owned(), "x".repeat(200_000)] {
        let outgoing = outgoing(&sink, alert(json!({"full_log": log})));
        all.push(match sink.deliver(&outgoing).await {
            Outcome::Delivered(proof) | Outcome::AlreadyThere(proof) => proof.id,
            // Its answer is too long as well; the alert is stored.
            _ => sandbox.alerts().last().unwrap().id.to_string(),
        });
    }
    let page = sink.tagged(PENDING, None, 10).await.unwrap();
    let read: Vec<&str> = page.alerts.iter().map(|alert| alert.id.as_str()).collect();
    assert_eq!(read, all);
    assert_eq!(page.alerts[0].source_content["full_log"], "short");
    assert_eq!(page.alerts[1].source_content, Value::Null);
    let seen = sink.read(&all[1]).await.unwrap().unwrap();
    assert_eq!(
        (seen.title.as_str(), &seen.source_content),
        ("sshd: attempt", &Value::Null)
    );
}

#[tokio::test]
async fn whatever_an_alert_holds_it_is_read() {
    let world = World::new(json!({
        "alert_title": 5, "alert_tags": ["x"], "alert_note": {"a": 1}, "alert_source_content": [1], "alert_owner_id": "me",
        "alert_creation_time": "never", "modification_history": {"x": {}, "1e400": 7}, "alert_status_id": null,
        "alert_severity_id": null, "alert_source_ref": null,
    }))
    .await;
    let seen = read(&world).await;
    assert_eq!((seen.title.as_str(), seen.note.as_str()), ("", ""));
    assert_eq!(
        (seen.tags.len(), seen.owner, seen.created_at),
        (0, None, None)
    );
    assert_eq!(
        (seen.status.as_str(), seen.severity.as_str(), seen.ended),
        ("", "", None)
    );
}

#[tokio::test]
async fn a_new_alert_gets_the_tags_it_was_given_after_ours() {
    let sandbox = sandbox(IrisOptions::default()).await;
    let sink = sink(&sandbox, json!({}));
    let given = ["ai-pending", "a,b\0", "wazuh", "", "ai-pending"];
    let outgoing = Outgoing {
        tags: given.iter().map(|tag| (*tag).to_owned()).collect(),
        ..outgoing(&sink, alert(json!({})))
    };
    delivered(sink.deliver(&outgoing).await);
    assert_eq!(
        sandbox.alerts()[0].tags,
        "rule-5710,agent-web01,ai-pending,a‚b,wazuh"
    );
}

#[tokio::test]
async fn no_alert_has_so_many_tags_that_a_given_one_is_left_out() {
    let sandbox = sandbox(IrisOptions::default()).await;
    let sink = sink(&sandbox, json!({"tags": ["g-{rule_group}"]}));
    let groups: Vec<String> = (0..60).map(|number| format!("g{number}")).collect();
    let rule = json!({"id": "1", "level": 5, "description": "d", "groups": groups});
    let outgoing = Outgoing {
        tags: vec![PENDING.to_owned()],
        ..outgoing(&sink, alert(json!({"rule": rule})))
    };
    delivered(sink.deliver(&outgoing).await);
    let tags = sandbox.alerts()[0].tags.clone();
    assert_eq!(
        (tags.split(',').count(), tags.split(',').next_back()),
        (40, Some(PENDING))
    );
    let page = sink.tagged(PENDING, None, 1).await.unwrap();
    assert_eq!(page.alerts.len(), 1);
}

#[tokio::test]
async fn an_alert_that_was_read_is_changed_by_what_was_read() {
    let (_sandbox, sink, _) = tagged("v2.4.20", &[PENDING]).await;
    let page = sink.tagged(PENDING, None, 1).await.unwrap();
    let amendment = alertbridge_sinks::Amendment {
        id: page.alerts[0].id.clone(),
        lane: page.alerts[0].lane.clone(),
        identity: alertbridge_sinks::Identity::IdOnly,
        tags: crate::one_alert::tags(&["ai-reviewed"], &[PENDING]),
        ..Default::default()
    };
    written(sink.amend(&amendment).await);
    assert_eq!(sink.tagged(PENDING, None, 1).await, Ok(Page::default()));
}
