//! Comments: they touch neither owner nor fields (facts/iris.md §0.6).
//!
//! Used to tell people that an edit of theirs may be lost, in the place of the note on servers before 2.4.15 (where any update of an
//! alert nobody owns would make us its owner), and for reviews that shall be comments. A comment of ours is found again by a line
//! in it and kept up to date.

use serde::Deserialize;
use serde_json::json;

use super::{
    plan::{BLOCK_LIMIT, Plan, Wish},
    splice::{Spliced, block, splice},
};
use crate::{
    Amended, Amendment, Ending,
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

/// A comment as IRIS lists it.
#[derive(Deserialize)]
pub(super) struct Comment {
    comment_id: i64,
    comment_text: String,
    #[serde(default)]
    comment_user_id: Option<i64>,
}

/// A text that shall stand in a comment, safe for IRIS.
pub(super) struct Remark {
    /// What the comment's first line holds: it is found again by it.
    marker: String,
    pub(super) text: String,
    pub(super) changes: Changes,
}

impl Remark {
    fn is_in(&self, text: &str) -> bool {
        text.lines()
            .next()
            .is_some_and(|first| first.contains(&self.marker))
    }
}

impl IrisSink {
    /// Says what a note can't hold here. Tags and severity stay as they are, which is counted.
    pub(super) async fn say_in_comment(
        &self,
        id: i64,
        wish: &Wish,
        plan: &Plan,
        mut changes: Changes,
    ) -> Result<Amended, Amended> {
        if plan.tags.is_some() {
            changes.add("tags_not_changed");
        }
        if plan.severity.is_some() {
            changes.add("severity_not_raised");
        }
        let said = self.say_block(id, wish).await?;
        if said {
            changes.add("note_as_comment");
        }
        Ok(if plan.tags.is_some() {
            Amended::TagsKept(changes.list())
        } else if said || !matches!(wish.block, Some((_, Some(_)))) {
            Amended::Written(changes.list())
        } else {
            Amended::Unchanged
        })
    }

    /// The note's block in a comment of its own; false where there is nothing to write.
    async fn say_block(&self, id: i64, wish: &Wish) -> Result<bool, Amended> {
        let Some((name, Some(text))) = &wish.block else {
            return Ok(false);
        };
        let first = block(name, 1, "");
        let mark = first.lines().next().unwrap_or_default();
        let ours = self.own_comment(id, |text| text.contains(mark)).await?;
        let text = match &ours {
            None => block(name, 1, text),
            Some(comment) => match splice(&comment.comment_text, name, Some(text)) {
                Spliced::Changed(text) => text,
                Spliced::Unchanged | Spliced::Impossible => return Ok(false),
            },
        };
        self.put_comment(id, ours.as_ref(), &text).await?;
        Ok(true)
    }

    /// One text in one comment, found again by its marker, and the amendment that goes with it.
    pub(in crate::iris) async fn comment_one(
        &self,
        marker: &str,
        text: &str,
        amendment: &Amendment,
    ) -> Amended {
        let amended = match self.remark(marker, text) {
            Ok(remark) => self.try_amend(amendment, Some(remark)).await,
            Err(never) => Err(never),
        };
        match amended {
            Ok(amended) | Err(amended) => amended,
        }
    }

    fn remark(&self, marker: &str, text: &str) -> Result<Remark, Amended> {
        let mut changes = Changes::default();
        let marker = shown(marker, &mut Changes::default());
        if marker.is_empty() || marker.len() > MARKER_LIMIT || marker.contains('\n') {
            return Err(Amended::Never {
                why: "a comment's marker is one short line".to_owned(),
            });
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
        Ok(Remark {
            marker,
            text,
            changes,
        })
    }

    /// The remark, and the comment to write it into; `None` where it stands there already.
    pub(super) async fn unsaid(
        &self,
        id: i64,
        remark: Remark,
    ) -> Result<Option<(Remark, Option<Comment>)>, Amended> {
        let ours = self.own_comment(id, |text| remark.is_in(text)).await?;
        let is_there = ours
            .as_ref()
            .is_some_and(|comment| comment.comment_text.trim() == remark.text);
        Ok((!is_there).then_some((remark, ours)))
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
    pub(super) async fn put_comment(
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
