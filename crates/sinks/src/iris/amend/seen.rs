//! What one alert holds in IRIS at a moment, as far as an amendment needs it.

use serde::Deserialize;
use uuid::Uuid;

use super::history::History;
use crate::{Amended, Outcome, iris::IrisSink};

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

impl IrisSink {
    /// Reads one alert; `None` where there is none with this id (or none that the key's user may see).
    pub(super) async fn see(&self, id: i64) -> Result<Option<Seen>, Amended> {
        let seen = self.fetch(id, FIELDS, |seen: &Seen| Some(seen.alert_id));
        seen.await.map_err(Amended::from)
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
