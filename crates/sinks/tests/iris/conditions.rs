//! A review's changes: made only while the tags allow it, on alerts of others as well, and beside whatever people do.

use alertbridge_sandbox::{Fault, IrisOptions, IrisUser};
use alertbridge_sinks::{Amended, Amendment, Block, Ending, Identity, Scope, Sink, TagCondition};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    one_alert::{ALICE, World, block, tags, written},
    world::{alert, delivered, outgoing, sandbox, sink},
};

fn condition(any_of: &[&str], none_of: &[&str]) -> Option<TagCondition> {
    let list = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect();
    Some(TagCondition {
        any_of: list(any_of),
        none_of: list(none_of),
    })
}

/// An alert that a review of ours has begun with, and the change that ends it.
async fn reviewed(columns: Value) -> World {
    let mut world = World::new(json!({"alert_tags": "wazuh,ai-processing"})).await;
    world.sandbox.edit(world.id, ALICE, &columns);
    world.amendment = Amendment {
        block: Some(Block {
            name: "triage".to_owned(),
            text: Some("benign, because …".to_owned()),
        }),
        tags: tags(
            &["ai-reviewed", "ai-verdict:benign"],
            &["ai-pending", "ai-processing"],
        ),
        only_if: condition(&["ai-pending", "ai-processing"], &["ai-skip"]),
        ..world.amendment
    };
    world
}

#[tokio::test]
async fn note_and_tags_are_one_update_and_a_second_time_is_none() {
    let world = reviewed(json!({"alert_owner_id": 8, "alert_note": "Called the owner."})).await;
    assert_eq!(written(world.amend().await), Vec::<String>::new());
    assert_eq!(world.updates(), 1);
    assert_eq!(
        world.column("alert_tags"),
        "wazuh,ai-reviewed,ai-verdict:benign"
    );
    assert!(world.note().starts_with("Called the owner.\n"));
    assert!(world.note().contains("\nbenign, because …\n"));
    assert_eq!(world.column("alert_owner_id"), 8);
    // The tags that were asked for are gone by our own doing.
    assert_eq!(world.amend().await, Amended::Unchanged);
    assert_eq!(world.updates(), 1);
}

#[tokio::test]
async fn people_overrule_a_review_by_their_tags() {
    for theirs in [
        "wazuh",
        "wazuh,ai-processing,ai-skip",
        "wazuh, ai-skip ,ai-pending",
        "wazuh,not-ai-pending",
        "",
    ] {
        let world = reviewed(json!({"alert_tags": theirs})).await;
        assert_eq!(world.amend().await, Amended::Overruled, "{theirs}");
        assert_eq!(world.updates(), 0, "{theirs}");
        assert_eq!(world.column("alert_tags"), theirs);
    }
}

#[tokio::test]
async fn a_claim_that_another_tool_made_is_not_taken_for_ours() {
    let mut world = reviewed(json!({})).await;
    world.amendment.block = None;
    world.amendment.tags = tags(&["ai-processing"], &["ai-pending"]);
    world.amendment.only_if = condition(&["ai-pending"], &["ai-processing"]);
    assert_eq!(world.amend().await, Amended::Overruled);
}

/// A claim: tags alone.
async fn claim() -> World {
    let mut world = reviewed(json!({"alert_tags": "wazuh,ai-pending"})).await;
    world.amendment.block = None;
    world.amendment.tags = tags(&["ai-processing"], &["ai-pending"]);
    world.amendment.only_if = condition(&["ai-pending"], &["ai-processing", "ai-skip"]);
    world
}

#[tokio::test]
async fn who_decides_at_the_moment_of_a_claim_has_their_way() {
    for (theirs, early) in [
        ("wazuh", true),
        ("wazuh,ai-pending,ai-skip", true),
        ("wazuh,ai-skip", false),
        ("wazuh", false),
        // Another tool claimed it first.
        ("wazuh,ai-processing", true),
    ] {
        let world = claim().await;
        let edit = json!({"alert_tags": theirs});
        let faults = world.sandbox.faults();
        if early {
            faults.edit_after_read(world.id, ALICE, &edit);
        } else {
            faults.edit_after_update(world.id, ALICE, &edit);
        }
        assert_eq!(world.amend().await, Amended::Overruled, "{theirs} {early}");
        assert_eq!(world.column("alert_tags"), theirs, "{early}");
        assert_eq!(world.amend().await, Amended::Overruled, "{theirs} {early}");
    }
}

