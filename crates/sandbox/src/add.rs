//! `POST /alerts/add`: every row of the catalogue in `facts/iris.md §3` and `§4`, in the order IRIS checks.
//!
//! Invariant: an `Err` means nothing was stored but possibly tags, with one exception that is IRIS's own:
//! an IOC without the key `ioc_type_id` is answered 400 and stored.

use serde_json::{Map, Value};

use crate::answer::Answer;
use crate::auth::Caller;
use crate::sandbox::Shared;
use crate::schema::COLUMNS;
use crate::store::{Alert, column_time};
use crate::{clock, errors, observables, python, schema};

/// Stores an alert or says why not. `refused_type` is a fault: an IOC type this server does not take.
pub(crate) async fn add(
    shared: &Shared,
    caller: &Caller,
    body: Value,
    refused_type: Option<i64>,
) -> Result<Answer, Answer> {
    if !python::is_truthy(&body) {
        return Err(errors::bad_request("No JSON data provided"));
    }
    let mut members = match body {
        Value::Object(members) => members,
        Value::Array(_) => {
            return Err(errors::bad_request(
                "pop expected at most 1 argument, got 2",
            ));
        }
        other => {
            let text = format!(
                "'{}' object has no attribute 'pop'",
                python::type_name(&other)
            );
            return Err(errors::bad_request(&text));
        }
    };
    let ioc_list = members
        .remove("alert_iocs")
        .unwrap_or_else(|| Value::Array(Vec::new()));
    let asset_list = members
        .remove("alert_assets")
        .unwrap_or_else(|| Value::Array(Vec::new()));
    let iocs = observables::load_iocs(&ioc_list)?;
    let refused = iocs.rows.iter().any(|row| {
        refused_type.is_some() && row.get("ioc_type_id").and_then(Value::as_i64) == refused_type
    });
    if refused {
        return Err(errors::bad_request(
            "{'ioc_type_id': ['Invalid IOC type ID']}",
        ));
    }
    let mut assets = observables::load_assets(&asset_list)?;
    let mut values = schema::load(&members, false, &shared.options)?;
    values.remove("alert_creation_time");
    let customer = values
        .get("alert_customer_id")
        .and_then(Value::as_i64)
        .unwrap_or_default();
    if !caller.may_see(customer) {
        return Err(errors::not_entitled());
    }
    create_tags(shared, &values).await?;
    schema::database_checks(&values)?;
    schema::foreign_keys(&values, &shared.options)?;
    observables::check_iocs(&iocs.rows)?;
    observables::check_assets(&assets)?;

    let mut store = shared.store();
    let named_id = values.remove("alert_id").as_ref().and_then(Value::as_i64);
    let uuid = values
        .get("alert_uuid")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let holder = uuid
        .as_ref()
        .and_then(|uuid| store.by_uuid.get(uuid))
        .copied();
    if let Some(uuid) = &uuid
        && let Some(holder) = holder
        && named_id != Some(holder)
    {
        store.next_id("alert");
        return Err(errors::duplicate_uuid(uuid, &values));
    }
    let ioc_ids = store.put_iocs(iocs.rows);
    store.number_assets(&mut assets);
    let id = match named_id {
        Some(id) => id,
        None => {
            let id = store.next_id("alert");
            if store.alerts.contains_key(&id) {
                // Silent in the facts: a sequence that meets a row inserted with an explicit id.
                return Err(errors::duplicate_alert_id(id, &values));
            }
            id
        }
    };
    let mut alert = match store.alerts.remove(&id) {
        // An existing id overwrites the alert, whoever's it is (facts §3: never send it).
        Some(known) => Alert {
            ioc_ids,
            assets,
            ..known
        },
        None => Alert {
            id,
            columns: empty_columns(shared, store.new_uuid()),
            ioc_ids,
            assets,
            cases: Vec::new(),
            comments: Vec::new(),
        },
    };
    let old_uuid = alert.text("alert_uuid").map(str::to_owned);
    alert.columns.append(&mut values);
    if let Some(old) = old_uuid {
        store.by_uuid.remove(&old);
    }
    alert.log(&caller.login, caller.id, "Alert created");
    let printed = store.print(&alert, &shared.options, true);
    if let Some(uuid) = alert.text("alert_uuid") {
        let uuid = uuid.to_owned();
        store.by_uuid.insert(uuid, id);
    }
    store.alerts.insert(id, alert);
    store.remember(id, &shared.options);
    drop(store);
    if iocs.type_key_missing {
        return Err(errors::bad_request("'ioc_type_id'"));
    }
    Ok(Answer::success("", printed))
}

fn empty_columns(shared: &Shared, uuid: String) -> Map<String, Value> {
    let mut columns = Map::new();
    for column in COLUMNS {
        if column.name != "alert_id" {
            columns.insert(column.name.to_owned(), Value::Null);
        }
    }
    let now = clock::now();
    let event_time = column_time(now, &shared.options.database_time_zone);
    let creation_time = column_time(now, &jiff::tz::TimeZone::UTC);
    columns.insert("alert_source_event_time".to_owned(), event_time.into());
    columns.insert("alert_creation_time".to_owned(), creation_time.into());
    columns.insert("alert_uuid".to_owned(), uuid.into());
    columns
}

/// Creates the alert's tags one by one, committed before the alert: the loser of a race gets a 400 (fact 4).
pub(crate) async fn create_tags(
    shared: &Shared,
    values: &Map<String, Value>,
) -> Result<(), Answer> {
    let Some(tags) = values.get("alert_tags").and_then(Value::as_str) else {
        return Ok(());
    };
    schema::storable_text(tags)?;
    for tag in tags.split(',').filter(|tag| !tag.is_empty()) {
        if shared.store().tags.contains(tag) {
            continue;
        }
        schema::indexable(tag, "tags_tag_title_key")?;
        if !shared.options.new_tag_window.is_zero() {
            tokio::time::sleep(shared.options.new_tag_window).await;
        }
        if !shared.store().tags.insert(tag.to_owned()) {
            return Err(errors::duplicate_tag(tag));
        }
    }
    Ok(())
}
