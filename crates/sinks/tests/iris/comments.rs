//! Reviews that are comments: one for each marker, kept up to date, ours alone.

use alertbridge_sandbox::Fault;
use alertbridge_sinks::{Amended, Amendment, Ending, Identity, Reviewable, TagCondition};
use serde_json::{Value, json};

use crate::{
    one_alert::{ALICE, World, tags, tags_kept, written},
    world::sink,
};

const MARKER: &str = "AI triage";

impl World {
    async fn comment(&self, text: &str) -> Amended {
        let alone = by_id(&self.id.to_string());
        self.sink.comment(MARKER, text, &alone).await
    }

    /// The comment of a review and its tags.
    async fn review(&self, text: &str) -> Amended {
        self.sink
            .comment(MARKER, text, &review_of(&self.amendment))
            .await
    }
}

/// A comment and nothing else.
fn by_id(id: &str) -> Amendment {
    Amendment {
        id: id.to_owned(),
        identity: Identity::IdOnly,
        ..Amendment::default()
    }
}

/// The end of a review, of which the comment is the text.
fn review_of(amendment: &Amendment) -> Amendment {
    Amendment {
        block: None,
        tags: tags(&["ai-reviewed"], &["ai-pending", "ai-processing"]),
        only_if: Some(TagCondition {
            any_of: vec!["ai-pending".to_owned(), "ai-processing".to_owned()],
            none_of: vec!["ai-skip".to_owned()],
        }),
        unless_ended: true,
        ..amendment.clone()
    }
}

#[tokio::test]
async fn a_review_is_a_comment_and_its_tags_and_a_second_time_neither() {
    let world = World::new(json!({"alert_tags": "wazuh,ai-processing"})).await;
    written(world.review("benign").await);
    assert_eq!(world.comments(), ["AI triage\nbenign"]);
    assert_eq!(world.column("alert_tags"), "wazuh,ai-reviewed");
    assert_eq!(world.column("alert_note"), "");
    assert_eq!(world.column("alert_owner_id"), Value::Null);
    assert_eq!(world.review("benign").await, Amended::Unchanged);
    assert_eq!((world.comments().len(), world.updates()), (1, 1));
    // What is new is not said where nobody asks for it any more.
    assert_eq!(world.review("malicious").await, Amended::Overruled);
    assert_eq!(world.comments(), ["AI triage\nbenign"]);
}

#[tokio::test]
async fn no_comment_is_made_against_the_tags_or_on_an_alert_that_has_ended() {
    for theirs in ["wazuh", "wazuh,ai-pending,ai-skip", "not-ai-pending", ""] {
        let world = World::new(json!({"alert_tags": theirs})).await;
        assert_eq!(world.review("x").await, Amended::Overruled, "{theirs}");
        assert!(world.comments().is_empty(), "{theirs}");
        assert_eq!(world.column("alert_tags"), theirs);
    }
    for (status, why) in [(6, Ending::Closed), (7, Ending::Merged)] {
        let columns = json!({"alert_tags": "ai-pending", "alert_status_id": status});
        let world = World::new(columns).await;
        assert_eq!(world.review("x").await, Amended::Ended { why });
        assert!(world.comments().is_empty());
        assert_eq!(world.updates(), 0);
    }
}

#[tokio::test]
async fn another_alert_under_the_same_id_gets_no_comment() {
    let mut world = World::new(json!({"alert_tags": "ai-pending"})).await;
    world.amendment.reference = "another".to_owned();
    let deleted = Amended::Ended {
        why: Ending::Deleted,
    };
    assert_eq!(world.review("x").await, deleted);
    assert!(world.comments().is_empty());
}

#[tokio::test]
async fn who_decides_after_the_comment_finds_it_and_the_tags_that_tell_of_it() {
    for theirs in ["wazuh", "wazuh,ai-pending,ai-skip"] {
        let world = World::new(json!({"alert_tags": "wazuh,ai-pending"})).await;
        let edit = json!({"alert_tags": theirs});
        world
            .sandbox
            .faults()
            .edit_after_read(world.id, ALICE, &edit);
        written(world.review("benign").await);
        assert_eq!(world.comments().len(), 1);
        let there = world.column("alert_tags");
        let there: Vec<&str> = there.as_str().unwrap().split(',').collect();
        assert!(there.contains(&"ai-reviewed"), "{there:?}");
        assert_eq!(there.contains(&"ai-skip"), theirs.contains("ai-skip"));
    }
}

