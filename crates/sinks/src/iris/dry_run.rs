//! What would be posted for an alert, without posting it (`alertbridge explain`).

use serde_json::Value;

use super::{IrisSink, payload, resolved::Unresolved};
use crate::{Change, Outcome, Outgoing};

/// A delivery that was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DryRun {
    /// The JSON as it would be posted, byte for byte. Where IRIS could not be asked, names stand in the place of ids, and a
    /// customer that is named leaves `alert_uuid` out, because it is made of the customer's id.
    pub json: String,
    /// Why names are not ids; `None` where they are.
    pub unresolved: Option<String>,
    /// What is changed or left out.
    pub changes: Vec<Change>,
}

impl IrisSink {
    /// Makes the JSON of an alert. Asks IRIS for names and ids where it can; posts nothing.
    pub async fn dry_run(&self, outgoing: &Outgoing) -> DryRun {
        let resolved = self.resolved(None).await;
        let customer = match &resolved {
            Ok(_) => self.customer(&outgoing.lane).await,
            // Without IRIS only an id is known; asking again would only wait again.
            Err(why) => outgoing.lane.trim().parse().map_err(|_| why.clone()),
        };
        let mut payload = payload::build(
            &self.settings,
            outgoing,
            customer.as_ref().copied().unwrap_or_default(),
        );
        if customer.is_err() {
            payload.customer = Value::from(outgoing.lane.as_str());
        }
        if let Ok(resolved) = &resolved {
            payload.fit(&**resolved);
        }
        let body = match &resolved {
            Ok(resolved) => payload.body(&**resolved),
            Err(_) => payload.body(&Unresolved(&self.wanted)),
        };
        let why = |outcome: &Outcome| match outcome {
            Outcome::Retry { why, .. } | Outcome::Paused { why, .. } => why.clone(),
            other => format!("{other:?}"),
        };
        DryRun {
            json: String::from_utf8_lossy(&body).into_owned(),
            unresolved: resolved.as_ref().err().or(customer.as_ref().err()).map(why),
            changes: payload.changes().list(),
        }
    }
}
