//! What is set right after others changed an alert at the same moment. Pure.

use super::{
    history::News,
    plan::{NOBODY, Plan, Wish, new_note, new_tags},
    seen::Seen,
};
use crate::iris::{config::Mapping, resolved::Resolved, safe_text::Changes, severity::is_graver};

/// What is set right after a change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Repair {
    pub(crate) plan: Plan,
    /// Who may have lost an edit of the note.
    pub(crate) overlapped: Option<String>,
    /// Somebody decided otherwise at the same moment, so the tags are as they made them.
    pub(crate) overruled: bool,
}

impl Plan {
    /// What must be set right after this plan was written: `before` was read before, `after` afterwards.
    pub(crate) fn repair(
        &self,
        wish: &Wish,
        mapping: &Mapping,
        (before, after): (&Seen, &Seen),
        (news, own_user): (&News<'_>, i64),
        resolved: &Resolved,
    ) -> Repair {
        let is_ours = |posted: &Option<String>, now: &str| posted.as_deref() == Some(now);
        let overlapped = (self.note.is_some() && is_ours(&self.note, after.note()))
            .then(|| news.note_changed_by().map(str::to_owned))
            .flatten();
        let (tags, overruled) = self.tags_repair(wish, before, after, news);
        let severity = self.severity.and_then(|posted| {
            let was = news
                .overwritten("alert_severity_id")
                .or_else(|| news.set_by_others("alert_severity_id"))?;
            let was: i64 = was.parse().ok()?;
            let graver = is_graver(
                mapping,
                resolved.severity_name(was)?,
                resolved.severity_name(posted)?,
            );
            (after.severity_id == Some(posted) && graver).then_some(was)
        });
        let plan = Self {
            note: self
                .note
                .as_ref()
                .and_then(|_| new_note(wish, after.note()).ok().flatten()),
            tags,
            severity,
            owner: self.owner_repair(before, after, news, own_user),
        };
        Repair {
            plan: plan.owned_as(after),
            overlapped,
            overruled,
        }
    }

    /// The tags to write, and whether others decided against ours. A change that wrote a text as well is merged in any case: its tags
    /// say what the note shows.
    fn tags_repair(
        &self,
        wish: &Wish,
        before: &Seen,
        after: &Seen,
        news: &News<'_>,
    ) -> (Option<String>, bool) {
        let Some(posted) = &self.tags else {
            return (None, false);
        };
        // Ours stands: what did it stand on? Another's stands: put ours on it.
        let stands = after.tags() == posted;
        let ground = if stands {
            let told = news
                .overwritten("alert_tags")
                .or_else(|| news.set_by_others("alert_tags"));
            none_is_empty(told).filter(|ground| ground != before.tags())
        } else {
            Some(after.tags().to_owned())
        };
        let Some(ground) = ground else {
            return (None, false);
        };
        let merged = new_tags(&wish.tags, &ground);
        let undecided = wish.says || (!stands && merged.is_none());
        let overruled = !undecided && !wish.may_change(&ground);
        let wanted = match merged {
            Some(merged) if !overruled => merged,
            _ => ground,
        };
        ((wanted != after.tags()).then_some(wanted), overruled)
    }

    /// Our -1 took the alert from somebody who had just taken it: it is given back. Or its owner let go of it just then, which made
    /// us the owner: nobody is.
    fn owner_repair(
        &self,
        before: &Seen,
        after: &Seen,
        news: &News<'_>,
        own_user: i64,
    ) -> Option<i64> {
        if self.owner == Some(NOBODY) && after.owner.is_none() {
            let person = |text: Option<String>| {
                text.and_then(|text| text.parse::<i64>().ok())
                    .filter(|id| *id > 0)
            };
            return person(news.overwritten("alert_owner_id"))
                .or_else(|| person(news.set_by_others("alert_owner_id")))
                .filter(|id| *id != own_user);
        }
        let became_ours = after.owner == Some(own_user) && before.owner != Some(own_user);
        (became_ours && self.owner.is_none()).then_some(NOBODY)
    }

    /// Counts what a repair sets right.
    pub(crate) fn count(&self, changes: &mut Changes) {
        for (is_some, what) in [
            (self.note.is_some(), "note_written_again"),
            (self.tags.is_some(), "tags_merged_again"),
            (self.severity.is_some(), "severity_given_back"),
            (
                self.owner.is_some_and(|owner| owner > 0),
                "owner_given_back",
            ),
        ] {
            if is_some {
                changes.add(what);
            }
        }
    }
}

fn none_is_empty(text: Option<String>) -> Option<String> {
    text.map(|text| if text == "None" { String::new() } else { text })
}
