//! `POST /alerts/update/{id}`, `/alerts/batch/update` and the deletes (facts §6).
//!
//! No version check anywhere: the last writer wins. An update of an alert without owner makes the caller its
//! owner, unless it says `alert_owner_id: -1`, which also takes the alert from an analyst who has it.

use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::auth::Caller;
use crate::faults::{Edit, Moment};
use crate::sandbox::Shared;
use crate::store::Store;
use crate::{add, errors, json, observables, python, schema};

/// Changes one alert.
pub(crate) async fn update(
    shared: &Shared,
    caller: &Caller,
    id: i64,
    body: Value,
) -> Result<Answer, Answer> {
    let members = object(body)?;
    apply(shared, caller, id, members, true).await?;
    let mut store = shared.store();
    let alert = store.alerts.get(&id).ok_or_else(errors::alert_not_found)?;
    let printed = store.print(alert, &shared.options, true);
    people(shared, &mut store, id, Moment::Update);
    Ok(Answer::success("Alert updated", printed))
}

/// Lets people make the change that is due at this moment.
pub(crate) fn people(shared: &Shared, store: &mut Store, id: i64, moment: Moment) {
    if let Some(edit) = shared.faults.take_edit(id, moment) {
        edit_by_person(shared, store, edit);
    }
}

/// A person's change: exactly the named columns, with its line in the history.
pub(crate) fn edit_by_person(shared: &Shared, store: &mut Store, mut edit: Edit) {
    if let Some(alert) = store.alerts.get_mut(&edit.alert_id) {
        let action = describe(&alert.columns, &edit.columns, true);
        alert.columns.append(&mut edit.columns);
        let login = shared.options.login_of(edit.user_id);
        alert.log(login, edit.user_id, &action);
        store.remember(edit.alert_id, &shared.options);
    }
}

/// Changes several alerts; stops at the first bad id, what came before stays changed.
pub(crate) async fn batch(shared: &Shared, caller: &Caller, body: Value) -> Result<Answer, Answer> {
    let members = object(body)?;
    let ids = members
        .get("alert_ids")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let Some(Value::Object(updates)) = members.get("updates") else {
        return Err(errors::bad_request("No updates provided"));
    };
    let mut updates = updates.clone();
    if updates
        .get("alert_tags")
        .is_some_and(|tags| !python::is_truthy(tags))
    {
        updates.remove("alert_tags");
    }
    // Only the top level of the body may say -1 here (facts §6).
    if let Some(owner) = members.get("alert_owner_id") {
        updates.insert("alert_owner_id".to_owned(), owner.clone());
    }
    for id in &ids {
        let id = id.as_i64().ok_or_else(errors::alert_not_found)?;
        apply(shared, caller, id, updates.clone(), false).await?;
    }
    Ok(Answer::success("Batch update successful", json!([])))
}

/// Deletes one alert.
pub(crate) fn delete(shared: &Shared, caller: &Caller, id: i64) -> Result<Answer, Answer> {
    let mut store = shared.store();
    let alert = store.alerts.get(&id).ok_or_else(errors::alert_not_found)?;
    if !caller.may_see(alert.customer()) {
        return Err(errors::permission_denied());
    }
    store.delete(id);
    Ok(Answer::success("Alert deleted", json!([])))
}

/// Deletes several alerts.
pub(crate) fn batch_delete(
    shared: &Shared,
    caller: &Caller,
    body: &Value,
) -> Result<Answer, Answer> {
    let ids = body
        .get("alert_ids")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    for id in &ids {
        delete(
            shared,
            caller,
            id.as_i64().ok_or_else(errors::alert_not_found)?,
        )?;
    }
    Ok(Answer::success("Batch delete successful", json!([])))
}

fn object(body: Value) -> Result<Map<String, Value>, Answer> {
    match body {
        Value::Object(members) => Ok(members),
        _ => Err(errors::bad_request("No JSON data provided")),
    }
}

