//! Comments on an alert: notes that touch neither owner nor fields; each only its own author may change (facts §6).

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::auth::Caller;
use crate::sandbox::Shared;
use crate::store::{Comment, Store, column_time, print_comment};
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
    store.remember(id, &shared.options);
    Ok(Answer::success("Alert comment created", printed))
}

/// `GET /alerts/{id}/comments/list`
pub(crate) fn list(shared: &Shared, caller: &Caller, id: i64) -> Result<Answer, Answer> {
    let store = shared.store();
    let alert = filter::visible(&store, caller, id)?;
    let printed: Vec<Value> = alert.comments.iter().map(print_comment).collect();
    Ok(Answer::success("", json!(printed)))
}

/// `GET /alerts/{id}/comments/{cid}`
pub(crate) fn one(shared: &Shared, caller: &Caller, id: i64, cid: i64) -> Result<Answer, Answer> {
    let store = shared.store();
    let alert = filter::visible(&store, caller, id)?;
    let comment = alert.comments.iter().find(|comment| comment.id == cid);
    let comment = comment.ok_or_else(no_such_comment)?;
    Ok(Answer::success("", print_comment(comment)))
}

/// `POST /alerts/{id}/comments/{cid}/edit`
pub(crate) fn edit(
    shared: &Shared,
    caller: &Caller,
    (id, cid): (i64, i64),
    body: &Value,
) -> Result<Answer, Answer> {
    check_access(shared, caller, id)?;
    let text = body.get("comment_text").and_then(Value::as_str);
    let text = text.unwrap_or_default().to_owned();
    if text.contains('\0') {
        return Err(errors::server_error());
    }
    let mut store = shared.store();
    let comments = own_comments(&mut store, caller, (id, cid))?;
    let comment = comments.iter_mut().find(|comment| comment.id == cid);
    let comment = comment.ok_or_else(no_such_comment)?;
    comment.text = text;
    Ok(Answer::success("", print_comment(comment)))
}

/// `POST /alerts/{id}/comments/{cid}/delete`
pub(crate) fn delete(
    shared: &Shared,
    caller: &Caller,
    (id, cid): (i64, i64),
) -> Result<Answer, Answer> {
    check_access(shared, caller, id)?;
    let mut store = shared.store();
    own_comments(&mut store, caller, (id, cid))?.retain(|comment| comment.id != cid);
    Ok(Answer::success("Comment deleted", json!([])))
}

/// The comments of an alert, where the named one is the caller's. The words of the refusals are not in the facts.
fn own_comments<'a>(
    store: &'a mut Store,
    caller: &Caller,
    (id, cid): (i64, i64),
) -> Result<&'a mut Vec<Comment>, Answer> {
    let alert = store
        .alerts
        .get_mut(&id)
        .ok_or_else(errors::alert_not_found)?;
    let comment = alert.comments.iter().find(|comment| comment.id == cid);
    if comment.ok_or_else(no_such_comment)?.user_id != caller.id {
        return Err(errors::permission_denied());
    }
    Ok(&mut alert.comments)
}

fn no_such_comment() -> Answer {
    errors::bad_request("Invalid comment ID")
}
