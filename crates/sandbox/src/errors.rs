//! The error bodies of IRIS, word for word where `facts/iris.md §4` gives them.
//!
//! What follows the quoted part (SQL text, background links) is made up in the same style.

use serde_json::{Map, Value};

use crate::answer::Answer;
use crate::json::encode;
use crate::python;

/// Longest piece of the payload that leaks into a database error, in bytes (facts §4: bounded ~2 KB).
const LEAK_LIMIT: usize = 1_500;

pub(crate) fn bad_request(message: &str) -> Answer {
    Answer::error(400, message)
}

pub(crate) fn unreadable_body() -> Answer {
    Answer::html(
        400,
        "Bad Request",
        "The browser (or proxy) sent a request that this server could not understand.",
    )
}

pub(crate) fn unsupported_media_type() -> Answer {
    Answer::html(
        415,
        "Unsupported Media Type",
        "Did not attempt to load JSON data because the request Content-Type was not &#39;application/json&#39;.",
    )
}

pub(crate) fn server_error() -> Answer {
    Answer::html(
        500,
        "Internal Server Error",
        "The server encountered an internal error and was unable to complete your request. \
         Either the server is overloaded or there is an error in the application.",
    )
}

/// The page nginx shows when gunicorn is away.
pub(crate) fn bad_gateway() -> Answer {
    Answer {
        status: 502,
        content_type: "text/html",
        body: b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1>\
            </center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
            .to_vec(),
        headers: Vec::new(),
    }
}

pub(crate) fn request_line_too_long(length: usize) -> Answer {
    Answer {
        status: 400,
        content_type: "text/html",
        body: format!(
            "<html>\n  <head>\n    <title>Bad Request</title>\n  </head>\n  <body>\n    <h1><p>Bad Request</p></h1>\n    \
             Request Line is too large ({length} &gt; 4094)\n  </body>\n</html>\n"
        )
        .into_bytes(),
        headers: Vec::new(),
    }
}

pub(crate) fn not_found(wants_json: bool) -> Answer {
    if wants_json {
        Answer::error(404, "Resource not found")
    } else {
        Answer::html(
            404,
            "Not Found",
            "The requested URL was not found on the server.",
        )
    }
}

pub(crate) fn method_not_allowed() -> Answer {
    Answer::html(
        405,
        "Method Not Allowed",
        "The method is not allowed for the requested URL.",
    )
}

pub(crate) fn authentication_required() -> Answer {
    Answer::error(401, "Authentication required")
}

pub(crate) fn permission_denied() -> Answer {
    Answer::error(403, "Permission denied")
}

pub(crate) fn not_entitled() -> Answer {
    bad_request("User not entitled to create alerts for the client")
}

pub(crate) fn alert_not_found() -> Answer {
    bad_request("Alert not found")
}

pub(crate) fn nul_in_text() -> Answer {
    bad_request("A string literal cannot contain NUL (0x00) characters.")
}

pub(crate) fn lone_surrogate(unit: u32, position: usize) -> Answer {
    bad_request(&format!(
        "'utf-8' codec can't encode character '\\u{unit:04x}' in position {position}: surrogates not allowed"
    ))
}

pub(crate) fn recursion() -> Answer {
    bad_request("maximum recursion depth exceeded while encoding a JSON object")
}

pub(crate) fn not_json_for_postgres(column: &str, values: &Map<String, Value>) -> Answer {
    database(
        "psycopg2.errors.InvalidTextRepresentation",
        &format!(
            "invalid input syntax for type json\nDETAIL:  Token \"NaN\" is invalid.\nCONTEXT:  JSON data, column {column}"
        ),
        "alerts",
        values,
    )
}

pub(crate) fn untranslatable(values: &Map<String, Value>) -> Answer {
    database(
        "psycopg2.errors.UntranslatableCharacter",
        "unsupported Unicode escape sequence\nDETAIL:  \\u0000 cannot be converted to text.",
        "ioc",
        values,
    )
}

