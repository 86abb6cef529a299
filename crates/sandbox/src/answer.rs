//! One HTTP answer and the envelope every JSON answer of IRIS wears.
//!
//! Invariant (facts §2): JSON is `{"status","message","data"}`, empty data is `[]`, never null.

use serde_json::{Value, json};

use crate::json::encode;

/// What a handler wants sent back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Answer {
    pub(crate) fn success(message: &str, data: Value) -> Answer {
        Answer::envelope(200, "success", message, data)
    }

    /// A refusal in JSON with empty data.
    pub(crate) fn error(status: u16, message: &str) -> Answer {
        Answer::envelope(status, "error", message, json!([]))
    }

    /// An HTML error page in the shape of Flask's default ones.
    pub(crate) fn html(status: u16, title: &str, text: &str) -> Answer {
        let body = format!(
            "<!doctype html>\n<html lang=en>\n<title>{status} {title}</title>\n<h1>{title}</h1>\n<p>{text}</p>\n"
        );
        Answer {
            status,
            content_type: "text/html; charset=utf-8",
            body: body.into_bytes(),
            headers: Vec::new(),
        }
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: String) -> Answer {
        self.headers.push((name, value));
        self
    }

    fn envelope(status: u16, state: &str, message: &str, data: Value) -> Answer {
        // `json!` would sort the keys; the real order puts the status first.
        let mut body = Vec::new();
        body.extend_from_slice(b"{\"status\": ");
        body.extend(encode(&Value::from(state)));
        body.extend_from_slice(b", \"message\": ");
        body.extend(encode(&Value::from(message)));
        body.extend_from_slice(b", \"data\": ");
        body.extend(encode(&data));
        body.push(b'}');
        Answer {
            status,
            content_type: "application/json",
            body,
            headers: Vec::new(),
        }
    }
}
