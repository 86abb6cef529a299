//! Reviews that are comments: one for each marker, kept up to date, ours alone.

use alertbridge_sandbox::Fault;
use alertbridge_sinks::{Amended, Ending, Reviewable};
use serde_json::{Value, json};

use crate::{
    one_alert::{World, written},
    world::sink,
};

const MARKER: &str = "AI triage";

impl World {
    async fn comment(&self, text: &str) -> Amended {
        self.sink.comment(&self.id.to_string(), MARKER, text).await
    }
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
    let id = world.id.to_string();
    written(bob.comment(&id, MARKER, "AI triage is wrong here").await);
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
    assert_eq!(world.sink.comment("4711", MARKER, "x").await, deleted);
    for (id, marker) in [
        ("x", MARKER),
        ("1", ""),
        ("1", "a\nb"),
        ("1", &*"a".repeat(300)),
    ] {
        let amended = world.sink.comment(id, marker, "x").await;
        assert!(matches!(amended, Amended::Never { .. }), "{amended:?}");
    }
    assert!(world.comments().is_empty());
}
