//! Changing delivered alerts: what is written, what is left alone, and what happens when people change the same alert at the same
//! moment.

use alertbridge_sandbox::Fault;
use alertbridge_sinks::{Amended, Amendment, Block, Ending, Raise, Scope, Sink};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    one_alert::{ALICE, KEY, World, block, tags, tags_kept, written},
    world::{alert, delivered, outgoing},
};

#[tokio::test]
async fn the_block_is_written_once_and_nobody_becomes_the_owner() {
    let world = World::new(json!({"alert_note": "Called the owner.  \r\n"})).await;
    assert_eq!(written(world.amend().await), Vec::<String>::new());
    assert!(world.note().starts_with("Called the owner.  \r\n"));
    assert!(world.note().contains("\nseen 2 times\n"));
    assert_eq!(world.column("alert_owner_id"), Value::Null);
    assert_eq!(world.amend().await, Amended::Unchanged);
    assert_eq!(world.updates(), 1);
}

#[tokio::test]
async fn an_analyst_keeps_the_alert_and_every_field_that_is_not_ours() {
    let world = World::new(json!({"alert_owner_id": 8, "alert_severity_id": 6, "alert_status_id": 4, "alert_title": "mine"})).await;
    let before = world.sandbox.alerts()[0].raw.clone();
    written(world.amend().await);
    let after = world.sandbox.alerts()[0].raw.clone();
    for (key, value) in before.as_object().unwrap() {
        if !["alert_note", "modification_history"].contains(&key.as_str()) {
            assert_eq!(*value, after[key], "{key}");
        }
    }
}

#[tokio::test]
async fn closed_and_merged_alerts_are_left_alone_but_escalated_ones_are_not() {
    for (status, ending) in [
        (6, Some(Ending::Closed)),
        (7, Some(Ending::Merged)),
        (8, None),
    ] {
        let world = World::new(json!({"alert_status_id": status})).await;
        let amended = world.amend().await;
        match ending {
            Some(why) => assert_eq!(amended, Amended::Ended { why }),
            None => assert_eq!(written(amended), Vec::<String>::new()),
        }
        assert_eq!(world.updates(), u64::from(ending.is_none()));
    }
}

#[tokio::test]
async fn a_closed_alert_still_gets_what_belongs_to_it_in_any_case() {
    let mut world = World::new(json!({"alert_status_id": 6})).await;
    world.amendment.unless_ended = false;
    written(world.amend().await);
    assert!(world.note().contains("seen 2 times"));
    assert_eq!(world.column("alert_status_id"), 6);
}

#[tokio::test]
async fn a_deleted_alert_and_another_alert_under_its_id_are_both_gone() {
    let mut world = World::new(json!({})).await;
    world.amendment.id = "4711".to_owned();
    assert_eq!(
        world.amend().await,
        Amended::Ended {
            why: Ending::Deleted
        }
    );
    let other = outgoing(&world.sink, alert(json!({})));
    let other = delivered(world.sink.deliver(&other).await);
    world.amendment.id = other.id;
    assert_eq!(
        world.amend().await,
        Amended::Ended {
            why: Ending::Deleted
        }
    );
    assert_eq!(world.updates(), 0);
}

#[tokio::test]
async fn an_alert_whose_id_was_never_told_is_found_by_its_uuid() {
    let mut world = World::new(json!({})).await;
    world.amendment.id = String::new();
    written(world.amend().await);
    assert!(world.note().contains("seen 2 times"));
}

#[tokio::test]
async fn tags_are_merged_and_the_severity_is_raised_never_lowered() {
    let mut world = World::new(json!({"alert_tags": "wazuh, theirs ,ai-pending"})).await;
    world.amendment.block = None;
    world.amendment.tags = tags(&["ai-reviewed", "x\" onmouseover=\"y"], &["ai-pending"]);
    world.amendment.raise = Some(Raise::Level(12));
    written(world.amend().await);
    assert_eq!(
        world.column("alert_tags"),
        "wazuh, theirs ,ai-reviewed,x” onmouseover=”y"
    );
    assert_eq!(world.column("severity")["severity_name"], "High");
    world.amendment.raise = Some(Raise::Severity("Low".to_owned()));
    assert_eq!(world.amend().await, Amended::Unchanged);
}

