//! Comments on an alert: append-only notes that touch neither owner nor fields (facts §6).

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::auth::Caller;
use crate::sandbox::Shared;
use crate::store::{Comment, column_time, print_comment};
use crate::update::check_access;
use crate::{clock, errors, filter};

/// `POST /alerts/{id}/comments/add`
pub(crate) fn add(
    shared: &Shared,
    caller: &Caller,
    id: i64,
    body: &Value,
) -> Result<Answer, Answer> {
    check_access(shared, caller, id)?;
    let Some(text) = body.get("comment_text").and_then(Value::as_str) else {
        return Err(errors::bad_request(
            "{'comment_text': ['Missing data for required field.']}",
        ));
    };
    if text.contains('\0') {
        return Err(errors::server_error());
    }
    let mut store = shared.store();
    let comment = Comment {
        id: store.next_id("comment"),
        user: caller.login.clone(),
        user_id: caller.id,
        text: text.to_owned(),
        date: column_time(clock::now(), &jiff::tz::TimeZone::UTC),
    };
    let printed = print_comment(&comment);
    let alert = store
        .alerts
        .get_mut(&id)
        .ok_or_else(errors::alert_not_found)?;
    alert.comments.push(comment);
    alert.log(&caller.login, caller.id, "commented");
    Ok(Answer::success("Alert comment created", printed))
}

/// `GET /alerts/{id}/comments/list`
pub(crate) fn list(shared: &Shared, caller: &Caller, id: i64) -> Result<Answer, Answer> {
    let store = shared.store();
    let alert = filter::visible(&store, caller, id)?;
    let printed: Vec<Value> = alert.comments.iter().map(print_comment).collect();
    Ok(Answer::success("", json!(printed)))
}
