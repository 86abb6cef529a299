//! What an amendment asks IRIS and posts to it, and what the answers mean for it.

use serde::Deserialize;

use super::plan::Plan;
use crate::{
    Amended, Ending, Scope,
    iris::{
        IrisSink,
        classify::{self, Meaning},
        fetch::says_not_found,
        lookup::{Version, answered, of_fault},
    },
};

impl IrisSink {
    /// Whether this server knows the owner "nobody" (-1); one whose version can't be read is taken for a newer one.
    pub(super) async fn knows_nobody(&self) -> Result<bool, Amended> {
        let version = self.server_version().await?;
        Ok(Version::parse(&version).is_none_or(|version| version >= Version::OWNER_NOBODY))
    }

    /// The id of the key's user.
    pub(in crate::iris) async fn own_user(&self) -> Result<i64, Amended> {
        #[derive(Deserialize)]
        struct Whoami {
            data: User,
        }
        #[derive(Deserialize)]
        struct User {
            user_id: i64,
        }
        let mut known = self.own_user.lock().await;
        if let Some(id) = *known {
            return Ok(id);
        }
        let answer = answered(self.client.get("/user/whoami", &[]).await).map_err(Amended::from)?;
        let whoami: Whoami = serde_json::from_slice(&answer.body).map_err(|_| Amended::Retry {
            after: None,
            why: "IRIS's answer about the key's user can't be read".to_owned(),
            sink_wide: true,
        })?;
        *known = Some(whoami.data.user_id);
        Ok(whoami.data.user_id)
    }

    pub(super) async fn update(&self, id: i64, plan: &Plan) -> Result<(), Amended> {
        self.change(&format!("/alerts/update/{id}"), plan.body())
            .await
    }

    /// Posts a change; everything but a 200 ends the amendment.
    pub(in crate::iris) async fn change(&self, path: &str, body: Vec<u8>) -> Result<(), Amended> {
        let answer = match self.client.post(path, body.into()).await {
            Ok(answer) => answer,
            Err(fault) => return Err(of_fault(fault).into()),
        };
        if matches!(answer.status, 200 | 201) {
            return Ok(());
        }
        if says_not_found(&answer) {
            return Err(Amended::Ended {
                why: Ending::Deleted,
            });
        }
        let alone = |why: String| Amended::Retry {
            after: None,
            why,
            sink_wide: false,
        };
        Err(match classify::of_add(&answer, uuid::Uuid::nil()) {
            // Denied though the key's user may write alerts: it may not those of this customer (facts/iris.md §6).
            Meaning::Operator { .. }
                if answer.status == 403 && self.permission("alerts_write", 8).await.is_ok() =>
            {
                Amended::Paused {
                    scope: Scope::Lane,
                    why: "IRIS denies this alert to the key's user (403); give it the alert's customer (Advanced > Access control)"
                        .to_owned(),
                }
            }
            Meaning::Operator { scope, why } => Amended::Paused { scope, why },
            Meaning::Later { after, why } => Amended::Retry {
                after,
                why,
                sink_wide: true,
            },
            Meaning::Unclear(why) => Amended::Retry {
                after: None,
                why,
                sink_wide: true,
            },
            Meaning::TagRace => {
                alone("another alert made the same new tag at the same moment".to_owned())
            }
            Meaning::UnknownId(_, why) => {
                // The severity may have another id by now.
                *self.resolved.lock().await = None;
                alone(why)
            }
            Meaning::Blocked(why) => match self.permission("alerts_write", 8).await {
                Ok(_) => Amended::Never { why },
                Err(_) => Amended::Paused {
                    scope: Scope::Sink,
                    why: format!(
                        "{why}; it blocks all that is posted, so let alertbridge through there"
                    ),
                },
            },
            Meaning::Refused(why) => Amended::Never { why },
            Meaning::TooLarge => Amended::Never {
                why: "the note is too large for IRIS or a proxy before it (413)".to_owned(),
            },
            Meaning::BadPart(_)
            | Meaning::Duplicate
            | Meaning::Stored { .. }
            | Meaning::StoredUntold => alone(format!(
                "IRIS answers {} to a change of an alert",
                answer.status
            )),
        })
    }
}