#[tokio::test]
async fn who_only_adds_a_tag_at_the_moment_of_a_claim_does_not_stop_it() {
    for (theirs, early) in [
        ("wazuh,ai-pending,phishing", true),
        ("wazuh,ai-pending,phishing", false),
        ("wazuh,ai-processing,phishing", false),
    ] {
        let world = claim().await;
        let edit = json!({"alert_tags": theirs});
        let faults = world.sandbox.faults();
        if early {
            faults.edit_after_read(world.id, ALICE, &edit);
        } else {
            faults.edit_after_update(world.id, ALICE, &edit);
        }
        written(world.amend().await);
        let there = world.column("alert_tags");
        let mut there: Vec<&str> = there.as_str().unwrap().split(',').collect();
        there.sort_unstable();
        assert_eq!(there, ["ai-processing", "phishing", "wazuh"], "{early}");
    }
}

#[tokio::test]
async fn a_decision_against_a_claim_holds_even_where_its_answer_was_lost() {
    for fault in [Fault::StoreThenReset, Fault::StoreThenHtml500] {
        let world = claim().await;
        let edit = json!({"alert_tags": "wazuh,ai-skip"});
        world
            .sandbox
            .faults()
            .edit_after_read(world.id, ALICE, &edit);
        world.sandbox.faults().next_on("/alerts/update", fault);
        let first = world.amend().await;
        assert!(matches!(first, Amended::Retry { .. }), "{first:?}");
        assert_eq!(world.amend().await, Amended::Overruled, "{fault:?}");
        assert_eq!(world.column("alert_tags"), "wazuh,ai-skip");
    }
}

#[tokio::test]
async fn a_lost_answer_is_no_overruling() {
    for fault in [
        Fault::StoreThenReset,
        Fault::StoreThenHtml500,
        Fault::StoreThenHang,
    ] {
        let world = claim().await;
        world.sandbox.faults().next_on("/alerts/update", fault);
        let first = world.amend().await;
        assert!(
            matches!(first, Amended::Retry { .. }),
            "{fault:?}: {first:?}"
        );
        assert_eq!(world.amend().await, Amended::Unchanged, "{fault:?}");
        let history = world.column("modification_history");
        let ours = history.as_object().unwrap().values();
        let changes = ours.filter(|line| {
            line["user_id"] == 7 && line["action"].to_string().contains("alert_tags")
        });
        assert_eq!(changes.count(), 1, "{fault:?}");
        assert_eq!(world.column("alert_tags"), "wazuh,ai-processing");
    }
}

#[tokio::test]
async fn tags_that_people_set_at_the_same_moment_are_all_there_afterwards() {
    for early in [true, false] {
        let world = reviewed(json!({})).await;
        let edit = json!({"alert_tags": "wazuh,ai-processing,phishing"});
        if early {
            world
                .sandbox
                .faults()
                .edit_after_read(world.id, ALICE, &edit);
        } else {
            world
                .sandbox
                .faults()
                .edit_after_update(world.id, ALICE, &edit);
        }
        assert_eq!(written(world.amend().await), ["tags_merged_again"]);
        assert_eq!(
            world.column("alert_tags"),
            "wazuh,phishing,ai-reviewed,ai-verdict:benign",
            "{early}"
        );
    }
}

#[tokio::test]
async fn the_section_of_another_tool_stays_byte_for_byte() {
    let theirs = "AI TRIAGE REVIEW (OLLAMA)\n\nAI SUMMARY\r\n  a login  \nCONFIDENCE\nLow – unsure";
    let world = reviewed(json!({"alert_note": theirs})).await;
    written(world.amend().await);
    assert!(world.note().starts_with(theirs));
    let mut next = world.amendment.clone();
    next.only_if = None;
    next.block = Some(Block {
        name: "triage".to_owned(),
        text: Some("suspicious, because …".to_owned()),
    });
    written(world.sink.amend(&next).await);
    assert!(world.note().starts_with(theirs));
    assert!(!world.note().contains("benign"));
}

#[tokio::test]
async fn a_review_leaves_ended_alerts_alone() {
    for (status, why) in [(6, Ending::Closed), (7, Ending::Merged)] {
        let world = reviewed(json!({"alert_status_id": status})).await;
        assert_eq!(world.amend().await, Amended::Ended { why });
        assert_eq!(world.updates(), 0);
    }
}

#[tokio::test]
async fn an_alert_that_others_made_is_changed_by_its_id_alone() {
    let world = reviewed(json!({})).await;
    let mut by_id = Amendment {
        reference: String::new(),
        ..world.amendment.clone()
    };
    assert_eq!(
        world.sink.amend(&by_id).await,
        Amended::Ended {
            why: Ending::Deleted
        },
        "by reference it is another alert"
    );
    by_id.identity = Identity::IdOnly;
    by_id.lane = String::new();
    written(world.sink.amend(&by_id).await);
    assert!(world.note().contains("benign"));
    assert_eq!(world.column("alert_owner_id"), Value::Null);
    by_id.id = "4711".to_owned();
    assert_eq!(
        world.sink.amend(&by_id).await,
        Amended::Ended {
            why: Ending::Deleted
        }
    );
    for id in ["", "-1", "0", "x"] {
        by_id.id = id.to_owned();
        let amended = world.sink.amend(&by_id).await;
        assert!(
            matches!(amended, Amended::Never { .. }),
            "{id}: {amended:?}"
        );
    }
}