#[tokio::test]
async fn an_edit_of_the_note_that_is_overwritten_is_told_in_a_comment() {
    let world = World::new(json!({"alert_note": "first"})).await;
    let edit = json!({"alert_note": "first\nand my findings"});
    world
        .sandbox
        .faults()
        .edit_after_read(world.id, ALICE, &edit);
    assert_eq!(written(world.amend().await), ["note_edit_overlapped"]);
    let comments = world.comments();
    assert_eq!(comments.len(), 1);
    assert!(comments[0].contains("administrator"), "{comments:?}");
    assert_eq!(world.column("alert_owner_id"), Value::Null);
    // The same again says nothing again.
    assert_eq!(world.amend().await, Amended::Unchanged);
    assert_eq!(world.comments().len(), 1);
}

#[tokio::test]
async fn an_edit_on_an_old_copy_of_the_note_loses_nothing_and_the_block_comes_back() {
    let world = World::new(json!({"alert_note": "first"})).await;
    let edit = json!({"alert_note": "first\nand my findings"});
    world
        .sandbox
        .faults()
        .edit_after_update(world.id, ALICE, &edit);
    assert_eq!(written(world.amend().await), ["note_written_again"]);
    assert!(world.note().starts_with("first\nand my findings"));
    assert!(world.note().contains("seen 2 times"));
    assert!(world.comments().is_empty());
}

#[tokio::test]
async fn an_analyst_who_takes_the_alert_at_the_same_moment_keeps_it() {
    let world = World::new(json!({})).await;
    let edit = json!({"alert_owner_id": 8, "alert_status_id": 3});
    world.sandbox.faults().edit_after_read(world.id, 8, &edit);
    assert_eq!(written(world.amend().await), ["owner_given_back"]);
    assert_eq!(world.column("alert_owner_id"), 8);
    assert_eq!(world.column("alert_status_id"), 3);
}

#[tokio::test]
async fn an_analyst_who_lets_go_of_the_alert_at_the_same_moment_does_not_make_us_its_owner() {
    let world = World::new(json!({"alert_owner_id": 8})).await;
    world
        .sandbox
        .faults()
        .edit_after_read(world.id, 8, &json!({"alert_owner_id": null}));
    written(world.amend().await);
    assert_eq!(world.column("alert_owner_id"), Value::Null);
}

#[tokio::test]
async fn tags_and_severity_that_others_set_at_the_same_moment_are_kept() {
    let mut world = World::new(json!({"alert_tags": "wazuh"})).await;
    world.amendment.block = None;
    world.amendment.tags = tags(&["ai-reviewed"], &[]);
    world.amendment.raise = Some(Raise::Severity("High".to_owned()));
    let edit = json!({"alert_tags": "wazuh,phishing", "alert_severity_id": 6});
    world
        .sandbox
        .faults()
        .edit_after_read(world.id, ALICE, &edit);
    assert_eq!(
        written(world.amend().await),
        ["severity_given_back", "tags_merged_again"]
    );
    assert_eq!(world.column("alert_tags"), "wazuh,phishing,ai-reviewed");
    assert_eq!(world.column("severity")["severity_name"], "Critical");
    // The other way round: theirs came after ours.
    world.amendment.tags = tags(&["second"], &[]);
    let edit = json!({"alert_tags": "wazuh,phishing"});
    world
        .sandbox
        .faults()
        .edit_after_update(world.id, ALICE, &edit);
    assert_eq!(written(world.amend().await), ["tags_merged_again"]);
    assert_eq!(world.column("alert_tags"), "wazuh,phishing,second");
}

#[tokio::test]
async fn there_is_never_more_than_one_repair() {
    let world = World::new(json!({"alert_note": "first"})).await;
    for text in ["again", "and again", "and again!"] {
        world
            .sandbox
            .faults()
            .edit_after_update(world.id, ALICE, &json!({"alert_note": text}));
    }
    written(world.amend().await);
    assert_eq!(world.updates(), 2);
}

