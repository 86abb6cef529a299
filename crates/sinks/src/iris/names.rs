//! Names and their ids in one IRIS.
//!
//! Ids differ from installation to installation (severity 1 is Medium on a fresh 2.4, Unspecified on one that began as 2.3), so the
//! configuration holds names and they are resolved here: at the first delivery, and again when IRIS does not know an id any more.

use serde::Serialize;
use serde_json::Value;

use super::{
    client::{Answer, Client, Fault},
    config::IocKind,
    lookup::answered,
    resolved::{Resolved, id_of},
};
use crate::{Outcome, Scope};

/// One row of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NamedId {
    /// The id in this installation.
    pub id: i64,
    /// The name.
    pub name: String,
}

/// A list of IRIS.
#[derive(Clone, Copy, Debug)]
pub(crate) struct List {
    path: &'static str,
    id: &'static str,
    name: &'static str,
    /// What it is a list of, for messages.
    what: &'static str,
}

pub(crate) const SEVERITIES: List = List {
    path: "severities",
    id: "severity_id",
    name: "severity_name",
    what: "severity",
};
pub(crate) const STATUSES: List = List {
    path: "alert-status",
    id: "status_id",
    name: "status_name",
    what: "alert status",
};
pub(crate) const RESOLUTIONS: List = List {
    path: "alert-resolutions",
    id: "resolution_status_id",
    name: "resolution_status_name",
    what: "resolution",
};
pub(crate) const TLPS: List = List {
    path: "tlp",
    id: "tlp_id",
    name: "tlp_name",
    what: "TLP",
};
pub(crate) const IOC_TYPES: List = List {
    path: "ioc-types",
    id: "type_id",
    name: "type_name",
    what: "IOC type",
};
pub(crate) const ASSET_TYPES: List = List {
    path: "asset-type",
    id: "asset_id",
    name: "asset_name",
    what: "asset type",
};
pub(crate) const CLASSIFICATIONS: List = List {
    path: "case-classifications",
    id: "id",
    name: "name",
    what: "classification",
};
pub(crate) const CUSTOMERS: List = List {
    path: "customers",
    id: "customer_id",
    name: "customer_name",
    what: "customer",
};

impl List {
    /// All rows, by id.
    pub(crate) async fn fetch(self, client: &Client) -> Result<Vec<NamedId>, Outcome> {
        let answer = answered(self.ask(client).await)?;
        self.read(&answer)
    }

    async fn ask(self, client: &Client) -> Result<Answer, Fault> {
        client
            .get(&format!("/manage/{}/list", self.path), &[])
            .await
    }

    fn read(self, answer: &Answer) -> Result<Vec<NamedId>, Outcome> {
        let unreadable = || Outcome::Retry {
            after: None,
            why: format!("the list of {} names of IRIS can't be read", self.what),
            sink_wide: true,
        };
        let body: Value = serde_json::from_slice(&answer.body).map_err(|_| unreadable())?;
        let rows = body
            .get("data")
            .and_then(Value::as_array)
            .ok_or_else(unreadable)?;
        let mut found: Vec<NamedId> = rows
            .iter()
            .filter_map(|row| {
                Some(NamedId {
                    id: row.get(self.id)?.as_i64()?,
                    name: row.get(self.name)?.as_str()?.to_owned(),
                })
            })
            .collect();
        found.sort_by_key(|row| row.id);
        Ok(found)
    }

    /// The id of a name; upper and lower case are the same.
    pub(crate) fn id_of(
        self,
        rows: &[NamedId],
        key: &str,
        name: &str,
        scope: Scope,
    ) -> Result<i64, Outcome> {
        let wanted = name.trim().to_lowercase();
        match rows
            .iter()
            .find(|row| row.name.trim().to_lowercase() == wanted)
        {
            Some(row) => Ok(row.id),
            None => {
                let choices: Vec<&str> =
                    rows.iter().map(|row| row.name.as_str()).take(200).collect();
                let why = format!(
                    "IRIS has no {} `{name}` (`{key}`); it has: {}",
                    self.what,
                    choices.join(", ")
                );
                Err(Outcome::Paused { scope, why })
            }
        }
    }
}

/// What must be resolved: names with the configuration keys they come from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) severities: Vec<String>,
    pub(crate) status: String,
    pub(crate) classifications: Vec<String>,
    pub(crate) ioc_kinds: Vec<IocKind>,
    pub(crate) tlp: String,
    pub(crate) asset_types: Vec<(&'static str, String)>,
}

impl Wanted {
    /// Asks IRIS for the lists that are needed. `Err` is a retry, or a pause that names the choices.
    pub(crate) async fn resolve(&self, client: &Client) -> Result<Resolved, Outcome> {
        let mut resolved = Resolved::default();
        let rows = SEVERITIES.fetch(client).await?;
        for name in &self.severities {
            let id = SEVERITIES.id_of(&rows, "severities", name, Scope::Sink)?;
            resolved.severities.insert(name.clone(), id);
        }
        resolved.severity_rows = rows;
        let rows = STATUSES.fetch(client).await?;
        resolved.status = STATUSES.id_of(&rows, "status", &self.status, Scope::Sink)?;
        resolved.status_rows = rows;
        if !self.classifications.is_empty() {
            let rows = CLASSIFICATIONS.fetch(client).await?;
            for name in &self.classifications {
                let id = CLASSIFICATIONS.id_of(&rows, "classifications", name, Scope::Sink)?;
                resolved.classifications.insert(name.clone(), id);
            }
        }
        if !self.ioc_kinds.is_empty() {
            let rows = TLPS.fetch(client).await?;
            resolved.tlp = Some(TLPS.id_of(&rows, "iocs.tlp", &self.tlp, Scope::Sink)?);
            resolved.tlp_rows = rows;
            let rows = IOC_TYPES.fetch(client).await?;
            for kind in &self.ioc_kinds {
                let id = IOC_TYPES.id_of(&rows, "iocs.kinds", kind.type_name(), Scope::Sink)?;
                resolved.ioc_types.insert(*kind, id);
            }
            // Threat intelligence may hit a kind that is not sent otherwise; one that IRIS does not have is no fault then.
            for kind in IocKind::ALL {
                let id = id_of(&rows, kind.type_name());
                resolved.ioc_types.extend(id.map(|id| (kind, id)));
            }
        }
        if !self.asset_types.is_empty() {
            let rows = ASSET_TYPES.fetch(client).await?;
            for (key, name) in &self.asset_types {
                let id = ASSET_TYPES.id_of(&rows, key, name, Scope::Sink)?;
                resolved.asset_types.insert(name.clone(), id);
            }
        }
        Ok(resolved)
    }
}

/// The id of a customer's name. Listing customers needs a permission of its own (facts/iris.md §2).
pub(crate) async fn customer_id(client: &Client, name: &str) -> Result<i64, Outcome> {
    let sent = CUSTOMERS.ask(client).await;
    if sent.as_ref().is_ok_and(|answer| answer.status == 403) {
        return Err(Outcome::Paused {
            scope: Scope::Lane,
            why: format!(
                "the id of customer `{name}` can't be found, because the key's user may not list customers; give it the permission \
                 customers_read, or write the customer's id instead of the name (Advanced > Customers shows it)"
            ),
        });
    }
    let rows = CUSTOMERS.read(&answered(sent)?)?;
    CUSTOMERS.id_of(&rows, "customers", name, Scope::Lane)
}
