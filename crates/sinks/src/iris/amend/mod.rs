//! Changing a delivered alert.
//!
//! IRIS knows no compare-and-set, an update of an alert nobody owns makes the caller its owner, and the history keeps no old text of a
//! note (facts/iris.md §0.6, §0.7, §6). So: read, write only the fields that differ, read again, and set right once what somebody
//! else changed at the same moment. Invariants:
//! - nobody's words are removed but by that race, which is then said in a comment and counted (`note_edit_overlapped`);
//! - no alert gets the API user as its owner, none loses the analyst who has it;
//! - fields that are not named are never sent.
//!
//! docs/iris-notes.md says it to operators.

mod comments;
mod history;
mod plan;
mod repair;
mod request;
mod seen;
mod splice;

use std::{
    collections::HashMap,
    sync::{MutexGuard, PoisonError},
};

use tracing::warn;

use self::{
    comments::Remark,
    history::News,
    plan::{NOTE_LIMIT, NoRoom, Plan, Wish},
    seen::Seen,
    splice::is_name,
};
use super::{
    IrisSink,
    config::SourceReference,
    identity::alert_uuid,
    lookup::Found,
    resolved::Resolved,
    safe_text::{Changes, attribute_text},
};
use crate::{Amended, Amendment, Ending, Identity};

/// Locks for changes of the same alert; two alerts that share one only wait.
pub(super) const TURNS: usize = 64;
/// So many amendments that ended without a clear answer are remembered; a note can have a mebibyte.
const MOST_UNCHECKED: usize = 64;

/// An amendment that was posted, and what was read before it.
#[derive(Clone, Debug)]
pub(crate) struct Unchecked {
    wish: Wish,
    plan: Plan,
    before: Seen,
    own_user: i64,
}

/// What became of a change that was posted.
#[derive(Debug, Default)]
struct Aftermath {
    /// It was made, whatever its answer said.
    landed: bool,
    /// People decided against it at the same moment, and have their way.
    overruled: bool,
    /// What was set right.
    changes: Changes,
}

impl IrisSink {
    /// One amendment.
    pub(super) async fn amend_one(&self, amendment: &Amendment) -> Amended {
        match self.try_amend(amendment, None).await {
            Ok(amended) | Err(amended) => amended,
        }
    }

    /// An amendment, and what shall stand in a comment beside it.
    async fn try_amend(
        &self,
        amendment: &Amendment,
        remark: Option<Remark>,
    ) -> Result<Amended, Amended> {
        if let Some(block) = &amendment.block
            && !is_name(&block.name)
        {
            return Err(Amended::Never {
                why: format!("`{}` is no name of a block", block.name.escape_debug()),
            });
        }
        let resolved = self.resolved(None).await?;
        let deleted = Amended::Ended {
            why: Ending::Deleted,
        };
        let uuid = match amendment.identity {
            Identity::Reference => {
                let customer = self.customer(&amendment.lane).await?;
                Some(alert_uuid(customer, &amendment.reference))
            }
            Identity::IdOnly => None,
        };
        let Some(id) = self.amended_id(amendment, uuid).await? else {
            return Ok(deleted);
        };
        let says = remark.is_some();
        let _turn = self.turn(id).await;
        // Before the alert is read: people have the less time between that and the change.
        let remark = match remark {
            Some(remark) => self.unsaid(id, remark).await?,
            None => None,
        };
        let Some(mut seen) = self.see(id).await? else {
            return Ok(deleted);
        };
        if uuid.is_some_and(|uuid| seen.uuid != uuid) {
            return another(&seen, &amendment.reference);
        }
        let earlier = self.check_earlier(id, &mut seen, &resolved).await?;
        let mut changes = earlier.changes;
        if amendment.unless_ended
            && let Some(why) = self.ending(&seen, &resolved)
        {
            return Ok(Amended::Ended { why });
        }
        let mapping = &self.settings.mapping;
        let mut wish = Wish::of(amendment, (mapping, &self.settings.redaction), &resolved);
        wish.says |= says;
        let plan = Plan::of(&wish, &seen, mapping).map_err(no_room)?;
        // The tags that are asked for may be gone by our own doing: where nothing is missing, nothing is to be decided.
        let none_missing = plan.is_empty() && remark.is_none();
        let done = none_missing && (earlier.landed || !wish.is_forbidden(seen.tags()));
        if !done && !wish.may_change(seen.tags()) {
            return Ok(Amended::Overruled);
        }
        if none_missing {
            return Ok(if changes.is_empty() {
                Amended::Unchanged
            } else {
                Amended::Written(changes.list())
            });
        }
        changes.add_all(&wish.changes);
        if let Some((remark, known)) = &remark {
            self.put_comment(id, known.as_ref(), &remark.text).await?;
            changes.add_all(&remark.changes);
            if plan.is_empty() {
                return Ok(Amended::Written(changes.list()));
            }
        }
        if seen.owner.is_none() && !self.knows_nobody().await? {
            return self.say_in_comment(id, &wish, &plan, changes).await;
        }
        let own_user = self.own_user().await?;
        let unchecked = Unchecked {
            wish,
            plan,
            before: seen,
            own_user,
        };
        self.keep_unchecked(id, &unchecked);
        self.update(id, &unchecked.plan).await?;
        let Some(after) = self.see(id).await? else {
            return Ok(deleted);
        };
        let aftermath = self.look_after(id, &unchecked, &after, &resolved).await?;
        if aftermath.overruled {
            return Ok(Amended::Overruled);
        }
        changes.add_all(&aftermath.changes);
        Ok(Amended::Written(changes.list()))
    }