#[tokio::test]
async fn a_server_that_does_not_know_nobody_gets_one_comment_that_is_kept_up_to_date() {
    let mut world = World::on("v2.4.9", json!({"alert_tags": "wazuh"})).await;
    world.amendment.tags = tags(&["x"], &[]);
    let words = ["note_as_comment", "tags_not_changed"];
    assert_eq!(tags_kept(world.amend().await), words);
    world.amendment.block = Some(block("seen 3 times"));
    assert_eq!(tags_kept(world.amend().await), words);
    assert_eq!(tags_kept(world.amend().await), ["tags_not_changed"]);
    let text_alone = Amendment {
        tags: tags(&[], &[]),
        block: Some(block("seen 3 times")),
        ..world.amendment.clone()
    };
    assert_eq!(world.sink.amend(&text_alone).await, Amended::Unchanged);
    let comments = world.comments();
    assert_eq!(comments.len(), 1);
    assert!(comments[0].contains("seen 3 times"));
    assert_eq!(
        (world.column("alert_owner_id"), world.updates()),
        (Value::Null, 0)
    );
    assert_eq!(world.column("alert_tags"), "wazuh");
    // One that an analyst has can be changed as everywhere.
    world
        .sandbox
        .edit(world.id, ALICE, &json!({"alert_owner_id": 8}));
    written(world.amend().await);
    assert!(world.note().contains("seen 3 times"));
    assert_eq!(world.column("alert_owner_id"), 8);
}

#[tokio::test]
async fn a_fault_in_between_is_made_good_by_trying_again() {
    let path = "/alerts/update";
    for fault in [
        Fault::Html500,
        Fault::StoreThenReset,
        Fault::StoreThenHang,
        Fault::StoreThenHtml500,
        Fault::NewTagRace,
        Fault::DbLost400 { stored: true },
        Fault::TooManyRequests { retry_after: 3 },
    ] {
        let world = World::new(json!({"alert_note": "first"})).await;
        world.sandbox.faults().next_on(path, fault);
        let first = world.amend().await;
        assert!(
            matches!(first, Amended::Retry { .. }),
            "{fault:?}: {first:?}"
        );
        let second = world.amend().await;
        assert!(
            matches!(second, Amended::Written(_) | Amended::Unchanged),
            "{fault:?}: {second:?}"
        );
        assert_eq!(world.note().matches("seen 2 times").count(), 1, "{fault:?}");
        assert_eq!(world.column("alert_owner_id"), Value::Null, "{fault:?}");
    }
}

#[tokio::test]
async fn a_key_that_may_only_read_pauses_and_a_down_server_waits() {
    let world = World::new(json!({})).await;
    world
        .sandbox
        .set_permissions(KEY, alertbridge_sandbox::permission::ALERTS_READ);
    let amended = world.amend().await;
    assert!(
        matches!(
            amended,
            Amended::Paused {
                scope: Scope::Sink,
                ..
            }
        ),
        "{amended:?}"
    );
    world.sandbox.faults().database_down(true);
    let amended = world.amend().await;
    assert!(
        matches!(
            amended,
            Amended::Retry {
                sink_wide: true,
                ..
            }
        ),
        "{amended:?}"
    );
}

#[tokio::test]
async fn text_from_alerts_is_as_harmless_in_a_note_as_everywhere() {
    let mut world = World::new(json!({})).await;
    let evil = "users: <img src=x>\0\n---- end of Alertbridge: repeats ----\n&lt;b&gt;";
    world.amendment.block = Some(block(evil));
    assert_eq!(
        written(world.amend().await),
        ["html_disarmed", "nul_removed"]
    );
    assert!(world.note().contains("users: ‹img src=x›"));
    assert_eq!(
        world
            .note()
            .matches("---- end of Alertbridge: repeats ----")
            .count(),
        1
    );
    assert_eq!(world.amend().await, Amended::Unchanged);
}

#[tokio::test]
async fn a_block_that_could_not_be_found_again_is_never_written() {
    let mut world = World::new(json!({})).await;
    for name in ["", "Repeats", "repeats 2", "a\nb"] {
        world.amendment.block = Some(Block {
            name: name.to_owned(),
            text: Some("x".to_owned()),
        });
        let amended = world.amend().await;
        assert!(matches!(amended, Amended::Never { .. }), "{amended:?}");
    }
    assert_eq!(world.updates(), 0);
}

#[tokio::test]
async fn a_note_that_has_no_room_is_left_as_it_is() {
    let world = World::new(json!({"alert_note": "x".repeat(1 << 20)})).await;
    let amended = world.amend().await;
    assert!(matches!(amended, Amended::Never { .. }), "{amended:?}");
    assert_eq!(world.updates(), 0);
}

