//! Reading alerts by their ids.
//!
//! Fields are asked for by name where the server can (2.4.17), because a whole alert is repeated once per asset (facts/iris.md §3).
//!
//! IRIS stores in the source content what a strict parser refuses, lone surrogates and deep nesting (facts/iris.md §4), so each alert of
//! an answer is cut out as text first and then read apart from the others, leniently: nobody stops the work on other alerts with a log.

use alertbridge_alert::tree_of;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{error::Category, value::RawValue};

use super::{
    IrisSink,
    client::Answer,
    lookup::{Version, answered},
};
use crate::Outcome;

#[derive(Deserialize)]
struct One<'a> {
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Deserialize)]
struct Listed<'a> {
    #[serde(borrow)]
    data: RawRows<'a>,
}

#[derive(Deserialize)]
struct RawRows<'a> {
    #[serde(default)]
    total: u64,
    #[serde(borrow)]
    alerts: Vec<&'a RawValue>,
}

/// One page of a list; a row that is no alert is left out.
pub(crate) struct Rows<T> {
    pub(crate) total: u64,
    pub(crate) alerts: Vec<T>,
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
    /// Whether this server gives fields by name; one whose version can't be read is taken for a newer one.
    pub(super) async fn chooses_fields(&self) -> Result<bool, Outcome> {
        let version = self.server_version().await?;
        Ok(Version::parse(&version).is_none_or(|version| version >= Version::EXACT_SEARCH))
    }

    /// A list of alerts. [`Outcome::Never`] where it is too long or can't be read: fewer alerts or fields at a time may be.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        query: &[(&str, &str)],
    ) -> Result<Rows<T>, Outcome> {
        let answer = answered(self.client.get("/alerts/filter", query).await)?;
        let text = String::from_utf8_lossy(&answer.body);
        let listed: Listed<'_> =
            serde_json::from_str(&text).map_err(|error| unreadable(&answer, &error))?;
        Ok(Rows {
            total: listed.data.total,
            alerts: listed.data.alerts.into_iter().filter_map(row).collect(),
        })
    }

    /// Reads one alert; `None` where there is none with this id (or none that the key's user may see). `id_of` tells a row's id.
    /// [`Outcome::Never`] where its answer is too long or can't be read.
    pub(super) async fn fetch<T: DeserializeOwned>(
        &self,
        id: i64,
        fields: &str,
        id_of: impl Fn(&T) -> Option<i64>,
    ) -> Result<Option<T>, Outcome> {
        if self.chooses_fields().await? {
            let text = id.to_string();
            let query = [
                ("alert_ids", text.as_str()),
                ("fields", fields),
                ("page", "1"),
                ("per_page", "1"),
            ];
            let rows = self.list::<T>(&query).await?;
            if let Some(row) = rows.alerts.into_iter().find(|row| id_of(row) == Some(id)) {
                return Ok(Some(row));
            }
            // A list is no proof: it is asked for by name below, because a new alert may follow.
        }
        let answer = self.client.get(&format!("/alerts/{id}"), &[]).await;
        if let Ok(answer) = &answer
            && says_not_found(answer)
        {
            return Ok(None);
        }
        let answer = answered(answer)?;
        let text = String::from_utf8_lossy(&answer.body);
        let one: One<'_> =
            serde_json::from_str(&text).map_err(|error| unreadable(&answer, &error))?;
        row(one.data).map(Some).ok_or_else(garbled)
    }
}

/// One alert, what a strict parser refuses in it mended; `None` where it is no alert all the same.
fn row<T: DeserializeOwned>(raw: &RawValue) -> Option<T> {
    serde_json::from_str(raw.get())
        .or_else(|_| T::deserialize(tree_of(raw.get())))
        .ok()
}

/// Whose fault it is that an answer can't be read.
fn unreadable(answer: &Answer, error: &serde_json::Error) -> Outcome {
    if answer.truncated {
        return Outcome::Never {
            why: "IRIS's answer about this alert is longer than `response_limit`".to_owned(),
        };
    }
    let is_object = answer.body.trim_ascii_start().starts_with(b"{");
    if is_object && error.classify() == Category::Syntax {
        return garbled();
    }
    Outcome::Retry {
        after: None,
        // A proxy's page with status 200, or half an answer, is no fault of this alert.
        why: "IRIS's answer about this alert can't be read".to_owned(),
        sink_wide: true,
    }
}

fn garbled() -> Outcome {
    Outcome::Never {
        why: "what IRIS holds of this alert can't be read: its answer is no valid JSON, or no alert; look at the alert in IRIS"
            .to_owned(),
    }
}