pub(crate) fn out_of_range(values: &Map<String, Value>) -> Answer {
    database(
        "psycopg2.errors.NumericValueOutOfRange",
        "integer out of range",
        "alerts",
        values,
    )
}

pub(crate) fn foreign_key(
    table: &str,
    column: &str,
    id: i64,
    referenced: &str,
    values: &Map<String, Value>,
) -> Answer {
    database(
        "psycopg2.errors.ForeignKeyViolation",
        &format!(
            "insert or update on table \"{table}\" violates foreign key constraint \"{table}_{column}_fkey\"\n\
             DETAIL:  Key ({column})=({id}) is not present in table \"{referenced}\"."
        ),
        table,
        values,
    )
}

pub(crate) fn duplicate_uuid(uuid: &str, values: &Map<String, Value>) -> Answer {
    unique(
        "alerts_alert_uuid_key",
        "alert_uuid",
        uuid,
        "alerts",
        values,
    )
}

pub(crate) fn duplicate_alert_id(id: i64, values: &Map<String, Value>) -> Answer {
    unique("alerts_pkey", "alert_id", &id.to_string(), "alerts", values)
}

pub(crate) fn duplicate_tag(tag: &str) -> Answer {
    let mut values = Map::new();
    values.insert("tag_title".to_owned(), Value::from(tag));
    unique("tags_tag_title_key", "tag_title", tag, "tags", &values)
}

pub(crate) fn index_row_too_large(size: usize, index: &str) -> Answer {
    database(
        "psycopg2.errors.ProgramLimitExceeded",
        &format!(
            "index row size {size} exceeds btree version 4 maximum 2704 for index \"{index}\"\n\
             DETAIL:  Index row references tuple (0,1) in its relation.\n\
             HINT:  Values larger than 1/3 of a buffer page cannot be indexed."
        ),
        "alerts",
        &Map::new(),
    )
}

pub(crate) fn database_connection_lost() -> Answer {
    bad_request(
        "(psycopg2.OperationalError) server closed the connection unexpectedly\n\tThis probably means the server \
         terminated abnormally\n\tbefore or while processing the request.\n\n\
         (Background on this error at: https://sqlalche.me/e/14/e3q8)",
    )
}

/// What a client saw when a module hook failed after the commit (facts §4, last row).
pub(crate) fn async_module_down() -> Answer {
    bad_request("[Errno 111] Connection refused")
}

fn unique(
    constraint: &str,
    column: &str,
    value: &str,
    table: &str,
    values: &Map<String, Value>,
) -> Answer {
    database(
        "psycopg2.errors.UniqueViolation",
        &format!(
            "duplicate key value violates unique constraint \"{constraint}\"\nDETAIL:  Key ({column})=({value}) already exists."
        ),
        table,
        values,
    )
}

fn database(class: &str, text: &str, table: &str, values: &Map<String, Value>) -> Answer {
    let mut names = Vec::new();
    let mut places = Vec::new();
    let mut parameters = String::new();
    for (name, value) in values {
        names.push(name.as_str());
        places.push(format!("%({name})s"));
        if parameters.len() < LEAK_LIMIT {
            let printed = match value {
                Value::String(text) => python::repr(&cut(text, 300)),
                Value::Null => "None".to_owned(),
                other => cut(&String::from_utf8_lossy(&encode(other)), 300),
            };
            parameters.push_str(&format!("'{name}': {printed}, "));
        }
    }
    let parameters = cut(parameters.trim_end_matches(", "), LEAK_LIMIT);
    bad_request(&format!(
        "({class}) {text}\n\n[SQL: INSERT INTO {table} ({}) VALUES ({})]\n[parameters: {{{parameters}}}]\n\
         (Background on this error at: https://sqlalche.me/e/14/gkpj)",
        names.join(", "),
        places.join(", "),
    ))
}

/// The first bytes of a text, cut on a character boundary, with a mark when something is missing.
fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let mut end = limit;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!(
        "{} ... ({} characters truncated) ...",
        &text[..end],
        text.len() - end
    )
}
