//! The lists and name searches under `/manage`, and the routes that describe server and caller (facts §2, §3).
//!
//! Invariant: ids are those of `tables.rs`; the order of rows varies between calls, as on the real server.

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::auth::Caller;
use crate::errors;
use crate::options::permission;
use crate::sandbox::Shared;
use crate::tables;

/// The rows of `GET /manage/<name>/list`; none when there is no such list.
pub(crate) fn list(shared: &Shared, caller: &Caller, name: &str) -> Option<Result<Answer, Answer>> {
    if name == "customers"
        && let Err(refusal) = caller.needs(permission::CUSTOMERS_READ)
    {
        return Some(Err(refusal));
    }
    let mut rows = rows(shared, name)?;
    shared.store().random.shuffle(&mut rows);
    Some(Ok(Answer::success("", rows.into())))
}

fn rows(shared: &Shared, name: &str) -> Option<Vec<Value>> {
    let rows = match name {
        "severities" => number(
            tables::severities(shared.options.ids),
            |id, name| json!({"severity_id": id, "severity_name": name, "severity_description": name}),
        ),
        "alert-status" => number(
            tables::STATUSES,
            |id, name| json!({"status_id": id, "status_name": name, "status_description": name}),
        ),
        "alert-resolutions" => number(tables::RESOLUTIONS, |id, name| {
            json!({
                "resolution_status_id": id,
                "resolution_status_name": name,
                "resolution_status_description": name,
            })
        }),
        "tlp" => number(
            tables::TLPS,
            |id, name| json!({"tlp_id": id, "tlp_name": name}),
        ),
        "ioc-types" => number(tables::IOC_TYPES, |id, name| {
            json!({
                "type_id": id,
                "type_name": name,
                "type_description": name,
                "type_taxonomy": null,
                "type_validation_regex": null,
                "type_validation_expect": null,
            })
        }),
        "asset-type" => number(
            tables::ASSET_TYPES,
            |id, name| json!({"asset_id": id, "asset_name": name, "asset_description": name}),
        ),
        "case-classifications" => number(tables::CLASSIFICATIONS, |id, name| {
            let expanded = name.split_once(':').map_or(name, |(_, short)| short);
            json!({"id": id, "name": name, "name_expanded": expanded, "description": expanded})
        }),
        "analysis-status" => number(
            tables::ANALYSIS_STATUSES,
            |id, name| json!({"id": id, "name": name}),
        ),
        "compromise-status" => number(
            tables::COMPROMISE_STATUSES,
            |id, name| json!({"value": id - 1, "name": name}),
        ),
        "customers" => shared
            .options
            .customers
            .iter()
            .map(|(id, name)| json!({"customer_id": id, "customer_name": name}))
            .collect(),
        _ => return None,
    };
    Some(rows)
}

fn number(table: &[&str], row: impl Fn(i64, &str) -> Value) -> Vec<Value> {
    (1..).zip(table).map(|(id, name)| row(id, name)).collect()
}

/// `POST /manage/<name>/search`; none when there is no such search.
pub(crate) fn search(shared: &Shared, name: &str, body: &Value) -> Option<Result<Answer, Answer>> {
    let (parameter, column) = match name {
        "severities" => ("severity_name", "severity_name"),
        "ioc-types" => ("ioc_type", "type_name"),
        "asset-types" => ("asset_type", "asset_name"),
        "alert-status" => ("status_name", "status_name"),
        _ => return None,
    };
    let Some(wanted) = body.get(parameter).and_then(Value::as_str) else {
        // Measured for alert-status only.
        return Some(Err(errors::server_error()));
    };
    let exact = body
        .get("exact_match")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let list = if name == "asset-types" {
        "asset-type"
    } else {
        name
    };
    let wanted = wanted.to_lowercase();
    let mut found = rows(shared, list)?;
    found.retain(|row| {
        let name = row
            .get(column)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_lowercase();
        if exact {
            name == wanted
        } else {
            name.contains(&wanted)
        }
    });
    Some(if found.is_empty() {
        Err(errors::bad_request("No result found"))
    } else {
        Ok(Answer::success("", found.into()))
    })
}

pub(crate) fn ping() -> Answer {
    Answer::success("pong", json!([]))
}

pub(crate) fn versions(shared: &Shared) -> Answer {
    Answer::success(
        "",
        json!({"iris_current": shared.options.version, "api_min": "2.0.4", "api_current": "2.0.5"}),
    )
}

pub(crate) fn whoami(caller: &Caller) -> Answer {
    Answer::success(
        "",
        json!({
            "user_id": caller.id,
            "user_login": caller.login,
            "user_name": caller.login,
            "user_email": format!("{}@iris.invalid", caller.login),
            "user_is_service_account": caller.service_account,
            "is_service_account": caller.service_account,
        }),
    )
}

pub(crate) fn has_permission(caller: &Caller, body: &Value) -> Result<Answer, Answer> {
    let bit = body
        .get("permission_value")
        .and_then(Value::as_u64)
        .unwrap_or_default();
    if u64::from(caller.permissions) & bit == 0 {
        return Err(Answer::error(403, "User does not have permission"));
    }
    Ok(Answer::success("User has permission", json!([])))
}