#[tokio::test]
async fn an_alert_of_a_customer_that_is_hidden_is_gone_and_one_that_is_denied_pauses_its_customer_alone()
 {
    let options = IrisOptions {
        customers: vec![(1, "One".to_owned()), (2, "Two".to_owned())],
        users: vec![IrisUser::minimal_service_account(7, "bridge", &[1])],
        ..IrisOptions::default()
    };
    let sandbox = sandbox(options).await;
    let foreign = sink(&sandbox, json!({"default_customer": 2}));
    let foreign = delivered(foreign.deliver(&outgoing(&foreign, alert(json!({})))).await);
    let ours = sink(&sandbox, json!({"key": "bridge"}));
    let own = delivered(ours.deliver(&outgoing(&ours, alert(json!({})))).await);
    let by_id = |id: &str| Amendment {
        id: id.to_owned(),
        block: Some(block("x")),
        identity: Identity::IdOnly,
        ..Amendment::default()
    };
    let amended = ours.amend(&by_id(&foreign.id)).await;
    assert_eq!(
        amended,
        Amended::Ended {
            why: Ending::Deleted
        }
    );
    let id = own.id.parse().unwrap();
    let moved = json!({"alert_customer_id": 2});
    sandbox.faults().edit_after_read(id, ALICE, &moved);
    let amended = ours.amend(&by_id(&own.id)).await;
    assert!(
        matches!(
            amended,
            Amended::Paused {
                scope: Scope::Lane,
                ..
            }
        ),
        "{amended:?}"
    );
    let notes = sandbox
        .alerts()
        .into_iter()
        .map(|alert| alert.raw["alert_note"].clone());
    assert_eq!(notes.collect::<Vec<_>>(), ["", ""]);
}

#[tokio::test]
async fn changes_of_one_alert_at_the_same_moment_are_both_there() {
    let world = reviewed(json!({})).await;
    let count = Amendment {
        block: Some(block("seen 2 times")),
        tags: tags(&["noisy"], &[]),
        only_if: None,
        ..world.amendment.clone()
    };
    let (one, other) = tokio::join!(world.amend(), world.sink.amend(&count));
    assert_eq!(written(one), Vec::<String>::new());
    assert_eq!(written(other), Vec::<String>::new());
    assert!(world.note().contains("benign") && world.note().contains("seen 2 times"));
    let tags = world.column("alert_tags");
    for tag in ["ai-reviewed", "ai-verdict:benign", "noisy"] {
        assert!(
            tags.as_str().unwrap().split(',').any(|there| there == tag),
            "{tags}"
        );
    }
}

fn tag() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "wazuh",
        "ai-pending",
        "ai-processing",
        "ai-skip",
        "not-ai-pending",
        "phishing",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever tags are there, and whatever people make of them at the same moment: no review is written against the tags that were read, a
    /// tag of theirs is never lost, and what is written is written whole.
    #[test]
    fn a_review_never_acts_against_the_tags(
        before in proptest::collection::btree_set(tag(), 0..5),
        after in proptest::option::of(proptest::collection::btree_set(tag(), 0..5)),
        early in any::<bool>(),
    ) {
        let joined = |tags: &std::collections::BTreeSet<&str>| tags.iter().copied().collect::<Vec<_>>().join(",");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = reviewed(json!({"alert_tags": joined(&before)})).await;
            if let Some(after) = &after {
                let edit = json!({"alert_tags": joined(after)});
                if early {
                    world.sandbox.faults().edit_after_read(world.id, ALICE, &edit);
                } else {
                    world.sandbox.faults().edit_after_update(world.id, ALICE, &edit);
                }
            }
            let allowed = (before.contains("ai-pending") || before.contains("ai-processing")) && !before.contains("ai-skip");
            let amended = world.amend().await;
            let there = world.column("alert_tags");
            let there: Vec<&str> = there.as_str().unwrap().split(',').collect();
            if allowed {
                assert!(matches!(amended, Amended::Written(_)), "{amended:?}");
                assert!(world.note().contains("benign"));
                assert!(there.contains(&"ai-reviewed") && there.contains(&"ai-verdict:benign"), "{there:?}");
            } else {
                assert_eq!(amended, Amended::Overruled);
                assert_eq!(world.updates(), 0);
                assert!(!there.contains(&"ai-reviewed"), "{there:?}");
            }
            let happened = world.sandbox.faults().waiting() == 0;
            let theirs = after.as_ref().filter(|_| happened).unwrap_or(&before);
            for tag in theirs.iter().filter(|tag| !allowed || !["ai-pending", "ai-processing"].contains(tag)) {
                assert!(there.contains(tag), "{tag} of {theirs:?} is lost: {there:?}");
            }
        });
    }
}
