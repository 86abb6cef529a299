//! What an IRIS has (`alertbridge iris ids`), and whether it suits the configuration (`alertbridge iris check`).

use bytes::Bytes;
use serde::Serialize;

use super::{
    IrisSink,
    client::Client,
    config::{Customer, IrisConfig},
    lookup::{Version, answered, version},
    names::{self, NamedId},
};
use crate::{Outcome, Scope, SinkError};

/// Every name and id an integration can use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IrisIds {
    /// The server's version, `v2.4.20`.
    pub version: String,
    /// Severities of alerts.
    pub severities: Vec<NamedId>,
    /// Statuses of alerts.
    pub statuses: Vec<NamedId>,
    /// Resolutions of alerts.
    pub resolutions: Vec<NamedId>,
    /// Traffic lights.
    pub tlps: Vec<NamedId>,
    /// Types of IOCs.
    pub ioc_types: Vec<NamedId>,
    /// Types of assets.
    pub asset_types: Vec<NamedId>,
    /// Classifications.
    pub classifications: Vec<NamedId>,
    /// Customers; `None` where the key may not list them (permission customers_read).
    pub customers: Option<Vec<NamedId>>,
}

/// Why the names can't be had.
#[derive(Debug, thiserror::Error)]
pub enum IdsError {
    /// The configuration can't be used.
    #[error(transparent)]
    Config(#[from] SinkError),
    /// IRIS did not answer as it should.
    #[error("{0}")]
    Iris(String),
}

/// Asks an IRIS for all names and ids.
///
/// # Errors
/// [`IdsError`] with what the operator must mend, or what went wrong.
pub async fn ids(config: &IrisConfig) -> Result<IrisIds, IdsError> {
    let client = Client::new(config)?;
    let said = |outcome: Outcome| IdsError::Iris(why(&outcome));
    Ok(IrisIds {
        version: version(&client).await.map_err(said)?,
        severities: names::SEVERITIES.fetch(&client).await.map_err(said)?,
        statuses: names::STATUSES.fetch(&client).await.map_err(said)?,
        resolutions: names::RESOLUTIONS.fetch(&client).await.map_err(said)?,
        tlps: names::TLPS.fetch(&client).await.map_err(said)?,
        ioc_types: names::IOC_TYPES.fetch(&client).await.map_err(said)?,
        asset_types: names::ASSET_TYPES.fetch(&client).await.map_err(said)?,
        classifications: names::CLASSIFICATIONS.fetch(&client).await.map_err(said)?,
        customers: names::CUSTOMERS.fetch(&client).await.ok(),
    })
}

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Whether it is well.
    pub ok: bool,
    /// What was checked, a stable word: `reachable`, `version`, `key`, `alerts_read`, `alerts_write`, `names`, `customer`;
    /// `ended_statuses` only where one is unknown.
    pub what: &'static str,
    /// What was found, and what to do where it is not well.
    pub text: String,
}

impl IrisSink {
    /// Checks everything that can be checked without writing: is the server there, is the key good, has it the permissions, is every
    /// name known. Whether the key's user may see a customer shows only at the first alert (facts/iris.md §2).
    pub async fn check(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        match answered(self.client.get("/api/ping", &[]).await) {
            Ok(_) => {
                findings.push(finding("reachable", Ok("IRIS answers".to_owned())));
                findings.push(finding("key", Ok("the key is accepted".to_owned())));
            }
            Err(outcome) => {
                let key = why(&outcome).contains("(401)");
                findings.push(finding(
                    if key { "key" } else { "reachable" },
                    Err(why(&outcome)),
                ));
                return findings;
            }
        }
        findings.push(finding("version", self.version_says().await));
        for (permission, value) in [("alerts_write", 8), ("alerts_read", 4)] {
            findings.push(finding(
                permission,
                self.permission(permission, value).await,
            ));
        }
        let names = self.resolved(None).await;
        if let Ok(resolved) = &names {
            let unknown = self.ended_statuses.iter();
            let unknown = unknown.filter(|name| resolved.status_id(name).is_none());
            findings.extend(unknown.map(|name| {
                let text = format!(
                    "IRIS has no alert status `{name}` (`ended_statuses`), so none ends by it"
                );
                finding("ended_statuses", Err(text))
            }));
        }
        findings.push(finding(
            "names",
            names
                .map(|_| "every name of the configuration is known".to_owned())
                .map_err(|outcome| why(&outcome)),
        ));
        let mut seen: Vec<&Customer> = Vec::new();
        for customer in self.customers.all() {
            if seen.contains(&customer) {
                continue;
            }
            seen.push(customer);
            if let Customer::Name(name) = customer {
                let id = self.customer(name).await;
                findings.push(finding(
                    "customer",
                    id.map(|id| format!("`{name}` has the id {id}"))
                        .map_err(|outcome| why(&outcome)),
                ));
            }
        }
        findings
    }

    async fn version_says(&self) -> Result<String, String> {
        let text = self
            .server_version()
            .await
            .map_err(|outcome| why(&outcome))?;
        match Version::parse(&text) {
            Some(version) if version >= Version::EXACT_SEARCH => {
                Ok(format!("IRIS {text}: alerts are looked up by uuid"))
            }
            Some(version) if version >= Version::REFERENCE_SEARCH => {
                Ok(format!("IRIS {text}: alerts are looked up by reference"))
            }
            _ => Ok(format!(
                "IRIS {text}: alerts can't be looked up before 2.4.15; doubles are prevented by their uuid alone"
            )),
        }
    }

    /// Asks IRIS whether the key's user has a permission; writes nothing (facts/iris.md §2).
    pub(super) async fn permission(&self, name: &str, value: u32) -> Result<String, String> {
        let body =
            serde_json::json!({"permission_value": value, "permission_name": name}).to_string();
        match self
            .client
            .post("/user/has-permission", Bytes::from(body))
            .await
        {
            Ok(answer) if answer.status == 200 => Ok(format!("the key's user has {name}")),
            Ok(answer) if answer.status == 403 => Err(format!(
                "the key's user lacks {name}; give it in Advanced > Access control"
            )),
            sent => answered(sent)
                .map(|_| String::new())
                .map_err(|outcome| why(&outcome)),
        }
    }
}

fn finding(what: &'static str, found: Result<String, String>) -> Finding {
    match found {
        Ok(text) => Finding {
            ok: true,
            what,
            text,
        },
        Err(text) => Finding {
            ok: false,
            what,
            text,
        },
    }
}

fn why(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Paused {
            why,
            scope: Scope::Lane | Scope::Sink,
        }
        | Outcome::Retry { why, .. }
        | Outcome::Unknown { why }
        | Outcome::Never { why } => why.clone(),
        Outcome::Delivered(_) | Outcome::AlreadyThere(_) => String::new(),
    }
}
