//! One delivery: post, understand the answer, and where IRIS finds fault with a part, post again without it.
//!
//! Invariants: every post of one delivery has the same uuid, so at most one of them makes an alert; what is left out is counted
//! and said in the description; nothing ends as `Never` that a look-up finds.

use std::sync::{Arc, PoisonError};

use alertbridge_alert::Alert;
use tracing::warn;

use super::{
    IrisSink,
    classify::{self, Meaning, Part},
    client::Fault,
    lookup::{Found, of_fault},
    payload::{self, Payload},
    resolved::Resolved,
};
use crate::{Outcome, Outgoing, Scope};

/// The first post, one with fresh ids, one without IOCs, one without assets, one bare; and one to spare.
const MOST_POSTS: usize = 6;

impl IrisSink {
    /// One delivery: names and customer first, then the posts.
    pub(super) async fn deliver_one(&self, outgoing: &Outgoing) -> Outcome {
        let prepared = async {
            let resolved = self.resolved(None).await?;
            let customer = self.customer(&outgoing.lane).await?;
            Ok((resolved, customer))
        };
        let (resolved, customer) = match prepared.await {
            Ok(prepared) => prepared,
            Err(outcome) => return outcome,
        };
        let mut payload = payload::build(&self.settings, outgoing, customer);
        payload.fit(&*resolved);
        let outcome = self.post(payload, resolved, &outgoing.alert).await;
        if matches!(outcome, Outcome::Unknown { .. } | Outcome::Retry { .. }) {
            *self.version.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        outcome
    }

    /// Posts until IRIS took it, or said something that another post would not change.
    async fn post(
        &self,
        mut payload: Payload,
        mut resolved: Arc<Resolved>,
        alert: &Alert,
    ) -> Outcome {
        let (mut refreshed, mut bare) = (false, false);
        for _ in 0..MOST_POSTS {
            let sent = self
                .client
                .post("/alerts/add", payload.body(&*resolved).into())
                .await;
            let answer = match sent {
                Ok(answer) => answer,
                Err(Fault::Unclear(why)) => return Outcome::Unknown { why },
                Err(fault) => return of_fault(fault),
            };
            match classify::of_add(&answer, payload.uuid) {
                Meaning::Stored { id, uuid_kept } => {
                    if !uuid_kept {
                        warn!(
                            alert_id = id,
                            "IRIS gave the alert another uuid than the one sent; doubles can't be prevented there"
                        );
                        payload.note_change("uuid_ignored", 1);
                    }
                    return Outcome::Delivered(self.proof(Some(id), &payload));
                }
                Meaning::StoredUntold | Meaning::Duplicate => {
                    let why = "IRIS says it has the alert but does not find it; may the key's user see this customer?";
                    return self
                        .adopt(&payload, true)
                        .await
                        .unwrap_or_else(|| Outcome::Unknown {
                            why: why.to_owned(),
                        });
                }
                Meaning::TagRace => {
                    let why = "another alert made the same new tag at the same moment".to_owned();
                    return Outcome::Retry {
                        after: None,
                        why,
                        sink_wide: false,
                    };
                }
                Meaning::Unclear(why) => return Outcome::Unknown { why },
                Meaning::Later { after, why } => {
                    return Outcome::Retry {
                        after,
                        why,
                        sink_wide: true,
                    };
                }
                Meaning::Operator { scope, why } => {
                    if scope == Scope::Lane {
                        // The name may have another id by now.
                        self.customer_ids.lock().await.clear();
                    }
                    return Outcome::Paused { scope, why };
                }
                Meaning::UnknownId(..) if !refreshed => {
                    refreshed = true;
                    resolved = match self.resolved(Some(&resolved)).await {
                        Ok(resolved) => resolved,
                        Err(outcome) => return outcome,
                    };
                }
                Meaning::UnknownId(Part::Fields, why) => {
                    let why = format!(
                        "{why}; its ids were just read anew, so IRIS contradicts itself: see its log"
                    );
                    return Outcome::Paused {
                        scope: Scope::Sink,
                        why,
                    };
                }
                Meaning::UnknownId(part, why) => {
                    if !leave_out(&mut payload, part) {
                        return Outcome::Never { why };
                    }
                }
                Meaning::BadPart(part) => {
                    if !leave_out(&mut payload, part) {
                        return Outcome::Never {
                            why: "IRIS refuses IOCs or assets that were not sent".to_owned(),
                        };
                    }
                }
                Meaning::TooLarge if !bare => {
                    bare = true;
                    payload.bare(alert);
                }
                Meaning::TooLarge => {
                    let why = "even the alert without its details is too large for IRIS or a proxy before it (413)".to_owned();
                    return Outcome::Never { why };
                }
                Meaning::Blocked(why) if bare => {
                    // A firewall that blocks every post must not turn the whole queue into dead letters.
                    return match self.permission("alerts_write", 8).await {
                        Ok(_) => Outcome::Never { why },
                        Err(_) => Outcome::Paused {
                            scope: Scope::Sink,
                            why: format!(
                                "{why}; it blocks all that is posted, so let alertbridge through there"
                            ),
                        },
                    };
                }
                Meaning::Blocked(why) | Meaning::Refused(why) => {
                    match self.adopt(&payload, false).await {
                        Some(outcome) => return outcome,
                        None if bare => return Outcome::Never { why },
                        None => {
                            bare = true;
                            payload.bare(alert);
                        }
                    }
                }
            }
        }
        Outcome::Never {
            why: format!("IRIS refused {MOST_POSTS} forms of this alert"),
        }
    }

    /// Looks up what IRIS may hold. `believed`: IRIS said that it does, so a server that can't be asked is taken at its word.
    /// `None`: it is not there, as far as can be told.
    async fn adopt(&self, payload: &Payload, believed: bool) -> Option<Outcome> {
        match self.find(payload.uuid, &payload.source_ref).await {
            Ok(Found::Present(id)) => Some(Outcome::AlreadyThere(self.proof(Some(id), payload))),
            Ok(Found::Unknowable) if believed => {
                Some(Outcome::AlreadyThere(self.proof(None, payload)))
            }
            Ok(Found::Absent | Found::Unknowable) => None,
            // The post before it is in doubt as long as the look-up fails.
            Err(Outcome::Retry { why, .. }) => Some(Outcome::Unknown { why }),
            Err(outcome) => Some(outcome),
        }
    }
}

/// Leaves a part out; false where there is nothing left of it.
fn leave_out(payload: &mut Payload, part: Part) -> bool {
    match part {
        Part::Iocs if !payload.iocs.is_empty() => payload.without_iocs(),
        Part::Assets if !payload.assets.is_empty() => payload.without_assets(),
        _ => return false,
    }
    true
}
