//! Failures of a field, and the dress an error wears in each era (facts §1).
//!
//! Up to 6.2.13 (apollo-errors) an error has `name`, `time_thrown` and `data` and no code of its own; since
//! then `extensions.code` and, beside it, `name`. Up to 5.12.9 the names are `AuthRequired` and so on.
//! What the GraphQL layer itself refuses (parsing, validation) has `extensions.code` in every era.

use serde_json::{Map, Value, json};

use super::version::OpenCtiVersion;
use crate::clock;
use crate::opencti::filter::iso;

/// Why a field is null.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: String,
    pub(crate) message: String,
    /// The HTTP status the platform means, told inside the error while the answer is a 200.
    pub(crate) http_status: u16,
}

impl Failure {
    pub(crate) fn new(code: &str, message: &str, http_status: u16) -> Failure {
        Failure {
            code: code.to_owned(),
            message: message.to_owned(),
            http_status,
        }
    }

    pub(crate) fn auth_required() -> Failure {
        Failure::new("AUTH_REQUIRED", "You must be logged in to do this.", 401)
    }

    pub(crate) fn forbidden() -> Failure {
        Failure::new("FORBIDDEN_ACCESS", "You are not allowed to do this.", 403)
    }

    pub(crate) fn unsupported(message: &str) -> Failure {
        Failure::new("UNSUPPORTED_ERROR", message, 400)
    }

    pub(crate) fn functional(message: &str) -> Failure {
        Failure::new("FUNCTIONAL_ERROR", message, 400)
    }

    pub(crate) fn database() -> Failure {
        Failure::new("DATABASE_ERROR", "A database error has occurred", 500)
    }

    pub(crate) fn lock() -> Failure {
        Failure::new(
            "LOCK_ERROR",
            "Execution timeout, too many concurrent call on the same entities",
            500,
        )
    }

    /// As the text of a GraphQL library's field error, which has room for nothing else.
    pub(crate) fn packed(&self) -> String {
        format!(
            "\u{0}{}\u{0}{}\u{0}{}",
            self.code, self.http_status, self.message
        )
    }

    pub(crate) fn unpacked(text: &str) -> Failure {
        // The library puts words of its own before the text.
        let mut parts = text.splitn(4, '\u{0}').skip(1);
        match (parts.next(), parts.next().map(str::parse), parts.next()) {
            (Some(code), Some(Ok(status)), Some(message)) => Failure::new(code, message, status),
            _ => Failure::new("INTERNAL_SERVER_ERROR", text, 500),
        }
    }

    /// The error as it is sent.
    pub(crate) fn dressed(&self, version: OpenCtiVersion, path: Value) -> Value {
        let code = match version.has_upper_case_errors() {
            true => self.code.clone(),
            false => camel_case(&self.code),
        };
        let data = json!({"http_status": self.http_status, "genre": genre(&self.code)});
        if version.has_extension_codes() {
            return json!({
                "message": self.message,
                "path": path,
                "extensions": {"code": code, "data": data},
                "name": code,
            });
        }
        json!({
            "message": self.message,
            "name": code,
            "time_thrown": iso(clock::now()),
            "data": data,
            "path": path,
            "locations": [{"line": 1, "column": 1}],
        })
    }
}

/// A refusal by the GraphQL layer, before any field was asked.
pub(crate) fn refused(code: &str, messages: &[String], version: OpenCtiVersion) -> Value {
    let errors: Vec<Value> = messages
        .iter()
        .map(|message| {
            let mut error = Map::new();
            error.insert("message".to_owned(), json!(message));
            error.insert("extensions".to_owned(), json!({"code": code}));
            if version.has_extension_codes() {
                error.insert("name".to_owned(), json!(code));
            }
            Value::Object(error)
        })
        .collect();
    json!({"errors": errors})
}

fn genre(code: &str) -> &'static str {
    match code {
        "FUNCTIONAL_ERROR" | "VALIDATION_ERROR" | "RESOURCE_NOT_FOUND" => "BUSINESS",
        _ => "TECHNICAL",
    }
}

/// `AUTH_REQUIRED` was `AuthRequired`.
fn camel_case(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    for word in code.split('_') {
        let mut letters = word.chars();
        out.extend(letters.next());
        out.push_str(&letters.as_str().to_lowercase());
    }
    out
}