    /// Looks after an earlier change whose end was never seen; reads the alert again where that changed it.
    async fn check_earlier(
        &self,
        id: i64,
        seen: &mut Seen,
        resolved: &Resolved,
    ) -> Result<Aftermath, Amended> {
        let known = self.unchecked().get(&id).cloned();
        let Some(unchecked) = known else {
            return Ok(Aftermath::default());
        };
        let aftermath = self.look_after(id, &unchecked, seen, resolved).await?;
        if (!aftermath.changes.is_empty() || aftermath.overruled)
            && let Some(now) = self.see(id).await?
        {
            *seen = now;
        }
        Ok(aftermath)
    }

    /// Sets right, once, what others changed at the same moment.
    async fn look_after(
        &self,
        id: i64,
        unchecked: &Unchecked,
        after: &Seen,
        resolved: &Resolved,
    ) -> Result<Aftermath, Amended> {
        let mut changes = Changes::default();
        let mut overruled = false;
        let Unchecked {
            wish,
            plan,
            before,
            own_user,
        } = unchecked;
        let news = News::between(&before.history, &after.history, *own_user);
        // Without a line of ours the change was not made at all, or another took its place: there is nothing to set right.
        let landed = news.has_change_of_ours() || plan.stands_in(after);
        if landed {
            let mapping = &self.settings.mapping;
            let repair = plan.repair(wish, mapping, (before, after), (&news, *own_user), resolved);
            overruled = repair.overruled;
            if !repair.plan.is_empty() {
                self.update(id, &repair.plan).await?;
                repair.plan.count(&mut changes);
            }
            if let Some(user) = repair.overlapped {
                changes.add("note_edit_overlapped");
                warn!(
                    alert_id = id,
                    "somebody edited the note at the same moment; a comment says so"
                );
                self.say_overlapped(id, &user).await?;
            }
        }
        self.unchecked().remove(&id);
        Ok(Aftermath {
            landed: landed && !overruled,
            overruled,
            changes,
        })
    }

    fn keep_unchecked(&self, id: i64, unchecked: &Unchecked) {
        let mut kept = self.unchecked();
        if kept.len() < MOST_UNCHECKED || kept.contains_key(&id) {
            kept.insert(id, unchecked.clone());
        }
    }

    fn unchecked(&self) -> MutexGuard<'_, HashMap<i64, Unchecked>> {
        self.unchecked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes of one alert wait for each other: a count and a review may be written at the same moment.
    pub(super) async fn turn(&self, id: i64) -> tokio::sync::MutexGuard<'_, ()> {
        let at = usize::try_from(id.unsigned_abs() % TURNS as u64).unwrap_or_default();
        self.turns[at].lock().await
    }

    /// The alert's id, looked up by its uuid where it was never told.
    async fn amended_id(
        &self,
        amendment: &Amendment,
        uuid: Option<uuid::Uuid>,
    ) -> Result<Option<i64>, Amended> {
        if let Some(id) = positive(&amendment.id) {
            return Ok(Some(id));
        }
        let Some(uuid) = uuid else {
            return Err(Amended::Never {
                why: format!("`{}` is no id of an alert", amendment.id.escape_debug()),
            });
        };
        let mut unused = Changes::default();
        let reference = attribute_text(&amendment.reference, &mut unused);
        match self.find(uuid, &reference).await? {
            Found::Present(id) => Ok(Some(id)),
            // An older server searched for our reference, and may have been given another.
            Found::Absent if self.settings.mapping.source_ref == SourceReference::Reference => {
                Ok(None)
            }
            Found::Absent | Found::Unknowable => Err(Amended::Never {
                why: "this version of IRIS never told the alert's id and can't be asked for it"
                    .to_owned(),
            }),
        }
    }

    fn ending(&self, seen: &Seen, resolved: &Resolved) -> Option<Ending> {
        let by_id = || resolved.status_name(seen.status_id?);
        self.ends(seen.status().or_else(by_id)?)
    }

    /// Whether people are done with an alert of this status. Escalated is not the end: the case's analysts still read the alert.
    pub(super) fn ends(&self, status: &str) -> Option<Ending> {
        let status = status.trim().to_lowercase();
        let ends = self.ended_statuses.contains(&status);
        ends.then_some(if status == "merged" {
            Ending::Merged
        } else {
            Ending::Closed
        })
    }
}

/// An id as IRIS gives them.
pub(super) fn positive(id: &str) -> Option<i64> {
    id.trim().parse().ok().filter(|id| *id > 0)
}

/// Another alert has the id, so ours is gone; or it is ours under a uuid that IRIS chose.
fn another(seen: &Seen, reference: &str) -> Result<Amended, Amended> {
    let ours = attribute_text(reference, &mut Changes::default());
    if seen.source_ref.as_deref() == Some(&ours) {
        return Err(Amended::Never {
            why:
                "IRIS gave this alert another uuid than the one sent, so it can't be told from others"
                    .to_owned(),
        });
    }
    Ok(Amended::Ended {
        why: Ending::Deleted,
    })
}

fn no_room(_: NoRoom) -> Amended {
    Amended::Never {
        why: format!("there is no room in the alert's note (at most {NOTE_LIMIT} bytes)"),
    }
}
