//! What the names of the configuration mean in one IRIS, and the names themselves where no IRIS could be asked.

use std::collections::HashMap;

use serde_json::Value;

use super::{
    config::IocKind,
    names::{NamedId, Wanted},
    payload::Ids,
};

/// The ids of one IRIS for everything the configuration names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Resolved {
    pub(super) severities: HashMap<String, i64>,
    /// All of them, also those the configuration does not name.
    pub(super) severity_rows: Vec<NamedId>,
    pub(super) status: i64,
    pub(super) status_rows: Vec<NamedId>,
    pub(super) classifications: HashMap<String, i64>,
    pub(super) ioc_types: HashMap<IocKind, i64>,
    pub(super) tlp: Option<i64>,
    pub(super) tlp_rows: Vec<NamedId>,
    pub(super) asset_types: HashMap<String, i64>,
}

impl Resolved {
    /// The id of any severity of this IRIS.
    pub(crate) fn severity_id(&self, name: &str) -> Option<i64> {
        id_of(&self.severity_rows, name)
    }

    /// The name of a severity.
    pub(crate) fn severity_name(&self, id: i64) -> Option<&str> {
        name_of(&self.severity_rows, id)
    }

    /// The id of any status of this IRIS.
    pub(crate) fn status_id(&self, name: &str) -> Option<i64> {
        id_of(&self.status_rows, name)
    }

    /// The name of a status.
    pub(crate) fn status_name(&self, id: i64) -> Option<&str> {
        name_of(&self.status_rows, id)
    }
}

pub(super) fn id_of(rows: &[NamedId], name: &str) -> Option<i64> {
    let is_it = |row: &&NamedId| row.name.trim().eq_ignore_ascii_case(name.trim());
    rows.iter().find(is_it).map(|row| row.id)
}

fn name_of(rows: &[NamedId], id: i64) -> Option<&str> {
    rows.iter()
        .find(|row| row.id == id)
        .map(|row| row.name.as_str())
}

impl Ids for Resolved {
    fn severity(&self, name: &str) -> Option<Value> {
        let id = self.severities.get(name).copied();
        id.or_else(|| self.severity_id(name)).map(Value::from)
    }

    fn status(&self) -> Value {
        self.status.into()
    }

    fn classification(&self, name: &str) -> Option<Value> {
        self.classifications.get(name).copied().map(Value::from)
    }

    fn ioc_type(&self, kind: IocKind) -> Option<Value> {
        self.ioc_types.get(&kind).copied().map(Value::from)
    }

    fn tlp(&self, name: &str) -> Option<Value> {
        id_of(&self.tlp_rows, name).or(self.tlp).map(Value::from)
    }

    fn asset_type(&self, name: &str) -> Option<Value> {
        self.asset_types.get(name).copied().map(Value::from)
    }
}

/// The names themselves, for a dry run without IRIS.
#[derive(Debug)]
pub(crate) struct Unresolved<'a>(pub(crate) &'a Wanted);

impl Ids for Unresolved<'_> {
    fn severity(&self, name: &str) -> Option<Value> {
        Some(name.into())
    }

    fn status(&self) -> Value {
        self.0.status.as_str().into()
    }

    fn classification(&self, name: &str) -> Option<Value> {
        Some(name.into())
    }

    fn ioc_type(&self, kind: IocKind) -> Option<Value> {
        Some(kind.type_name().into())
    }

    fn tlp(&self, name: &str) -> Option<Value> {
        Some(name.into())
    }

    fn asset_type(&self, name: &str) -> Option<Value> {
        Some(name.into())
    }
}
