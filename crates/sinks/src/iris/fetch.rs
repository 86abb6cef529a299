//! Reading alerts by their ids.
//!
//! Fields are asked for by name where the server can (2.4.17), because a whole alert is repeated once per asset (facts/iris.md §3).

use serde::{Deserialize, de::DeserializeOwned};

use super::{
    IrisSink,
    client::Answer,
    lookup::{Version, answered},
};
use crate::Outcome;

#[derive(Deserialize)]
struct One<T> {
    data: T,
}

#[derive(Deserialize)]
struct Listed<T> {
    data: Rows<T>,
}

/// One page of a list.
#[derive(Deserialize)]
pub(crate) struct Rows<T> {
    #[serde(default)]
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

    /// A list of alerts.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        query: &[(&str, &str)],
    ) -> Result<Rows<T>, Outcome> {
        let answer = answered(self.client.get("/alerts/filter", query).await)?;
        read::<Listed<T>>(&answer).map(|listed| listed.data)
    }

    /// Reads one alert; `None` where there is none with this id (or none that the key's user may see). `id_of` tells a row's id.
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
        let one: One<T> = read(&answered(answer)?)?;
        Ok(Some(one.data))
    }
}

fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, Outcome> {
    match serde_json::from_slice(&answer.body) {
        Ok(read) => Ok(read),
        Err(_) if answer.truncated => Err(Outcome::Never {
            why: "IRIS's answer about this alert is longer than `response_limit`".to_owned(),
        }),
        Err(_) => Err(Outcome::Retry {
            after: None,
            // A proxy's page with status 200 is no fault of this alert.
            why: "IRIS's answer about this alert can't be read".to_owned(),
            sink_wide: true,
        }),
    }
}
