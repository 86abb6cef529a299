//! From a request to a reply: request line limit, faults, key, permission, route.
//!
//! Invariant: the order of refusals is IRIS's: unknown route and wrong method before the key, the key before the
//! permission, the permission before the body.

use std::sync::PoisonError;
use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use hyper::header::CONTENT_TYPE;
use hyper::http::request::Parts;
use serde_json::Value;

use crate::answer::Answer;
use crate::auth::{self, Caller};
use crate::faults::Fault;
use crate::json::{self, JsonError};
use crate::options::permission::{ALERTS_DELETE, ALERTS_READ, ALERTS_WRITE};
use crate::sandbox::Shared;
use crate::{add, cases, comments, errors, filter, lists, page, update};

/// Longest request line gunicorn reads, in bytes (facts §5).
const LONGEST_REQUEST_LINE: usize = 4_094;

/// A request with its body in memory.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) head: Parts,
    pub(crate) body: Bytes,
}

/// What happens on the wire.
#[derive(Debug)]
pub(crate) enum Reply {
    Hang,
    Reset,
    Send(Answer),
    SendSlowly(Answer, Duration),
}

/// Answers one request, faults included.
pub(crate) async fn reply(shared: &Shared, request: Whole) -> Reply {
    let head = &request.head;
    let target = head
        .uri
        .path_and_query()
        .map_or(0, |target| target.as_str().len());
    let line_length = head.method.as_str().len() + target + " ".len() + " HTTP/1.1".len();
    if line_length > LONGEST_REQUEST_LINE {
        return Reply::Send(errors::request_line_too_long(line_length));
    }
    let path = head.uri.path();
    if head.method == Method::GET && page::is_page(path) {
        return Reply::Send(page::answer(shared, head));
    }
    if !shared.options.latency.is_zero() {
        tokio::time::sleep(shared.options.latency).await;
    }
    if shared.faults.is_database_down() {
        return Reply::Send(errors::server_error());
    }
    if shared.faults.is_unauthorized() {
        return Reply::Send(errors::authentication_required());
    }
    let fault = shared.faults.pick(path);
    let refused_type = match fault {
        Some(Fault::RefuseIocType { ioc_type_id }) => Some(ioc_type_id),
        _ => None,
    };
    let instead = match fault {
        Some(Fault::HangBefore) => Some(Reply::Hang),
        Some(Fault::ResetBefore) => Some(Reply::Reset),
        Some(Fault::Html500 | Fault::PoolExhausted) => Some(Reply::Send(errors::server_error())),
        Some(Fault::Html502) => Some(Reply::Send(errors::bad_gateway())),
        Some(Fault::DbLost400 { stored: false }) => {
            Some(Reply::Send(errors::database_connection_lost()))
        }
        Some(Fault::NewTagRace) => Some(Reply::Send(errors::duplicate_tag("wazuh"))),
        Some(Fault::NotEntitled) => Some(Reply::Send(errors::not_entitled())),
        Some(Fault::TooManyRequests { retry_after }) => {
            let answer = Answer::html(429, "Too Many Requests", "Slow down.");
            Some(Reply::Send(
                answer.with_header("retry-after", retry_after.to_string()),
            ))
        }
        _ => None,
    };
    if let Some(reply) = instead {
        return reply;
    }
    let answer = match route(shared, &request, refused_type).await {
        Ok(answer) | Err(answer) => answer,
    };
    match fault {
        Some(Fault::StoreThenHang) => Reply::Hang,
        Some(Fault::StoreThenReset) => Reply::Reset,
        Some(Fault::StoreThen400) if answer.status == 200 => {
            Reply::Send(errors::async_module_down())
        }
        Some(Fault::StoreThenHtml500) => Reply::Send(errors::server_error()),
        Some(Fault::DbLost400 { stored: true }) => Reply::Send(errors::database_connection_lost()),
        Some(Fault::SlowBytes { pause }) => Reply::SendSlowly(answer, pause),
        _ => Reply::Send(answer),
    }
}

/// The routes of this stand-in.
#[derive(Debug, Clone, Copy)]
enum Route<'a> {
    AddAlert,
    AddComment(i64),
    BatchDelete,
    BatchUpdate,
    DeleteAlert(i64),
    DeleteComment(i64, i64),
    EditComment(i64, i64),
    EscalateAlert(i64),
    FilterAlerts,
    HasPermission,
    List(&'a str),
    ListComments(i64),
    MergeAlert(i64),
    OneAlert(i64),
    OneComment(i64, i64),
    Ping,
    Search(&'a str),
    UnmergeAlert(i64),
    UpdateAlert(i64),
    Versions,
    Whoami,
}

/// The route behind a path and the method it wants.
fn find(path: &str) -> Option<(Method, Route<'_>)> {
    let parts: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    let id = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| text.parse::<i64>().ok())
            .flatten()
    };
    Some(match parts.as_slice() {
        ["api", "ping"] => (Method::GET, Route::Ping),
        ["api", "versions"] => (Method::GET, Route::Versions),
        ["user", "whoami"] => (Method::GET, Route::Whoami),
        ["user", "has-permission"] => (Method::POST, Route::HasPermission),
        ["manage", name, "list"] => (Method::GET, Route::List(name)),
        ["manage", name, "search"] => (Method::POST, Route::Search(name)),
        ["alerts", "add"] => (Method::POST, Route::AddAlert),
        ["alerts", "filter"] => (Method::GET, Route::FilterAlerts),
        ["alerts", "batch", "update"] => (Method::POST, Route::BatchUpdate),
        ["alerts", "batch", "delete"] => (Method::POST, Route::BatchDelete),
        ["alerts", "update", alert] => (Method::POST, Route::UpdateAlert(id(alert)?)),
        ["alerts", "delete", alert] => (Method::POST, Route::DeleteAlert(id(alert)?)),
        ["alerts", "escalate", alert] => (Method::POST, Route::EscalateAlert(id(alert)?)),
        ["alerts", "merge", alert] => (Method::POST, Route::MergeAlert(id(alert)?)),
        ["alerts", "unmerge", alert] => (Method::POST, Route::UnmergeAlert(id(alert)?)),
        ["alerts", alert, "comments", "add"] => (Method::POST, Route::AddComment(id(alert)?)),
        ["alerts", alert, "comments", "list"] => (Method::GET, Route::ListComments(id(alert)?)),
        ["alerts", alert, "comments", comment] => {
            (Method::GET, Route::OneComment(id(alert)?, id(comment)?))
        }
        ["alerts", alert, "comments", comment, "edit"] => {
            (Method::POST, Route::EditComment(id(alert)?, id(comment)?))
        }
        ["alerts", alert, "comments", comment, "delete"] => {
            (Method::POST, Route::DeleteComment(id(alert)?, id(comment)?))
        }
        ["alerts", alert] => (Method::GET, Route::OneAlert(id(alert)?)),
        _ => return None,
    })
}

