//! Comments: they touch neither owner nor fields (facts/iris.md §0.6).
//!
//! Used to tell people that an edit of theirs may be lost, in the place of the note on servers before 2.4.15 (where any update of an
//! alert nobody owns would make us its owner), and for reviews that shall be comments. A comment of ours is found again by a line
//! in it and kept up to date.

use serde::Deserialize;
use serde_json::json;

use super::{
    plan::{BLOCK_LIMIT, Plan, Wish},
    positive,
    splice::{Spliced, block, splice},
};
use crate::{
    Amended, Ending,
    iris::{
        IrisSink,
        fetch::says_not_found,
        lookup::answered,
        safe_text::{Changes, cut, head_of, page_text},
    },
};

/// Longest marker of a comment in bytes.
const MARKER_LIMIT: usize = 200;

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
        let first = block(name, 1, "");
        let mark = first.lines().next().unwrap_or_default();
        let ours = self.own_comment(id, |text| text.contains(mark)).await?;
        let text = match &ours {
            None => block(name, 1, text),
            Some(comment) => match splice(&comment.comment_text, name, Some(text)) {
                Spliced::Changed(text) => text,
                Spliced::Unchanged | Spliced::Impossible => return Ok(Amended::Unchanged),
            },
        };
        self.put_comment(id, ours.as_ref(), &text).await?;
        wish.changes.add("note_as_comment");
        Ok(Amended::Written(wish.changes.list()))
    }

    /// One text in one comment, found again by its marker.
    pub(in crate::iris) async fn comment_one(&self, id: &str, marker: &str, text: &str) -> Amended {
        match self.try_comment(id, marker, text).await {
            Ok(amended) | Err(amended) => amended,
        }
    }

    async fn try_comment(&self, id: &str, marker: &str, text: &str) -> Result<Amended, Amended> {
        let never = |why: &str| Amended::Never {
            why: why.to_owned(),
        };
        let id = positive(id).ok_or_else(|| never("this is no id of an alert"))?;
        let mut changes = Changes::default();
        let marker = shown(marker, &mut Changes::default());
        if marker.is_empty() || marker.len() > MARKER_LIMIT || marker.contains('\n') {
            return Err(never("a comment's marker is one short line"));
        }
        let text = shown(
            &self.settings.redaction.text(text, &mut changes),
            &mut changes,
        );
        let text = match text.lines().next() {
            Some(first) if first.contains(&marker) => text,
            _ => format!("{marker}\n{text}"),
        };
        let text = cut(&text, BLOCK_LIMIT, "comment_cut", &mut changes);
        let _turn = self.turn(id).await;
        let marked = |text: &str| {
            text.lines()
                .next()
                .is_some_and(|first| first.contains(&marker))
        };
        let ours = self.own_comment(id, marked).await?;
        if ours
            .as_ref()
            .is_some_and(|comment| comment.comment_text.trim() == text)
        {
            return Ok(Amended::Unchanged);
        }
        self.put_comment(id, ours.as_ref(), &text).await?;
        Ok(Amended::Written(changes.list()))
    }

    /// The last comment of ours that is the one.
    async fn own_comment(
        &self,
        id: i64,
        is_it: impl Fn(&str) -> bool,
    ) -> Result<Option<Comment>, Amended> {
        let own_user = self.own_user().await?;
        let sent = self
            .client
            .get(&format!("/alerts/{id}/comments/list"), &[])
            .await;
        if let Ok(answer) = &sent
            && says_not_found(answer)
        {
            return Err(Amended::Ended {
                why: Ending::Deleted,
            });
        }
        let answer = answered(sent).map_err(Amended::from)?;
        let comments: Comments =
            serde_json::from_slice(&answer.body).map_err(|_| Amended::Retry {
                after: None,
                why: "IRIS's answer about this alert's comments can't be read".to_owned(),
                sink_wide: false,
            })?;
        Ok(comments.data.into_iter().rev().find(|comment| {
            comment.comment_user_id.is_none_or(|user| user == own_user)
                && is_it(&comment.comment_text)
        }))
    }

    /// Writes a comment, or another text into one that is there.
    async fn put_comment(
        &self,
        id: i64,
        known: Option<&Comment>,
        text: &str,
    ) -> Result<(), Amended> {
        let path = match known {
            None => format!("/alerts/{id}/comments/add"),
            Some(comment) => format!("/alerts/{id}/comments/{}/edit", comment.comment_id),
        };
        let body = serde_json::to_vec(&json!({"comment_text": text})).unwrap_or_default();
        self.change(&path, body).await
    }

    /// Tells people that an edit of the note may be lost.
    pub(super) async fn say_overlapped(&self, id: i64, user: &str) -> Result<(), Amended> {
        let user = page_text(head_of(user, 64), &mut Changes::default()).replace('\n', " ");
        let text = format!(
            "Alertbridge changed this alert's note at the same moment as {user}. If words of yours are missing there, please write them \
             again. (IRIS keeps no older text of a note. Alertbridge changes nothing outside its own lines.)"
        );
        self.put_comment(id, None, &text).await
    }
}

/// Text that is safe in a comment. IRIS shows comments as markdown, in which `![](https://…)` would fetch an image from anywhere.
fn shown(text: &str, changes: &mut Changes) -> String {
    let text = page_text(text.trim(), changes);
    changes.add_many(
        "markdown_disarmed",
        text.matches("![").count() + text.matches("](").count(),
    );
    text.replace("![", "! [").replace("](", "] (")
}
