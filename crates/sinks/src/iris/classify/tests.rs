//! Each row of facts/iris.md §4, and the answers of proxies before IRIS, with the meaning they must have.

use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use super::*;

const UUID: Uuid = Uuid::from_u128(0x6f8aa353_0000_4000_8000_000000000001);

fn answer(status: u16, content_type: &str, body: &[u8]) -> Answer {
    Answer {
        status,
        content_type: content_type.to_owned(),
        retry_after: None,
        location: None,
        body: body.to_vec(),
        truncated: false,
    }
}

fn json_error(status: u16, message: &str) -> Meaning {
    let body = json!({"status": "error", "message": message, "data": []}).to_string();
    of_add(&answer(status, "application/json", body.as_bytes()), UUID)
}

fn html(status: u16, title: &str) -> Meaning {
    let body = format!("<html><head><title>{status} {title}</title></head><body>x</body></html>");
    of_add(
        &answer(status, "text/html; charset=utf-8", body.as_bytes()),
        UUID,
    )
}

/// The kind of a meaning, without its words.
fn kind(meaning: &Meaning) -> &'static str {
    match meaning {
        Meaning::BadPart(Part::Iocs) => "bad iocs",
        Meaning::BadPart(Part::Assets) => "bad assets",
        Meaning::BadPart(Part::Fields) => "bad fields",
        Meaning::Blocked(_) => "blocked",
        Meaning::Duplicate => "duplicate",
        Meaning::Later { .. } => "later",
        Meaning::Operator {
            scope: Scope::Lane, ..
        } => "operator lane",
        Meaning::Operator {
            scope: Scope::Sink, ..
        } => "operator sink",
        Meaning::Refused(_) => "refused",
        Meaning::Stored { .. } => "stored",
        Meaning::StoredUntold => "stored untold",
        Meaning::TagRace => "tag race",
        Meaning::TooLarge => "too large",
        Meaning::Unclear(_) => "unclear",
        Meaning::UnknownId(Part::Fields, _) => "unknown field id",
        Meaning::UnknownId(Part::Iocs, _) => "unknown ioc id",
        Meaning::UnknownId(Part::Assets, _) => "unknown asset id",
    }
}

fn foreign_key(table: &str, column: &str) -> String {
    format!(
        "(psycopg2.errors.ForeignKeyViolation) insert or update on table \"{table}\" violates foreign key constraint \
         \"{table}_{column}_fkey\"\nDETAIL:  Key ({column})=(99) is not present in table \"x\".\n\n[SQL: INSERT INTO {table} (alert_uuid, \
         alert_customer_id) VALUES (%(alert_uuid)s)]\n[parameters: {{'alert_title': 'x'}}]"
    )
}

fn unique(constraint: &str) -> String {
    format!(
        "(psycopg2.errors.UniqueViolation) duplicate key value violates unique constraint \"{constraint}\"\nDETAIL:  Key (a)=(b) already \
         exists.\n\n[SQL: INSERT INTO alerts (alert_title) VALUES (%(alert_title)s)]"
    )
}

fn index_row(index: &str) -> String {
    format!(
        "(psycopg2.errors.ProgramLimitExceeded) index row size 2712 exceeds btree version 4 maximum 2704 for index \"{index}\"\nHINT:  x"
    )
}

#[test]
fn each_row_of_the_error_catalogue_has_its_meaning() {
    let lost = "(psycopg2.OperationalError) server closed the connection unexpectedly\n\tThis probably means";
    for (message, expected) in [
        (
            "{'alert_title': ['Missing data for required field.']}",
            "refused",
        ),
        ("{'alert_title': ['Field may not be null.']}", "refused"),
        ("{'alert_severity_id': ['Not a valid integer.']}", "refused"),
        ("{'alert_uuid': ['Not a valid UUID.']}", "refused"),
        (
            &foreign_key("alerts", "alert_severity_id"),
            "unknown field id",
        ),
        (
            &foreign_key("alerts", "alert_status_id"),
            "unknown field id",
        ),
        (
            &foreign_key("alerts", "alert_classification_id"),
            "unknown field id",
        ),
        (&foreign_key("alerts", "alert_customer_id"), "operator lane"),
        (&foreign_key("ioc", "ioc_tlp_id"), "unknown ioc id"),
        (
            &foreign_key("case_assets", "analysis_status_id"),
            "unknown asset id",
        ),
        (
            "(psycopg2.errors.NumericValueOutOfRange) integer out of range\n",
            "refused",
        ),
        (
            "User not entitled to create alerts for the client",
            "operator lane",
        ),
        ("No JSON data provided", "refused"),
        ("pop expected at most 1 argument, got 2", "refused"),
        (
            "A string literal cannot contain NUL (0x00) characters.",
            "refused",
        ),
        (
            "(psycopg2.errors.UntranslatableCharacter) unsupported Unicode escape sequence\n",
            "refused",
        ),
        (
            "'utf-8' codec can't encode character '\\ud800' in position 3: surrogates not allowed",
            "refused",
        ),
        (
            "(psycopg2.errors.InvalidTextRepresentation) invalid input syntax for type json\n",
            "refused",
        ),
        (
            "maximum recursion depth exceeded while encoding a JSON object",
            "refused",
        ),
        (&index_row("idx_alerts_title"), "refused"),
        (&index_row("idx_alert_source_ref"), "refused"),
        (&index_row("tags_tag_title_key"), "refused"),
        (&index_row("idx_case_assets_name"), "bad assets"),
        (&unique("alerts_alert_uuid_key"), "duplicate"),
        (&unique("tags_tag_title_key"), "tag race"),
        (&unique("alerts_pkey"), "unclear"),
        ("'ioc_type_id'", "stored untold"),
        ("{'ioc_type_id': ['Invalid IOC type ID']}", "unknown ioc id"),
        ("Invalid IOC type ID", "unknown ioc id"),
        (
            "{'ioc_tags': ['Longer than maximum length 512.']}",
            "bad iocs",
        ),
        (
            "{'asset_type_id': ['Invalid asset type ID']}",
            "unknown asset id",
        ),
        ("{'asset_name': ['Field may not be null.']}", "bad assets"),
        (lost, "unclear"),
        (
            "QueuePool limit of size 5 overflow 10 reached, connection timed out, timeout 30.00",
            "unclear",
        ),
        (
            "(psycopg2.errors.AdminShutdown) terminating connection due to administrator command\n",
            "unclear",
        ),
        (
            "(psycopg2.errors.DeadlockDetected) deadlock detected\n",
            "unclear",
        ),
        ("[Errno 111] Connection refused", "refused"),
    ] {
        assert_eq!(kind(&json_error(400, message)), expected, "{message}");
    }
}