#[tokio::test]
async fn a_comment_whose_tags_could_not_be_written_is_gone_on_from_unless_people_decide() {
    for decided in [false, true] {
        let world = World::new(json!({"alert_tags": "ai-pending"})).await;
        let path = format!("/alerts/update/{}", world.id);
        world.sandbox.faults().next_on(&path, Fault::Html500);
        let first = world.review("benign").await;
        assert!(matches!(first, Amended::Retry { .. }), "{first:?}");
        if decided {
            let edit = json!({"alert_tags": "ai-skip"});
            world.sandbox.edit(world.id, ALICE, &edit);
            assert_eq!(world.review("benign").await, Amended::Overruled);
            assert_eq!(world.column("alert_tags"), "ai-skip");
        } else {
            written(world.review("benign").await);
            assert_eq!(world.column("alert_tags"), "ai-reviewed");
        }
        assert_eq!(world.comments().len(), 1);
    }
}

#[tokio::test]
async fn a_server_that_does_not_know_nobody_gets_the_comment_and_keeps_its_tags() {
    let world = World::on("v2.4.9", json!({"alert_tags": "wazuh,ai-pending"})).await;
    for _ in 0..2 {
        assert_eq!(
            tags_kept(world.review("benign").await),
            ["tags_not_changed"]
        );
    }
    assert_eq!(world.comments(), ["AI triage\nbenign"]);
    assert_eq!(world.column("alert_tags"), "wazuh,ai-pending");
    assert_eq!(world.column("alert_owner_id"), Value::Null);
}

#[tokio::test]
async fn a_comment_is_rewritten_and_never_doubled() {
    let world = World::new(json!({})).await;
    written(world.comment("AI triage: benign\nfirst").await);
    assert_eq!(
        world.comment("AI triage: benign\nfirst").await,
        Amended::Unchanged
    );
    written(world.comment("AI triage: malicious\nsecond").await);
    assert_eq!(world.comments(), ["AI triage: malicious\nsecond"]);
    written(world.comment("no marker in it").await);
    assert_eq!(world.comments(), ["AI triage\nno marker in it"]);
    assert_eq!(world.column("alert_owner_id"), Value::Null);
    assert_eq!(world.updates(), 0);
}

#[tokio::test]
async fn comments_of_people_that_have_the_marker_are_theirs() {
    let world = World::new(json!({})).await;
    let bob = sink(&world.sandbox, json!({"key": "bob-key"}));
    let alone = by_id(&world.id.to_string());
    written(bob.comment(MARKER, "AI triage is wrong here", &alone).await);
    written(world.comment("AI triage: benign").await);
    assert_eq!(
        world.comments(),
        ["AI triage is wrong here", "AI triage: benign"]
    );
}

#[tokio::test]
async fn an_answer_that_was_lost_makes_no_second_comment() {
    for fault in [
        Fault::StoreThenReset,
        Fault::StoreThenHtml500,
        Fault::Html500,
    ] {
        let world = World::new(json!({})).await;
        let path = format!("/alerts/{}/comments/add", world.id);
        world.sandbox.faults().next_on(&path, fault);
        let first = world.comment("benign").await;
        assert!(matches!(first, Amended::Retry { .. }), "{first:?}");
        let second = world.comment("benign").await;
        assert!(
            matches!(second, Amended::Unchanged | Amended::Written(_)),
            "{second:?}"
        );
        assert_eq!(world.comments(), ["AI triage\nbenign"], "{fault:?}");
    }
}

#[tokio::test]
async fn a_comment_fetches_nothing_and_has_no_markup() {
    let world = World::new(json!({})).await;
    let evil = "x ![a](https://evil.example/?q=1) [b](https://evil.example) <img src=x>\0";
    assert_eq!(
        written(world.comment(evil).await),
        ["html_disarmed", "markdown_disarmed", "nul_removed"]
    );
    let text = world.comments().remove(0);
    assert!(
        !text.contains("![") && !text.contains("](") && !text.contains('<'),
        "{text}"
    );
    assert_eq!(world.comment(evil).await, Amended::Unchanged);
}

#[tokio::test]
async fn a_deleted_alert_takes_no_comment_and_a_bad_marker_makes_none() {
    let world = World::new(json!({})).await;
    let deleted = Amended::Ended {
        why: Ending::Deleted,
    };
    let gone = by_id("4711");
    assert_eq!(world.sink.comment(MARKER, "x", &gone).await, deleted);
    for (id, marker) in [
        ("x", MARKER),
        ("1", ""),
        ("1", "a\nb"),
        ("1", &*"a".repeat(300)),
    ] {
        let amended = world.sink.comment(marker, "x", &by_id(id)).await;
        assert!(matches!(amended, Amended::Never { .. }), "{amended:?}");
    }
    assert!(world.comments().is_empty());
}
