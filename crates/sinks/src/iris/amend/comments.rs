//! Comments: they touch neither owner nor fields (facts/iris.md §0.6).
//!
//! Used in two cases: to tell people that an edit of theirs may be lost, and in the place of the note on servers before 2.4.15, where
//! any update of an alert nobody owns would make us its owner. There one comment of ours is kept up to date.

use serde::Deserialize;
use serde_json::json;

use super::{
    plan::{Plan, Wish},
    splice::{Spliced, block, splice},
};
use crate::{
    Amended,
    iris::{
        IrisSink,
        lookup::answered,
        safe_text::{Changes, head_of, page_text},
    },
};

#[derive(Deserialize)]
struct Comments {
    data: Vec<Comment>,
}

#[derive(Deserialize)]
struct Comment {
    comment_id: i64,
    comment_text: String,
    #[serde(default)]
    comment_user_id: Option<i64>,
}

impl IrisSink {
    /// Says what a note can't hold here. Tags and severity stay as they are, which is counted.
    pub(super) async fn say_in_comment(
        &self,
        id: i64,
        mut wish: Wish,
        plan: &Plan,
    ) -> Result<Amended, Amended> {
        if plan.tags.is_some() {
            wish.changes.add("tags_not_changed");
        }
        if plan.severity.is_some() {
            wish.changes.add("severity_not_raised");
        }
        let Some((name, Some(text))) = &wish.block else {
            return Ok(Amended::Written(wish.changes.list()));
        };
        let own_user = self.own_user().await?;
        let answer = self
            .client
            .get(&format!("/alerts/{id}/comments/list"), &[])
            .await;
        let answer = answered(answer).map_err(Amended::from)?;
        let comments: Comments =
            serde_json::from_slice(&answer.body).map_err(|_| Amended::Retry {
                after: None,
                why: "IRIS's answer about this alert's comments can't be read".to_owned(),
                sink_wide: false,
            })?;
        let first = block(name, 1, "");
        let mark = first.lines().next().unwrap_or_default();
        let ours = comments.data.iter().rev().find(|comment| {
            comment.comment_user_id.is_none_or(|user| user == own_user)
                && comment.comment_text.contains(mark)
        });
        let (path, text) = match ours {
            None => (format!("/alerts/{id}/comments/add"), block(name, 1, text)),
            Some(comment) => match splice(&comment.comment_text, name, Some(text)) {
                Spliced::Changed(text) => (
                    format!("/alerts/{id}/comments/{}/edit", comment.comment_id),
                    text,
                ),
                Spliced::Unchanged | Spliced::Impossible => return Ok(Amended::Unchanged),
            },
        };
        let body = serde_json::to_vec(&json!({"comment_text": text})).unwrap_or_default();
        self.change(&path, body).await?;
        wish.changes.add("note_as_comment");
        Ok(Amended::Written(wish.changes.list()))
    }

    /// Tells people that an edit of the note may be lost.
    pub(super) async fn say_overlapped(&self, id: i64, user: &str) -> Result<(), Amended> {
        let user = page_text(head_of(user, 64), &mut Changes::default()).replace('\n', " ");
        let text = format!(
            "Alertbridge changed this alert's note at the same moment as {user}. If words of yours are missing there, please write them \
             again. (IRIS keeps no older text of a note. Alertbridge changes nothing outside its own lines.)"
        );
        let body = serde_json::to_vec(&json!({"comment_text": text})).unwrap_or_default();
        self.change(&format!("/alerts/{id}/comments/add"), body)
            .await
    }
}
