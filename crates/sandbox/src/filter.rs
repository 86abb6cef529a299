//! `GET /alerts/filter` and `GET /alerts/{id}` (facts §5).
//!
//! Unknown parameters are ignored, so a misspelt one returns every alert; so do parameters that the chosen
//! server version does not know yet.

use std::collections::HashMap;

use serde_json::{Map, Value, json};
use url::form_urlencoded;

use crate::answer::Answer;
use crate::auth::Caller;
use crate::faults::Moment;
use crate::options::IrisOptions;
use crate::sandbox::Shared;
use crate::store::{Alert, Store};
use crate::{conditions, errors, event_time, like, update};

/// One page of the alerts that pass every known parameter.
pub(crate) fn filter(shared: &Shared, caller: &Caller, query: &str) -> Result<Answer, Answer> {
    let parameters: HashMap<String, String> = form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    let version = shared.options.version_numbers();
    let given = |name: &str| parameters.get(name).map(String::as_str);
    let conditions = match given("custom_conditions") {
        Some(text) if version >= (2, 4, 17) => conditions::parse(text)?,
        _ => Vec::new(),
    };
    let mut store = shared.store();
    let mut found: Vec<&Alert> = store
        .alerts
        .values()
        .filter(|alert| caller.may_see(alert.customer()))
        .filter(|alert| conditions.iter().all(|condition| condition.holds(alert)))
        .filter(|alert| passes(&store, alert, &parameters, &shared.options))
        .collect();
    let descending = given("sort") != Some("asc");
    found.sort_by_key(|alert| alert.text("alert_source_event_time"));
    if descending {
        found.reverse();
    }
    let per_page = match number(given("per_page")) {
        Some(count) if count > 0 => count,
        _ => 20,
    };
    let page = number(given("page")).filter(|page| *page > 0).unwrap_or(1);
    let total = found.len();
    let last_page = total.div_ceil(per_page).max(1);
    let shown = found
        .iter()
        .skip((page - 1).saturating_mul(per_page))
        .take(per_page);
    let fields: Vec<&str> = match given("fields") {
        Some(list) if version >= (2, 4, 17) => list.split(',').map(str::trim).collect(),
        _ => Vec::new(),
    };
    let shown: Vec<&Alert> = shown.copied().collect();
    let ids: Vec<i64> = shown.iter().map(|alert| alert.id).collect();
    let alerts: Vec<Value> = shown
        .iter()
        .map(|alert| reduce(store.print(alert, &shared.options, true), &fields))
        .collect();
    let next_page = if page < last_page {
        Value::from(page + 1)
    } else {
        Value::Null
    };
    for id in ids {
        update::people(shared, &mut store, id, Moment::Read);
    }
    Ok(Answer::success(
        "",
        json!({
            "total": total,
            "alerts": alerts,
            "last_page": last_page,
            "current_page": page,
            "next_page": next_page,
        }),
    ))
}

/// One alert with its relations; missing and foreign ones look alike.
pub(crate) fn one(shared: &Shared, caller: &Caller, id: i64) -> Result<Answer, Answer> {
    let mut store = shared.store();
    let alert = visible(&store, caller, id)?;
    let mut printed = store.print(alert, &shared.options, true);
    if let Value::Object(members) = &mut printed {
        members.insert("related_alerts".to_owned(), related(&store, alert));
    }
    update::people(shared, &mut store, id, Moment::Read);
    Ok(Answer::success("", printed))
}

/// The alert, if it exists and the caller may see it.
pub(crate) fn visible<'a>(store: &'a Store, caller: &Caller, id: i64) -> Result<&'a Alert, Answer> {
    store
        .alerts
        .get(&id)
        .filter(|alert| caller.may_see(alert.customer()))
        .ok_or_else(errors::alert_not_found)
}

