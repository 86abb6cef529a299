//! Telling OpenCTI what was seen (facts/opencti.md §7).
//!
//! A sighting says: this indicator was seen at that place, between two moments, so many times. It needs the right to write, so it has
//! a token of its own and is off unless configured. Report each span of time once and in order, one for each indicator, place and
//! hour: OpenCTI joins sightings with the same ends, and adds the count only where the span grows.
//!
//! Sending a sighting again is safe after any fault: its STIX id is made of what it says, and a span that is already covered adds
//! nothing to the count.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::json;
use tokio::sync::Mutex;
use uuid::Uuid;

use super::{
    OpenCtiConfig, SightingConfig,
    filters::{self, Condition},
    graphql::Session,
    http::Client,
    pages::iso,
    queries,
    refusal::Need,
    token::TokenPlace,
};
use crate::provider::{ErrorKind, ProviderError, fields};

/// Most places whose ids are remembered.
const PLACES: usize = 10_000;
/// For the ids of sightings; made once for this purpose.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f1d_2c9a_58b3_4c1e_9d07_3a5e_b8c4_21f6);

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The indicator's id or standard id in OpenCTI.
    pub indicator: String,
    /// Where it was seen: the name of a system in OpenCTI, made where it is missing. Like `Wazuh – cluster1`.
    pub place: String,
    /// The first time.
    pub first_seen: Timestamp,
    /// The last time; not before the first.
    pub last_seen: Timestamp,
    /// How often; at least once.
    pub count: u32,
    /// For the reader: rule, agent, alert.
    pub description: String,
}

/// The id that OpenCTI has given to a sighting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SightingId(pub String);

/// Tells one OpenCTI what was seen. Share it: ids of places are remembered.
#[derive(Debug)]
pub struct SightingClient {
    session: Session,
    confidence: u8,
    places: Mutex<HashMap<String, String>>,
}

impl SightingClient {
    /// A client of the OpenCTI at `config.url`, with the token of `sightings`. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ProviderError`] where a value of the configuration can't be used; its text names the key.
    pub fn new(config: &OpenCtiConfig, sightings: &SightingConfig) -> Result<Self, ProviderError> {
        let token = TokenPlace {
            prefix: "sightings.token",
            token: sightings.token.clone(),
            file: sightings.token_file.clone(),
            credential: sightings.token_credential.clone(),
        };
        Ok(Self {
            session: Session::new(Client::new(config, token)?, Need::Write),
            confidence: sightings.confidence.min(100),
            places: Mutex::default(),
        })
    }

    /// Reports a sighting. After any error it may be sent again.
    ///
    /// # Errors
    /// [`ProviderError`]; one that needs the operator stays for all sightings, but for [`ErrorKind::Answer`]: this indicator is
    /// unknown to OpenCTI, and will be next time.
    pub async fn report_sighting(&self, sighting: &Sighting) -> Result<SightingId, ProviderError> {
        let name = fields::clean(&sighting.place, 200).ok_or_else(|| {
            ProviderError::config(
                "sightings.place",
                "is empty; a sighting needs the name of a place",
            )
        })?;
        match self.send(sighting, &name).await {
            // The remembered place may have been deleted.
            Err(error) if error.kind() == ErrorKind::Answer && self.forget(&name).await => {
                self.send(sighting, &name).await
            }
            result => result,
        }
    }

    async fn send(&self, sighting: &Sighting, name: &str) -> Result<SightingId, ProviderError> {
        let place = self.place(name).await?;
        let input = json!({
            "fromId": sighting.indicator,
            "toId": place,
            "stix_id": stix_id(sighting, name),
            "first_seen": iso(sighting.first_seen),
            "last_seen": iso(sighting.last_seen.max(sighting.first_seen)),
            "attribute_count": sighting.count.clamp(1, i32::MAX.unsigned_abs()),
            "confidence": self.confidence,
            "x_opencti_negative": false,
            "description": fields::clean(&sighting.description, 4096).unwrap_or_default(),
            "update": true,
        });
        let session = &self.session;
        let answer = session
            .ask(queries::SIGHTING, json!({"input": input}), None)
            .await?;
        let made = answer.value("stixSightingRelationshipAdd")?;
        fields::word(&made, "id")
            .map(SightingId)
            .ok_or_else(|| no_id("sighting"))
    }

    /// The id of the place with this name, which is made where it is missing. One at a time, so that it is made once.
    async fn place(&self, name: &str) -> Result<String, ProviderError> {
        let mut places = self.places.lock().await;
        if let Some(id) = places.get(name) {
            return Ok(id.clone());
        }
        let id = match self.find(name).await? {
            Some(id) => id,
            None => self.make(name).await?,
        };
        if places.len() >= PLACES {
            places.clear();
        }
        places.insert(name.to_owned(), id.clone());
        Ok(id)
    }

    async fn find(&self, name: &str) -> Result<Option<String>, ProviderError> {
        let variables = |dialect| {
            let named = [Condition::one_of("name", vec![name.to_owned()])];
            json!({"filters": filters::all(dialect, &named)})
        };
        let session = &self.session;
        let answer = session
            .ask_in_dialect(queries::identity, variables, None)
            .await?;
        let page = answer.page("identities")?;
        // The server compares without case and accents, and takes names as equal in just this way.
        let equal = |node: &&serde_json::Value| {
            fields::word(node, "name")
                .is_some_and(|found| found.to_lowercase() == name.to_lowercase())
        };
        Ok(page
            .nodes
            .iter()
            .find(equal)
            .and_then(|node| fields::word(node, "id")))
    }

    async fn make(&self, name: &str) -> Result<String, ProviderError> {
        let input = json!({
            "type": "System",
            "name": name,
            "description": "Where Alertbridge has seen indicators in alerts of Wazuh",
        });
        let session = &self.session;
        let answer = session
            .ask(queries::IDENTITY_ADD, json!({"input": input}), None)
            .await?;
        let made = answer.value("identityAdd")?;
        fields::word(&made, "id").ok_or_else(|| no_id("system"))
    }

    /// Whether the place was remembered.
    async fn forget(&self, name: &str) -> bool {
        self.places.lock().await.remove(name).is_some()
    }
}

fn no_id(what: &str) -> ProviderError {
    ProviderError::passing(
        ErrorKind::Answer,
        format!("OpenCTI's answer does not say the id of the new {what}; it may be sent again"),
    )
}

/// The same sighting has the same id, however often it is sent.
fn stix_id(sighting: &Sighting, place: &str) -> String {
    let said = format!(
        "{}\n{place}\n{}\n{}",
        sighting.indicator,
        iso(sighting.first_seen),
        iso(sighting.last_seen)
    );
    format!("sighting--{}", Uuid::new_v5(&NAMESPACE, said.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_sighting_has_the_same_id_and_another_one_another() {
        let sighting = Sighting {
            indicator: "4f8b".to_owned(),
            place: "Wazuh".to_owned(),
            first_seen: Timestamp::UNIX_EPOCH,
            last_seen: Timestamp::UNIX_EPOCH,
            count: 1,
            description: String::new(),
        };
        let id = stix_id(&sighting, "Wazuh");
        assert_eq!(id, stix_id(&sighting.clone(), "Wazuh"));
        assert!(id.starts_with("sighting--"));
        assert_ne!(id, stix_id(&sighting, "another"));
    }
}
