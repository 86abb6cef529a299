//! Escalating, merging and unmerging alerts (facts §7), as far as a forwarder could trip over them.

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::auth::Caller;
use crate::sandbox::Shared;
use crate::update::check_access;
use crate::{errors, schema};

const MERGED: i64 = 7;
const ESCALATED: i64 = 8;

/// `POST /alerts/escalate/{id}`: a new case each time, even when it then fails for want of `case_tags`.
pub(crate) fn escalate(
    shared: &Shared,
    caller: &Caller,
    id: i64,
    body: &Value,
) -> Result<Answer, Answer> {
    check_access(shared, caller, id)?;
    let mut store = shared.store();
    let case_id = store.next_id("case");
    let title = body
        .get("case_title")
        .and_then(Value::as_str)
        .unwrap_or("Alert escalation");
    let name = format!("#{case_id} - {title}");
    store.cases.insert(case_id, name.clone());
    let alert = store
        .alerts
        .get_mut(&id)
        .ok_or_else(errors::alert_not_found)?;
    alert
        .columns
        .insert("alert_status_id".to_owned(), ESCALATED.into());
    if body.get("case_tags").and_then(Value::as_str).is_none() {
        return Err(errors::bad_request(
            "'NoneType' object has no attribute 'split'",
        ));
    }
    alert.cases.push(case_id);
    alert.log(
        &caller.login,
        caller.id,
        &format!("Alert escalated to case #{case_id}"),
    );
    let customer = alert.customer();
    let data = json!({"case_id": case_id, "case_name": name, "case_customer": customer});
    Ok(Answer::success("Case created", data))
}

/// `POST /alerts/merge/{id}`: idempotent for one case.
pub(crate) fn merge(
    shared: &Shared,
    caller: &Caller,
    id: i64,
    body: &Value,
) -> Result<Answer, Answer> {
    check_access(shared, caller, id)?;
    let case_id = target(body)?;
    let mut store = shared.store();
    let name = store.cases.get(&case_id).cloned();
    let name = name.ok_or_else(|| errors::bad_request("Target case not found"))?;
    let alert = store
        .alerts
        .get_mut(&id)
        .ok_or_else(errors::alert_not_found)?;
    alert
        .columns
        .insert("alert_status_id".to_owned(), MERGED.into());
    if !alert.cases.contains(&case_id) {
        alert.cases.push(case_id);
    }
    alert.log(
        &caller.login,
        caller.id,
        &format!("Alert merged into case #{case_id}"),
    );
    Ok(Answer::success(
        "Alert merged",
        json!({"case_id": case_id, "case_name": name}),
    ))
}

/// `POST /alerts/unmerge/{id}`: the status stays Merged.
pub(crate) fn unmerge(
    shared: &Shared,
    caller: &Caller,
    id: i64,
    body: &Value,
) -> Result<Answer, Answer> {
    check_access(shared, caller, id)?;
    let case_id = target(body)?;
    let mut store = shared.store();
    let name = store.cases.get(&case_id).cloned();
    let name = name.ok_or_else(|| errors::bad_request("Target case not found"))?;
    let alert = store
        .alerts
        .get_mut(&id)
        .ok_or_else(errors::alert_not_found)?;
    alert.cases.retain(|known| *known != case_id);
    alert.log(
        &caller.login,
        caller.id,
        &format!("Alert unmerged from case #{case_id}"),
    );
    Ok(Answer::success(
        "Alert unmerged",
        json!({"case_id": case_id, "case_name": name}),
    ))
}

fn target(body: &Value) -> Result<i64, Answer> {
    let value = body.get("target_case_id").unwrap_or(&Value::Null);
    schema::integer(value).map_err(|_| errors::bad_request("No target case id provided"))
}