/// One id per matching row, unbounded as in IRIS.
fn related(store: &Store, alert: &Alert) -> Value {
    let mut by_asset = Vec::new();
    let mut by_ioc = Vec::new();
    let asset_names = names(alert);
    let ioc_values = values(store, alert);
    for other in store.alerts.values().filter(|other| other.id != alert.id) {
        for name in names(other) {
            if asset_names.contains(&name) {
                by_asset.push(other.id);
            }
        }
        for value in values(store, other) {
            if ioc_values.contains(&value) {
                by_ioc.push(other.id);
            }
        }
    }
    json!({"assets": by_asset, "iocs": by_ioc})
}

fn names(alert: &Alert) -> Vec<&str> {
    alert
        .assets
        .iter()
        .filter_map(|row| row.get("asset_name")?.as_str())
        .collect()
}

fn values<'a>(store: &'a Store, alert: &Alert) -> Vec<&'a str> {
    let rows = alert.ioc_ids.iter().filter_map(|id| store.iocs.get(id));
    rows.filter_map(|row| row.get("ioc_value")?.as_str())
        .collect()
}

fn passes(
    store: &Store,
    alert: &Alert,
    parameters: &HashMap<String, String>,
    options: &IrisOptions,
) -> bool {
    parameters.iter().all(|(name, value)| match name.as_str() {
        "source_reference" if options.version_numbers() >= (2, 4, 15) => alert
            .text("alert_source_ref")
            .is_some_and(|text| like::contains(value, text)),
        "alert_title" | "alert_description" | "alert_source" | "alert_tags" => {
            value.is_empty()
                || alert
                    .text(name)
                    .is_some_and(|text| like::contains_ignoring_case(value, text))
        }
        "alert_status_id"
        | "alert_severity_id"
        | "alert_customer_id"
        | "alert_classification_id" => {
            value
                .parse()
                .is_ok_and(|id| alert.integer(name) == Some(id))
                || value.is_empty()
        }
        "alert_resolution_id" => {
            value
                .parse()
                .is_ok_and(|id| alert.integer("alert_resolution_status_id") == Some(id))
                || value.is_empty()
        }
        "alert_owner_id" => match value.parse::<i64>() {
            Ok(-1) => alert.integer("alert_owner_id").is_none(),
            Ok(id) => alert.integer("alert_owner_id") == Some(id),
            Err(_) => true,
        },
        "case_id" => value
            .parse::<i64>()
            .map_or(true, |id| alert.cases.contains(&id)),
        "alert_ids" => {
            value.is_empty() || value.split(',').any(|id| id.trim().parse() == Ok(alert.id))
        }
        "alert_iocs" => {
            let stored = values(store, alert);
            value.is_empty() || value.split(',').any(|wanted| stored.contains(&wanted))
        }
        "alert_assets" => {
            let stored = names(alert);
            value.is_empty() || value.split(',').any(|wanted| stored.contains(&wanted))
        }
        "creation_start_date" => between(
            alert,
            "alert_creation_time",
            Some(value),
            parameters.get("creation_end_date"),
        ),
        "source_start_date" => between(
            alert,
            "alert_source_event_time",
            Some(value),
            parameters.get("source_end_date"),
        ),
        _ => true,
    })
}

/// Both ends are needed; what cannot be read is ignored.
fn between(alert: &Alert, column: &str, start: Option<&String>, end: Option<&String>) -> bool {
    let read = |text: Option<&String>| {
        event_time::stored(text?, &jiff::tz::TimeZone::UTC).or_else(|| {
            // A bare date is midnight.
            event_time::stored(&format!("{}T00:00", text?), &jiff::tz::TimeZone::UTC)
        })
    };
    match (read(start), read(end)) {
        (Some(start), Some(end)) => alert
            .text(column)
            .is_some_and(|time| start.as_str() <= time && time <= end.as_str()),
        _ => true,
    }
}

/// Only the named members; one unknown name and the full object comes back.
fn reduce(printed: Value, fields: &[&str]) -> Value {
    let Value::Object(members) = &printed else {
        return printed;
    };
    if fields.is_empty() || fields.iter().any(|name| !members.contains_key(*name)) {
        return printed;
    }
    let kept: Map<String, Value> = fields
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), members.get(*name)?.clone())))
        .collect();
    Value::Object(kept)
}

fn number(text: Option<&str>) -> Option<usize> {
    text?.parse().ok()
}