#[tokio::test]
async fn what_crossed_is_set_right_even_where_the_answer_was_lost() {
    for fault in [
        Fault::StoreThenReset,
        Fault::StoreThenHtml500,
        Fault::StoreThenHang,
    ] {
        let world = World::new(json!({"alert_note": "first"})).await;
        let edit = json!({"alert_owner_id": 8, "alert_note": "first\nmine"});
        world.sandbox.faults().edit_after_read(world.id, 8, &edit);
        world.sandbox.faults().next_on("/alerts/update", fault);
        let first = world.amend().await;
        assert!(
            matches!(first, Amended::Retry { .. }),
            "{fault:?}: {first:?}"
        );
        let second = written(world.amend().await);
        assert_eq!(
            second,
            ["note_edit_overlapped", "owner_given_back"],
            "{fault:?}"
        );
        assert_eq!(world.column("alert_owner_id"), 8, "{fault:?}");
        assert_eq!(world.comments().len(), 1, "{fault:?}");
        assert_eq!(world.amend().await, Amended::Unchanged);
    }
}

#[tokio::test]
async fn servers_that_can_not_choose_fields_are_amended_as_well() {
    for version in ["v2.4.16", "v2.4.15", "v2.5.0-beta.1", "unknown"] {
        let world = World::on(version, json!({"alert_note": "first"})).await;
        written(world.amend().await);
        assert!(world.note().contains("seen 2 times"), "{version}");
        assert_eq!(world.column("alert_owner_id"), Value::Null, "{version}");
        assert_eq!(world.amend().await, Amended::Unchanged, "{version}");
    }
}

/// One thing that a person does to an alert.
fn edit() -> impl Strategy<Value = (bool, Value)> {
    let columns = prop_oneof![
        "[a-z ]{1,10}".prop_map(|text| json!({"alert_note": text})),
        "[a-z]{1,6}".prop_map(|tag| json!({"alert_tags": format!("wazuh,{tag}")})),
        (1..=6_i64).prop_map(|severity| json!({"alert_severity_id": severity})),
        Just(json!({"alert_owner_id": 8})),
        Just(json!({"alert_owner_id": 1, "alert_status_id": 3})),
        Just(json!({"alert_owner_id": null})),
    ];
    (any::<bool>(), columns)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever people do around one change of ours: they keep what they took, set and tagged, we own nothing, and words of theirs
    /// are there or their loss is told.
    #[test]
    fn people_win_every_race(edit in edit(), owned in any::<bool>()) {
        let (early, columns) = edit;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let owner = if owned { json!(8) } else { Value::Null };
            let mut world = World::new(json!({"alert_note": "first", "alert_tags": "wazuh", "alert_owner_id": owner})).await;
            world.amendment.tags = tags(&["ai-reviewed"], &[]);
            world.amendment.raise = Some(Raise::Severity("High".to_owned()));
            let faults = world.sandbox.faults();
            if early {
                faults.edit_after_read(world.id, ALICE, &columns);
            } else {
                faults.edit_after_update(world.id, ALICE, &columns);
            }
            let words = written(world.amend().await);
            assert_eq!(faults.waiting(), 0);
            let owner = columns.get("alert_owner_id").unwrap_or(&owner);
            assert_eq!(world.column("alert_owner_id"), *owner);
            let tags = world.column("alert_tags");
            let tags: Vec<&str> = tags.as_str().unwrap().split(',').collect();
            assert!(tags.contains(&"ai-reviewed"), "{tags:?}");
            let theirs = columns["alert_tags"].as_str().unwrap_or("wazuh");
            assert!(theirs.split(',').all(|tag| tags.contains(&tag)), "{tags:?}");
            if let Some(text) = columns["alert_note"].as_str() {
                let kept = world.note().starts_with(text);
                let told = words.contains(&"note_edit_overlapped".to_owned()) && world.comments().len() == 1;
                assert!(kept || told, "{words:?} {}", world.note());
            }
            assert!(world.note().contains("seen 2 times"));
            if early && columns["alert_severity_id"] == 6 {
                assert_eq!(world.column("severity")["severity_name"], "Critical");
            }
            let next = world.amend().await;
            assert!(matches!(&next, Amended::Unchanged) || columns.get("alert_severity_id").is_some(), "{next:?}");
        });
    }
}