#[test]
fn statuses_that_are_not_the_alerts_fault_never_kill_it() {
    assert_eq!(
        kind(&json_error(401, "Authentication required")),
        "operator sink"
    );
    assert_eq!(kind(&json_error(403, "Permission denied")), "operator sink");
    for (status, title, expected) in [
        (301, "Moved Permanently", "operator sink"),
        (302, "Found", "operator sink"),
        (400, "Bad Request", "blocked"),
        (403, "Forbidden", "blocked"),
        (404, "Not Found", "operator sink"),
        (405, "Method Not Allowed", "operator sink"),
        (413, "Request Entity Too Large", "too large"),
        (415, "Unsupported Media Type", "operator sink"),
        (429, "Too Many Requests", "later"),
        (500, "Internal Server Error", "unclear"),
        (502, "Bad Gateway", "unclear"),
        (503, "Service Unavailable", "later"),
        (504, "Gateway Time-out", "unclear"),
        (599, "Odd", "unclear"),
        (100, "Odd", "unclear"),
    ] {
        assert_eq!(kind(&html(status, title)), expected, "{status}");
    }
}

#[test]
fn a_wish_to_be_left_alone_is_passed_on() {
    let mut asked = answer(429, "text/html", b"");
    asked.retry_after = Some(Duration::from_secs(7));
    let Meaning::Later { after, .. } = of_add(&asked, UUID) else {
        panic!("not later");
    };
    assert_eq!(after, Some(Duration::from_secs(7)));
}

#[test]
fn only_an_answer_that_names_the_alert_is_a_delivery() {
    let good = json!({"status": "success", "message": "", "data": {"alert_id": 5, "alert_uuid": UUID, "iocs": [{"x": 1}]}});
    let of = |body: &str| of_add(&answer(200, "application/json", body.as_bytes()), UUID);
    assert_eq!(
        of(&good.to_string()),
        Meaning::Stored {
            id: 5,
            uuid_kept: true
        }
    );
    for body in [
        "",
        "<html>Welcome to our hotel</html>",
        "{}",
        r#"{"status":"success","data":[]}"#,
        r#"{"status":"success","data":{"alert_id":5}}"#,
        r#"{"status":"error","data":{"alert_id":5,"alert_uuid":"6f8aa353-0000-4000-8000-000000000001"}}"#,
        r#"{"status":"success","data":{"alert_id":0,"alert_uuid":"6f8aa353-0000-4000-8000-000000000001"}}"#,
        r#"{"status":"success","data":{"alert_id":"5""#,
    ] {
        assert_eq!(kind(&of(body)), "unclear", "{body}");
    }
    let other = good.to_string().replace("6f8aa353", "00000000");
    assert_eq!(
        of(&other),
        Meaning::Stored {
            id: 5,
            uuid_kept: false
        }
    );
}

/// Database errors repeat pieces of the payload: who writes a log line must not be able to have an alert taken for delivered.
#[test]
fn words_of_the_alert_in_an_error_change_nothing() {
    let poison = "alerts_alert_uuid_key (psycopg2.OperationalError) User not entitled 'ioc_type_id' tags_tag_title_key alert_customer_id";
    let in_parameters = format!(
        "{}\n[parameters: {{'alert_title': '{poison}'}}]",
        foreign_key("alerts", "alert_severity_id")
    );
    assert_eq!(kind(&json_error(400, &in_parameters)), "unknown field id");
    let in_detail = unique("tags_tag_title_key").replace("(b)", &format!("({poison})"));
    assert_eq!(kind(&json_error(400, &in_detail)), "tag race");
}

#[test]
fn a_body_that_is_not_what_it_seems_never_breaks_the_classing() {
    for body in [
        &b"\xff\xfe\x00"[..],
        b"null",
        b"[]",
        b"{\"message\":5}",
        b"(",
    ] {
        assert_eq!(
            kind(&of_add(&answer(400, "application/json", body), UUID)),
            "blocked"
        );
    }
    for message in ["", "(", "(psycopg2.", "(psycopg2.errors.)", "{", "'"] {
        let meaning = json_error(400, message);
        assert!(
            ["refused", "unclear"].contains(&kind(&meaning)),
            "{message}: {meaning:?}"
        );
    }
    let plain = b"<html><title>400 The plain HTTP request was sent to HTTPS port</title></html>";
    assert_eq!(
        kind(&of_add(&answer(400, "text/html", plain), UUID)),
        "operator sink"
    );
}
