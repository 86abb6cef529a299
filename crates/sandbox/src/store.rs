//! The pretended database: alerts, IOCs, tags, cases and comments, in memory.
//!
//! Invariants: `by_uuid` has exactly one entry per alert; ids only grow (failed inserts leave gaps, facts §3);
//! an alert is in `alerts` exactly when a real server would have committed it.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use crate::options::IrisOptions;
use crate::versions::Versions;
use crate::{clock, event_time, observables, tables};

/// A stored alert as a test reads it back.
#[derive(Debug, Clone)]
pub struct StoredAlert {
    /// Database id, ascending in order of creation.
    pub id: i64,
    /// The unique key, lower case with hyphens.
    pub uuid: String,
    /// Title as stored.
    pub title: String,
    /// `alert_source_ref`, if any.
    pub source_ref: Option<String>,
    /// Customer.
    pub customer_id: i64,
    /// `alert_tags` as stored, "" when null.
    pub tags: String,
    /// Severity id of this server, see `IdOrder`.
    pub severity_id: i64,
    /// Status id.
    pub status_id: i64,
    /// The whole alert as `GET /alerts/{id}` prints it, assets without their embedded alerts.
    pub raw: Value,
}

#[derive(Debug, Clone)]
pub(crate) struct Comment {
    pub(crate) id: i64,
    pub(crate) user: String,
    pub(crate) user_id: i64,
    pub(crate) text: String,
    pub(crate) date: String,
}

#[derive(Debug, Clone)]
pub(crate) struct Alert {
    pub(crate) id: i64,
    /// Every column of `schema::COLUMNS` but the id, missing ones are null.
    pub(crate) columns: Map<String, Value>,
    pub(crate) ioc_ids: Vec<i64>,
    pub(crate) assets: Vec<Map<String, Value>>,
    pub(crate) cases: Vec<i64>,
    pub(crate) comments: Vec<Comment>,
}

impl Alert {
    pub(crate) fn integer(&self, column: &str) -> Option<i64> {
        self.columns.get(column).and_then(Value::as_i64)
    }

    pub(crate) fn text(&self, column: &str) -> Option<&str> {
        self.columns.get(column).and_then(Value::as_str)
    }

    pub(crate) fn customer(&self) -> i64 {
        self.integer("alert_customer_id").unwrap_or_default()
    }

    /// Adds a line to the modification history, keyed by the time as IRIS does it.
    pub(crate) fn log(&mut self, user: &str, user_id: i64, action: &str) {
        let history = self
            .columns
            .entry("modification_history")
            .or_insert_with(|| Value::Object(Map::new()));
        if !history.is_object() {
            *history = Value::Object(Map::new());
        }
        if let Value::Object(lines) = history {
            lines.insert(
                clock::history_key(clock::now()),
                json!({"user": user, "user_id": user_id, "action": action}),
            );
        }
    }
}

#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) alerts: BTreeMap<i64, Alert>,
    pub(crate) iocs: BTreeMap<i64, Map<String, Value>>,
    pub(crate) by_uuid: HashMap<String, i64>,
    pub(crate) tags: HashSet<String>,
    /// Cases by id with their names; case 1 exists in every installation.
    pub(crate) cases: BTreeMap<i64, String>,
    pub(crate) random: fastrand::Rng,
    pub(crate) versions: Versions,
    last_ids: HashMap<&'static str, i64>,
}

impl Store {
    pub(crate) fn new(seed: u64) -> Store {
        Store {
            alerts: BTreeMap::new(),
            iocs: BTreeMap::new(),
            by_uuid: HashMap::new(),
            tags: HashSet::new(),
            cases: BTreeMap::from([(1, "#1 - Initial Demo".to_owned())]),
            random: fastrand::Rng::with_seed(seed),
            versions: Versions::default(),
            last_ids: HashMap::from([("case", 1)]),
        }
    }

    /// The next value of a database sequence; never given back.
    pub(crate) fn next_id(&mut self, sequence: &'static str) -> i64 {
        let last = self.last_ids.entry(sequence).or_insert(0);
        *last += 1;
        *last
    }

    pub(crate) fn new_uuid(&mut self) -> String {
        uuid::Builder::from_random_bytes(self.random.u128(..).to_be_bytes())
            .into_uuid()
            .to_string()
    }

    /// Puts IOC rows in; a row that names an existing `ioc_id` rewrites that one (facts §3).
    pub(crate) fn put_iocs(&mut self, rows: Vec<Map<String, Value>>) -> Vec<i64> {
        let mut ids = Vec::with_capacity(rows.len());
        for mut row in rows {
            let named = row.get("ioc_id").and_then(Value::as_i64);
            let id = match named {
                Some(id) => id,
                None => self.next_id("ioc"),
            };
            row.insert("ioc_id".to_owned(), id.into());
            match self.iocs.get_mut(&id) {
                Some(known) => known.append(&mut row),
                None => {
                    let uuid = self.new_uuid();
                    row.insert("ioc_uuid".to_owned(), uuid.into());
                    self.iocs.insert(id, row);
                }
            }
            ids.push(id);
        }
        ids
    }