async fn route(
    shared: &Shared,
    request: &Whole,
    refused_type: Option<i64>,
) -> Result<Answer, Answer> {
    let head = &request.head;
    let missing = || errors::not_found(says_json(head));
    let (method, route) = find(head.uri.path()).ok_or_else(missing)?;
    if head.method != method {
        return Err(errors::method_not_allowed());
    }
    let caller = {
        let users = shared.users.read().unwrap_or_else(PoisonError::into_inner);
        auth::caller(&users, &head.method, &head.headers)?
    };
    let answer = carry_out(shared, request, &caller, route, refused_type).await;
    let with_cookie = |answer: Answer| answer.with_header("set-cookie", caller.cookie());
    match answer {
        Ok(answer) => Ok(with_cookie(answer)),
        Err(answer) => Err(with_cookie(answer)),
    }
}

async fn carry_out(
    shared: &Shared,
    request: &Whole,
    caller: &Caller,
    route: Route<'_>,
    refused_type: Option<i64>,
) -> Result<Answer, Answer> {
    let query = request.head.uri.query().unwrap_or_default();
    match route {
        Route::Ping => Ok(lists::ping()),
        Route::Versions => Ok(lists::versions(shared)),
        Route::Whoami => Ok(lists::whoami(caller)),
        Route::HasPermission => lists::has_permission(caller, &body(request)?),
        Route::List(name) => lists::list(shared, caller, name)
            .unwrap_or_else(|| Err(errors::not_found(says_json(&request.head)))),
        Route::Search(name) => lists::search(shared, name, &body(request)?)
            .unwrap_or_else(|| Err(errors::not_found(says_json(&request.head)))),
        Route::AddAlert => {
            caller.needs(ALERTS_WRITE)?;
            add::add(shared, caller, body(request)?, refused_type).await
        }
        Route::FilterAlerts => {
            caller.needs(ALERTS_READ)?;
            filter::filter(shared, caller, query)
        }
        Route::OneAlert(id) => {
            caller.needs(ALERTS_READ)?;
            filter::one(shared, caller, id)
        }
        Route::ListComments(id) => {
            caller.needs(ALERTS_READ)?;
            comments::list(shared, caller, id)
        }
        Route::AddComment(id) => {
            caller.needs(ALERTS_WRITE)?;
            comments::add(shared, caller, id, &body(request)?)
        }
        Route::OneComment(id, comment) => {
            caller.needs(ALERTS_READ)?;
            comments::one(shared, caller, id, comment)
        }
        Route::EditComment(id, comment) => {
            caller.needs(ALERTS_WRITE)?;
            comments::edit(shared, caller, (id, comment), &body(request)?)
        }
        Route::DeleteComment(id, comment) => {
            caller.needs(ALERTS_WRITE)?;
            comments::delete(shared, caller, (id, comment))
        }
        Route::UpdateAlert(id) => {
            caller.needs(ALERTS_WRITE)?;
            update::update(shared, caller, id, body(request)?).await
        }
        Route::BatchUpdate => {
            caller.needs(ALERTS_WRITE)?;
            update::batch(shared, caller, body(request)?).await
        }
        Route::DeleteAlert(id) => {
            caller.needs(ALERTS_DELETE)?;
            update::delete(shared, caller, id)
        }
        Route::BatchDelete => {
            caller.needs(ALERTS_DELETE)?;
            update::batch_delete(shared, caller, &body(request)?)
        }
        Route::EscalateAlert(id) => {
            caller.needs(ALERTS_WRITE)?;
            cases::escalate(shared, caller, id, &body(request)?)
        }
        Route::MergeAlert(id) => {
            caller.needs(ALERTS_WRITE)?;
            cases::merge(shared, caller, id, &body(request)?)
        }
        Route::UnmergeAlert(id) => {
            caller.needs(ALERTS_WRITE)?;
            cases::unmerge(shared, caller, id, &body(request)?)
        }
    }
}

/// `application/json`, whatever parameters follow, or another type that ends in `+json`.
fn says_json(head: &Parts) -> bool {
    let value = head
        .headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let kind = value
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    let kind = kind.to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

fn body(request: &Whole) -> Result<Value, Answer> {
    if !says_json(&request.head) {
        return Err(errors::unsupported_media_type());
    }
    json::decode(&request.body).map_err(|error| match error {
        JsonError::Malformed => errors::unreadable_body(),
        JsonError::TooDeep => errors::recursion(),
        JsonError::FarTooDeep => errors::server_error(),
    })
}
