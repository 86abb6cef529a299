//! What one alert holds in IRIS at a moment, as far as an amendment needs it.

use serde::Deserialize;
use uuid::Uuid;

use super::history::History;
use crate::{
    Amended, Outcome,
    iris::{
        IrisSink,
        client::Answer,
        lookup::{Version, answered},
    },
};

/// Asked for by name where the server can (2.4.17), because a whole alert is repeated once per asset (facts/iris.md §3).
const FIELDS: &str = "alert_id,alert_uuid,alert_source_ref,alert_note,alert_tags,alert_owner_id,alert_severity_id,severity,\
                      alert_status_id,status,modification_history";

/// An alert as it was read.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Seen {
    alert_id: i64,
    #[serde(rename = "alert_uuid")]
    pub(crate) uuid: Uuid,
    #[serde(default, rename = "alert_source_ref")]
    pub(crate) source_ref: Option<String>,
    #[serde(default, rename = "alert_note")]
    note: Option<String>,
    #[serde(default, rename = "alert_tags")]
    tags: Option<String>,
    #[serde(default, rename = "alert_owner_id")]
    pub(crate) owner: Option<i64>,
    #[serde(default, rename = "alert_severity_id")]
    pub(crate) severity_id: Option<i64>,
    #[serde(default)]
    severity: Option<Severity>,
    #[serde(default, rename = "alert_status_id")]
    pub(crate) status_id: Option<i64>,
    #[serde(default)]
    status: Option<Status>,
    #[serde(default, rename = "modification_history")]
    pub(crate) history: History,
}

#[derive(Clone, Debug, Deserialize)]
struct Severity {
    severity_name: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Status {
    status_name: Option<String>,
}

impl Seen {
    pub(crate) fn note(&self) -> &str {
        self.note.as_deref().unwrap_or_default()
    }

    pub(crate) fn tags(&self) -> &str {
        self.tags.as_deref().unwrap_or_default()
    }

    pub(crate) fn severity(&self) -> Option<&str> {
        self.severity.as_ref()?.severity_name.as_deref()
    }

    pub(crate) fn status(&self) -> Option<&str> {
        self.status.as_ref()?.status_name.as_deref()
    }
}

#[derive(Deserialize)]
struct One {
    data: Seen,
}

#[derive(Deserialize)]
struct Page {
    data: Rows,
}

#[derive(Deserialize)]
struct Rows {
    alerts: Vec<Seen>,
}

#[derive(Deserialize)]
struct Message {
    message: String,
}

/// Whether IRIS says that there is no such alert, which it does with a 400 (facts/iris.md §5).
pub(crate) fn says_not_found(answer: &Answer) -> bool {
    matches!(answer.status, 400 | 404)
        && serde_json::from_slice::<Message>(&answer.body)
            .is_ok_and(|body| body.message.starts_with("Alert not found"))
}

impl IrisSink {
    /// Reads one alert; `None` where there is none with this id (or none that the key's user may see).
    pub(super) async fn see(&self, id: i64) -> Result<Option<Seen>, Amended> {
        let version = self.server_version().await.map_err(Amended::from)?;
        if Version::parse(&version).is_none_or(|version| version >= Version::EXACT_SEARCH) {
            let text = id.to_string();
            let query = [
                ("alert_ids", text.as_str()),
                ("fields", FIELDS),
                ("page", "1"),
                ("per_page", "1"),
            ];
            let answer =
                answered(self.client.get("/alerts/filter", &query).await).map_err(Amended::from)?;
            let page: Page = read(&answer)?;
            if let Some(seen) = page
                .data
                .alerts
                .into_iter()
                .find(|seen| seen.alert_id == id)
            {
                return Ok(Some(seen));
            }
            // A list is no proof: it is asked for by name below, because what follows is a new alert.
        }
        let answer = self.client.get(&format!("/alerts/{id}"), &[]).await;
        if let Ok(answer) = &answer
            && says_not_found(answer)
        {
            return Ok(None);
        }
        let answer = answered(answer).map_err(Amended::from)?;
        let one: One = read(&answer)?;
        Ok(Some(one.data))
    }
}

fn read<T: serde::de::DeserializeOwned>(answer: &Answer) -> Result<T, Amended> {
    match serde_json::from_slice(&answer.body) {
        Ok(read) => Ok(read),
        Err(_) if answer.truncated => Err(Amended::Never {
            why: "IRIS's answer about this alert is longer than `response_limit`".to_owned(),
        }),
        Err(_) => Err(Amended::Retry {
            after: None,
            // A proxy's page with status 200 is no fault of this alert.
            why: "IRIS's answer about this alert can't be read".to_owned(),
            sink_wide: true,
        }),
    }
}

impl From<Outcome> for Amended {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Retry {
                after,
                why,
                sink_wide,
            } => Self::Retry {
                after,
                why,
                sink_wide,
            },
            Outcome::Unknown { why } => Self::Retry {
                after: None,
                why,
                sink_wide: true,
            },
            Outcome::Paused { scope, why } => Self::Paused { scope, why },
            Outcome::Never { why } => Self::Never { why },
            Outcome::Delivered(_) | Outcome::AlreadyThere(_) => Self::Unchanged,
        }
    }
}