async fn apply(
    shared: &Shared,
    caller: &Caller,
    id: i64,
    mut members: Map<String, Value>,
    log_values: bool,
) -> Result<(), Answer> {
    check_access(shared, caller, id)?;
    // An older server takes -1 for the id of a user, whom it does not have (facts §6).
    let owner_cleared = shared.options.version_numbers() >= (2, 4, 15)
        && members.get("alert_owner_id").and_then(Value::as_i64) == Some(-1);
    if owner_cleared {
        members.insert("alert_owner_id".to_owned(), Value::Null);
    }
    let owner_given = members.contains_key("alert_owner_id");
    let iocs = members
        .get("iocs")
        .map(observables::load_iocs)
        .transpose()?;
    let assets = members
        .get("assets")
        .map(observables::load_assets)
        .transpose()?;
    let mut values = schema::load(&members, true, &shared.options)?;
    add::create_tags(shared, &values).await?;
    schema::database_checks(&values)?;
    schema::foreign_keys(&values, &shared.options)?;
    if let Some(iocs) = &iocs {
        observables::check_iocs(&iocs.rows)?;
    }
    if let Some(assets) = &assets {
        observables::check_assets(assets)?;
    }
    let mut store = shared.store();
    // An alert's own id can be rewritten too on the real server; that is not played here.
    values.remove("alert_id");
    if let Some(uuid) = values.get("alert_uuid").and_then(Value::as_str) {
        match store.by_uuid.get(uuid) {
            Some(holder) if *holder != id => return Err(errors::duplicate_uuid(uuid, &values)),
            _ => {}
        }
    }
    let ioc_ids = iocs.map(|iocs| store.put_iocs(iocs.rows));
    let assets = assets.map(|mut rows| {
        store.number_assets(&mut rows);
        rows
    });
    let old_uuid = {
        let alert = store
            .alerts
            .get_mut(&id)
            .ok_or_else(errors::alert_not_found)?;
        let old_uuid = alert.text("alert_uuid").map(str::to_owned);
        let action = describe(&alert.columns, &values, log_values);
        alert.columns.append(&mut values);
        if !owner_given && alert.integer("alert_owner_id").is_none() {
            alert
                .columns
                .insert("alert_owner_id".to_owned(), caller.id.into());
        }
        if let Some(ids) = ioc_ids {
            alert.ioc_ids = ids;
        }
        if let Some(rows) = assets {
            alert.assets = rows;
        }
        alert.log(&caller.login, caller.id, &action);
        old_uuid
    };
    let new_uuid = store
        .alerts
        .get(&id)
        .and_then(|alert| alert.text("alert_uuid"))
        .map(str::to_owned);
    if let (Some(old), Some(new)) = (old_uuid, new_uuid) {
        store.by_uuid.remove(&old);
        store.by_uuid.insert(new, id);
    }
    store.remember(id, &shared.options);
    Ok(())
}

/// An alert that is missing is a 400, one of a foreign customer a 403.
pub(crate) fn check_access(shared: &Shared, caller: &Caller, id: i64) -> Result<(), Answer> {
    let store = shared.store();
    let alert = store.alerts.get(&id).ok_or_else(errors::alert_not_found)?;
    if caller.may_see(alert.customer()) {
        Ok(())
    } else {
        Err(errors::permission_denied())
    }
}

/// The history line: full old and new values, except for a note, of which only the name is kept.
fn describe(old: &Map<String, Value>, new: &Map<String, Value>, log_values: bool) -> String {
    let mut changes = Vec::new();
    for (name, value) in new {
        let before = old.get(name).unwrap_or(&Value::Null);
        if before == value {
            continue;
        }
        if name == "alert_note" || !log_values {
            changes.push(format!("\"{name}\""));
        } else {
            changes.push(format!(
                "\"{name}\" from \"{}\" to \"{}\"",
                plain(before),
                plain(value)
            ));
        }
    }
    format!("updated alert: {}", changes.join(", "))
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::String(text) => text.clone(),
        other => String::from_utf8_lossy(&json::encode(other)).into_owned(),
    }
}