    /// Gives assets their ids.
    pub(crate) fn number_assets(&mut self, rows: &mut [Map<String, Value>]) {
        for row in rows {
            let id = self.next_id("asset");
            let uuid = self.new_uuid();
            row.insert("asset_id".to_owned(), id.into());
            row.insert("asset_uuid".to_owned(), uuid.into());
        }
    }

    /// The whole alert as IRIS prints it; `amplify` embeds the alert again in each of its assets.
    pub(crate) fn print(&self, alert: &Alert, options: &IrisOptions, amplify: bool) -> Value {
        let mut out = alert.columns.clone();
        out.insert("alert_id".to_owned(), alert.id.into());
        let iocs: Vec<Value> = alert
            .ioc_ids
            .iter()
            .filter_map(|id| self.iocs.get(id))
            .map(observables::print_ioc)
            .collect();
        out.insert("iocs".to_owned(), iocs.into());
        out.insert("cases".to_owned(), alert.cases.clone().into());
        let comments: Vec<Value> = alert.comments.iter().map(print_comment).collect();
        out.insert("comments".to_owned(), comments.into());
        for (key, table, column, id_name, value_name) in [
            (
                "severity",
                tables::severities(options.ids),
                "alert_severity_id",
                "severity_id",
                "severity_name",
            ),
            (
                "status",
                tables::STATUSES,
                "alert_status_id",
                "status_id",
                "status_name",
            ),
            (
                "classification",
                tables::CLASSIFICATIONS,
                "alert_classification_id",
                "id",
                "name",
            ),
            (
                "resolution_status",
                tables::RESOLUTIONS,
                "alert_resolution_status_id",
                "resolution_status_id",
                "resolution_status_name",
            ),
        ] {
            let id = alert.integer(column);
            let name = id.and_then(|id| tables::name_of(table, id));
            let printed = name.map_or(Value::Null, |name| json!({id_name: id, value_name: name}));
            out.insert(key.to_owned(), printed);
        }
        let customer = options
            .customers
            .iter()
            .find(|(id, _)| *id == alert.customer());
        let customer = customer.map_or(
            Value::Null,
            |(id, name)| json!({"customer_id": id, "customer_name": name}),
        );
        out.insert("customer".to_owned(), customer);
        let owner = alert.integer("alert_owner_id").map_or(Value::Null, |id| {
            let login = options.login_of(id);
            json!({"id": id, "user_login": login, "user_name": login})
        });
        out.insert("owner".to_owned(), owner);
        let mut assets = Vec::with_capacity(alert.assets.len());
        let mut embedded = Value::Null;
        if amplify && !alert.assets.is_empty() {
            embedded = Value::Object(out.clone());
        }
        for row in &alert.assets {
            let mut asset = observables::print_asset(row);
            let alerts = if amplify {
                json!([embedded])
            } else {
                json!([])
            };
            asset.insert("alerts".to_owned(), alerts);
            assets.push(Value::Object(asset));
        }
        out.insert("assets".to_owned(), assets.into());
        Value::Object(out)
    }

    pub(crate) fn snapshot(&self, alert: &Alert, options: &IrisOptions) -> StoredAlert {
        StoredAlert {
            id: alert.id,
            uuid: alert.text("alert_uuid").unwrap_or_default().to_owned(),
            title: alert.text("alert_title").unwrap_or_default().to_owned(),
            source_ref: alert.text("alert_source_ref").map(str::to_owned),
            customer_id: alert.customer(),
            tags: alert.text("alert_tags").unwrap_or_default().to_owned(),
            severity_id: alert.integer("alert_severity_id").unwrap_or_default(),
            status_id: alert.integer("alert_status_id").unwrap_or_default(),
            raw: self.print(alert, options, false),
        }
    }

    /// Removes an alert; its uuid may be used again (facts §6).
    pub(crate) fn delete(&mut self, id: i64) -> bool {
        let Some(alert) = self.alerts.remove(&id) else {
            return false;
        };
        if let Some(uuid) = alert.text("alert_uuid") {
            self.by_uuid.remove(uuid);
        }
        true
    }
}

pub(crate) fn print_comment(comment: &Comment) -> Value {
    json!({
        "comment_id": comment.id,
        "comment_text": comment.text,
        "comment_date": comment.date,
        "comment_user_id": comment.user_id,
        "user": {"id": comment.user_id, "user_login": comment.user, "user_name": comment.user},
    })
}

/// An instant as a column without time zone holds it.
pub(crate) fn column_time(at: Timestamp, zone: &TimeZone) -> String {
    event_time::print(zone.to_datetime(at))
}
