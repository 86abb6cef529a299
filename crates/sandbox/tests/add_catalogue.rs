//! Each row of the error catalogue of `/alerts/add` (facts/iris.md §3 and §4): status, body, stored or not.
#![expect(clippy::unwrap_used, reason = "a failed step ends the test")]

mod support;

use serde_json::{Value, json};
use support::{Server, alert, incompressible, without};

const JSON: &str = "application/json";

/// A body, the status and the piece of the message it must give, and whether the alert is stored.
struct Row {
    name: &'static str,
    body: Value,
    status: u16,
    message: String,
    stored: bool,
}

fn refused(name: &'static str, body: Value, message: impl Into<String>) -> Row {
    Row {
        name,
        body,
        status: 400,
        message: message.into(),
        stored: false,
    }
}

fn accepted(name: &'static str, body: Value) -> Row {
    Row {
        name,
        body,
        status: 200,
        message: String::new(),
        stored: true,
    }
}

async fn check(rows: Vec<Row>) {
    let server = Server::start().await;
    for row in rows {
        let before = server.sandbox.alert_count();
        let got = server.add(&row.body).await;
        assert_eq!(got.status, row.status, "{}: {}", row.name, got.text);
        assert!(
            got.message().contains(&row.message),
            "{}: {}",
            row.name,
            got.message()
        );
        let stored = server.sandbox.alert_count() - before;
        assert_eq!(
            stored,
            usize::from(row.stored),
            "{}: stored or not",
            row.name
        );
        if row.status != 200 {
            assert_eq!(
                got.json()["data"],
                json!([]),
                "{}: empty data is a list",
                row.name
            );
        }
    }
}

fn complaint(field: &str, text: &str) -> String {
    format!("{{'{field}': ['{text}']}}")
}

#[tokio::test]
async fn required_and_mistyped_fields_are_refused_in_the_words_of_the_validator() {
    let missing = "Missing data for required field.";
    let null = "Field may not be null.";
    let string = "Not a valid string.";
    let integer = "Not a valid integer.";
    let mut rows = vec![
        refused(
            "several missing",
            json!({"alert_title": "t", "alert_customer_id": 1}),
            format!("{{'alert_severity_id': ['{missing}'], 'alert_status_id': ['{missing}']}}"),
        ),
        refused(
            "null title",
            alert(json!({"alert_title": null})),
            complaint("alert_title", null),
        ),
        refused(
            "number title",
            alert(json!({"alert_title": 7})),
            complaint("alert_title", string),
        ),
        accepted("empty title", alert(json!({"alert_title": ""}))),
        refused(
            "list ref",
            alert(json!({"alert_source_ref": []})),
            complaint("alert_source_ref", string),
        ),
        accepted("null ref", alert(json!({"alert_source_ref": null}))),
        accepted("severity as text", alert(json!({"alert_severity_id": "4"}))),
        accepted("severity 4.0", alert(json!({"alert_severity_id": 4.0}))),
        accepted("severity 4.7", alert(json!({"alert_severity_id": 4.7}))),
        refused(
            "severity by name",
            alert(json!({"alert_severity_id": "high"})),
            complaint("alert_severity_id", integer),
        ),
        refused(
            "severity true",
            alert(json!({"alert_severity_id": true})),
            complaint("alert_severity_id", integer),
        ),
        refused(
            "list tags",
            alert(json!({"alert_tags": ["a"]})),
            "'list' object has no attribute 'split'",
        ),
        refused(
            "number tags",
            alert(json!({"alert_tags": 3})),
            "'int' object has no attribute 'split'",
        ),
        accepted("null tags", alert(json!({"alert_tags": null}))),
        refused(
            "uuid zzz",
            alert(json!({"alert_uuid": "zzz"})),
            complaint("alert_uuid", "Not a valid UUID."),
        ),
        accepted(
            "free content",
            alert(json!({"alert_source_content": [1, "a"], "alert_context": "text"})),
        ),
        accepted(
            "unknown field",
            alert(json!({"whatever": 1, "cid": 9, "iocs": "dropped"})),
        ),
        accepted(
            "script in a link",
            alert(json!({"alert_source_link": "javascript:alert(1)"})),
        ),
        accepted(
            "HTML",
            alert(json!({"alert_title": "<script>alert(1)</script>"})),
        ),
    ];
    for field in [
        "alert_title",
        "alert_severity_id",
        "alert_status_id",
        "alert_customer_id",
    ] {
        rows.push(refused(
            "a required field missing",
            without(field),
            complaint(field, missing),
        ));
    }
    check(rows).await;
}

#[tokio::test]
async fn ids_that_do_not_exist_break_a_foreign_key_and_leak_sql() {
    let mut rows = Vec::new();
    for field in [
        "alert_severity_id",
        "alert_status_id",
        "alert_customer_id",
        "alert_classification_id",
        "alert_resolution_status_id",
        "alert_owner_id",
    ] {
        for piece in [
            "(psycopg2.errors.ForeignKeyViolation)".to_owned(),
            format!("Key ({field})=(999)"),
            "[SQL: INSERT INTO alerts".to_owned(),
            "[parameters: {".to_owned(),
        ] {
            rows.push(refused("unknown id", alert(json!({field: 999})), piece));
        }
        let out_of_range = "(psycopg2.errors.NumericValueOutOfRange)";
        rows.push(refused(
            "too big",
            alert(json!({field: 3_000_000_000_i64})),
            out_of_range,
        ));
        rows.push(refused(
            "far too big",
            alert(json!({field: 1e30})),
            out_of_range,
        ));
    }
    check(rows).await;
}

#[tokio::test]
async fn what_a_database_error_leaks_stays_small_whatever_the_payload() {
    let server = Server::start().await;
    let body = alert(json!({"alert_severity_id": 99, "alert_description": "x".repeat(5_000_000)}));
    let got = server.add(&body).await;
    assert!(got.message().len() < 4_000, "{} bytes", got.message().len());
}

#[tokio::test]
async fn event_times_are_refused_or_stored_as_measured() {
    let refusal = complaint("alert_source_event_time", "Not a valid datetime.");
    check(vec![
        accepted(
            "wazuh's form",
            alert(json!({"alert_source_event_time": "2026-11-20T10:11:12.123+0000"})),
        ),
        refused(
            "epoch",
            alert(json!({"alert_source_event_time": 1_795_250_582})),
            refusal.clone(),
        ),
        refused(
            "date only",
            alert(json!({"alert_source_event_time": "2026-11-20"})),
            refusal.clone(),
        ),
        refused(
            "empty",
            alert(json!({"alert_source_event_time": ""})),
            refusal,
        ),
        refused(
            "null",
            alert(json!({"alert_source_event_time": null})),
            complaint("alert_source_event_time", "Field may not be null."),
        ),
    ])
    .await;
}

#[tokio::test]
async fn iocs_follow_their_own_rules() {
    let iocs = |list: Value| alert(json!({"alert_iocs": list}));
    check(vec![
        refused(
            "null list",
            iocs(json!(null)),
            "'NoneType' object is not iterable",
        ),
        Row {
            name: "type key missing: stored although refused",
            body: iocs(json!([{"ioc_value": "203.0.113.1"}])),
            status: 400,
            message: "'ioc_type_id'".to_owned(),
            stored: true,
        },
        accepted(
            "null type",
            iocs(json!([{"ioc_value": "v", "ioc_type_id": null}])),
        ),
        accepted(
            "type as text",
            iocs(json!([{"ioc_value": "v", "ioc_type_id": "76"}])),
        ),
        refused(
            "type by name",
            iocs(json!([{"ioc_value": "v", "ioc_type_id": "ip-any"}])),
            "ioc_type_id",
        ),
        refused(
            "unknown type",
            iocs(json!([{"ioc_value": "v", "ioc_type_id": 999}])),
            "Invalid IOC type ID",
        ),
        refused(
            "type 0",
            iocs(json!([{"ioc_value": "v", "ioc_type_id": 0}])),
            "ForeignKeyViolation",
        ),
        refused(
            "unknown TLP",
            iocs(json!([{"ioc_value": "v", "ioc_type_id": 76, "ioc_tlp_id": 9}])),
            "ForeignKeyViolation",
        ),
        refused(
            "empty value",
            iocs(json!([{"ioc_value": "", "ioc_type_id": 76}])),
            "Shorter than minimum length 1.",
        ),
        refused(
            "no value",
            iocs(json!([{"ioc_type_id": 76}])),
            "Missing data for required field.",
        ),
        accepted(
            "512 characters of tags",
            iocs(json!([{"ioc_value": "v", "ioc_type_id": 76, "ioc_tags": "t".repeat(512)}])),
        ),
        refused(
            "513 characters of tags",
            iocs(json!([{"ioc_value": "v", "ioc_type_id": 76, "ioc_tags": "t".repeat(513)}])),
            "Longer than maximum length 512.",
        ),
        accepted(
            "value does not fit the type",
            iocs(json!([{"ioc_value": "not an ip", "ioc_type_id": 76}])),
        ),
        accepted(
            "100 KB value",
            iocs(json!([{"ioc_value": incompressible(100_000), "ioc_type_id": 76}])),
        ),
        refused(
            "NUL in jsonb",
            iocs(json!([{"ioc_value": "v", "ioc_type_id": 76, "ioc_enrichment": {"a": "\0"}}])),
            "UntranslatableCharacter",
        ),
        refused(
            "NUL in a value",
            iocs(json!([{"ioc_value": "a\0b", "ioc_type_id": 76}])),
            "cannot contain NUL",
        ),
    ])
    .await;
}

#[tokio::test]
async fn assets_follow_their_own_rules() {
    let assets = |list: Value| alert(json!({"alert_assets": list}));
    let non_null = "Invalid data - non null expected";
    check(vec![
        refused(
            "null list",
            assets(json!(null)),
            "'NoneType' object is not iterable",
        ),
        accepted(
            "empty name",
            assets(json!([{"asset_name": "", "asset_type_id": 9}])),
        ),
        refused(
            "no name",
            assets(json!([{"asset_type_id": 9}])),
            "Missing data for required field.",
        ),
        refused("no type", assets(json!([{"asset_name": "a"}])), non_null),
        refused(
            "null type",
            assets(json!([{"asset_name": "a", "asset_type_id": null}])),
            non_null,
        ),
        refused(
            "unknown type",
            assets(json!([{"asset_name": "a", "asset_type_id": 99}])),
            "Invalid asset type ID",
        ),
        refused(
            "type by name",
            assets(json!([{"asset_name": "a", "asset_type_id": "Firewall"}])),
            "Invalid asset type ID",
        ),
        accepted(
            "any compromise",
            assets(
                json!([{"asset_name": "a", "asset_type_id": 9, "asset_compromise_status_id": 77}]),
            ),
        ),
        accepted(
            "analysis 6",
            assets(json!([{"asset_name": "a", "asset_type_id": 9, "analysis_status_id": 6}])),
        ),
        refused(
            "analysis 7",
            assets(json!([{"asset_name": "a", "asset_type_id": 9, "analysis_status_id": 7}])),
            "ForeignKeyViolation",
        ),
        refused(
            "long name",
            assets(json!([{"asset_name": incompressible(2_700), "asset_type_id": 9}])),
            "maximum 2704 for index \"idx_case_assets_name\"",
        ),
        refused(
            "NUL",
            assets(json!([{"asset_name": "a\0", "asset_type_id": 9}])),
            "cannot contain NUL",
        ),
    ])
    .await;
}

#[tokio::test]
async fn nul_is_refused_in_text_and_kept_in_free_json() {
    let refusal = "A string literal cannot contain NUL (0x00) characters.";
    let mut rows = Vec::new();
    for field in [
        "alert_title",
        "alert_description",
        "alert_source",
        "alert_source_ref",
        "alert_source_link",
        "alert_note",
        "alert_tags",
    ] {
        rows.push(refused(
            "NUL in text",
            alert(json!({field: "a\0b"})),
            refusal,
        ));
    }
    rows.push(accepted(
        "NUL in free JSON",
        alert(json!({"alert_source_content": {"a\0": "b\0"}, "alert_context": {"c": "\0"}})),
    ));
    check(rows).await;
}

#[tokio::test]
async fn indexed_text_has_a_limit_and_other_text_has_none() {
    let just_too_long = incompressible(2_700);
    let limit = |index: &str| {
        format!("index row size 2712 exceeds btree version 4 maximum 2704 for index \"{index}\"")
    };
    check(vec![
        refused(
            "title",
            alert(json!({"alert_title": just_too_long})),
            limit("idx_alerts_title"),
        ),
        refused(
            "ref",
            alert(json!({"alert_source_ref": just_too_long})),
            limit("idx_alert_source_ref"),
        ),
        refused(
            "tag",
            alert(json!({"alert_tags": format!("ok,{just_too_long}")})),
            limit("tags_tag_title_key"),
        ),
        accepted(
            "2,690 bytes",
            alert(json!({"alert_title": incompressible(2_690)})),
        ),
        accepted(
            "100 KB of one letter",
            alert(json!({"alert_title": "a".repeat(100_000)})),
        ),
        refused(
            "1 MB of one letter",
            alert(json!({"alert_title": "a".repeat(1_000_000)})),
            "ProgramLimitExceeded",
        ),
        accepted(
            "1 MB description",
            alert(json!({"alert_description": incompressible(1_000_000)})),
        ),
    ])
    .await;
}

#[tokio::test]
async fn one_uuid_is_stored_once_in_whatever_form_it_comes() {
    let upper = "6F8AA353-0000-4000-8000-00000000000A";
    let bare = "6f8aa35300004000800000000000000a";
    check(vec![
        accepted("upper case", alert(json!({"alert_uuid": upper}))),
        refused(
            "without hyphens",
            alert(json!({"alert_uuid": bare})),
            "\"alerts_alert_uuid_key\"",
        ),
        refused(
            "again",
            alert(json!({"alert_uuid": upper})),
            "(psycopg2.errors.UniqueViolation)",
        ),
    ])
    .await;
}

#[tokio::test]
async fn bodies_that_are_no_object_get_pythons_answers() {
    check(vec![
        refused("empty object", json!({}), "No JSON data provided"),
        refused("empty list", json!([]), "No JSON data provided"),
        refused("null", json!(null), "No JSON data provided"),
        refused(
            "list of alerts",
            json!([alert(json!({}))]),
            "pop expected at most 1 argument, got 2",
        ),
    ])
    .await;
}

#[tokio::test]
async fn unreadable_bodies_get_an_html_page() {
    let server = Server::start().await;
    let gzip = b"\x1f\x8b\x08\x00\x00\x00\x00\x00".to_vec();
    for body in [
        b"{".to_vec(),
        Vec::new(),
        b"{\"alert_title\":\"\xff\"}".to_vec(),
        b"{\"alert_title\":\"a\x01b\"}".to_vec(),
        gzip,
    ] {
        let got = server.send(body.clone(), JSON).await;
        assert_eq!(got.status, 400, "{body:?}");
        assert!(
            got.is_html() && got.text.contains("Bad Request"),
            "{}",
            got.text
        );
    }
    let good = serde_json::to_vec(&alert(json!({}))).unwrap();
    let got = server.send(good.clone(), "text/plain").await;
    assert!(got.status == 415 && got.is_html());
    assert_eq!(server.sandbox.alert_count(), 0);
    assert_eq!(
        server
            .send(good.clone(), "application/json; charset=utf-8")
            .await
            .status,
        200
    );
    let mut with_mark = b"\xef\xbb\xbf".to_vec();
    with_mark.extend(good);
    assert_eq!(server.send(with_mark, JSON).await.status, 200);
}

#[tokio::test]
async fn lone_surrogates_break_text_and_survive_in_free_json() {
    let server = Server::start().await;
    let body = |field: &str, value: &str| {
        format!(
            "{{\"alert_title\":\"t\",\"alert_severity_id\":4,\"alert_status_id\":2,\"alert_customer_id\":1,\"{field}\":{value}}}"
        )
        .into_bytes()
    };
    let got = server.send(body("alert_note", r#""ab\ud800""#), JSON).await;
    assert_eq!(got.status, 400);
    let expected =
        "'utf-8' codec can't encode character '\\ud800' in position 2: surrogates not allowed";
    assert_eq!(got.message(), expected);
    let ioc = server
        .send(
            body("alert_iocs", r#"[{"ioc_value":"\udfff","ioc_type_id":76}]"#),
            JSON,
        )
        .await;
    assert_eq!(ioc.status, 400);
    assert_eq!(server.sandbox.alert_count(), 0);
    let got = server
        .send(body("alert_source_content", r#"{"a":"\ud800"}"#), JSON)
        .await;
    assert_eq!(got.status, 200);
    assert!(got.text.contains(r#"{"a":"\ud800"}"#), "{}", got.text);
}

#[tokio::test]
async fn numbers_that_are_none_are_no_json_for_postgresql() {
    let server = Server::start().await;
    for number in ["NaN", "Infinity", "1e400"] {
        for field in ["alert_source_content", "alert_context"] {
            let body = format!(
                "{{\"alert_title\":\"t\",\"alert_severity_id\":4,\"alert_status_id\":2,\"alert_customer_id\":1,\
                 \"{field}\":{{\"n\":{number}}}}}"
            );
            let got = server.send(body.into_bytes(), JSON).await;
            assert_eq!(got.status, 400, "{number}");
            assert!(
                got.message().contains("invalid input syntax for type json"),
                "{}",
                got.message()
            );
        }
    }
    assert_eq!(server.sandbox.alert_count(), 0);
}

#[tokio::test]
async fn deep_nesting_is_stored_then_refused_then_fatal() {
    let server = Server::start().await;
    let body = |depth: usize| {
        let mut body = serde_json::to_string(&alert(json!({}))).unwrap();
        body.truncate(body.len() - 1);
        body.push_str(",\"alert_source_content\":");
        body.push_str(&"[".repeat(depth));
        body.push_str(&"]".repeat(depth));
        body.push('}');
        body.into_bytes()
    };
    assert_eq!(server.send(body(905), JSON).await.status, 200);
    let refused = server.send(body(910), JSON).await;
    assert_eq!(refused.status, 400);
    assert!(
        refused
            .message()
            .contains("maximum recursion depth exceeded")
    );
    for depth in [920, 50_000] {
        let fatal = server.send(body(depth), JSON).await;
        assert!(fatal.status == 500 && fatal.is_html(), "{depth}");
    }
    assert_eq!(server.sandbox.alert_count(), 1);
}

#[tokio::test]
async fn a_foreign_customer_is_a_400_on_add() {
    let user = alertbridge_sandbox::IrisUser::minimal_service_account(5, "service", &[1]);
    let options = alertbridge_sandbox::IrisOptions {
        users: vec![user],
        customers: vec![(1, "One".to_owned()), (2, "Two".to_owned())],
        ..Default::default()
    };
    let server = Server::with(options).await;
    let own = server
        .post_as("service", "/alerts/add", &alert(json!({})))
        .await;
    assert_eq!(own.status, 200);
    for customer in [2, 99] {
        let got = server
            .post_as(
                "service",
                "/alerts/add",
                &alert(json!({"alert_customer_id": customer})),
            )
            .await;
        assert_eq!(got.status, 400);
        assert_eq!(
            got.message(),
            "User not entitled to create alerts for the client"
        );
    }
    assert_eq!(server.sandbox.alert_count(), 1);
}

#[tokio::test]
async fn an_existing_alert_id_overwrites_that_alert() {
    let server = Server::start().await;
    let id = server
        .add(&alert(json!({"alert_note": "kept"})))
        .await
        .data()["alert_id"]
        .clone();
    let got = server
        .add(&alert(json!({"alert_id": id, "alert_title": "other"})))
        .await;
    assert_eq!(got.data()["alert_note"], "kept");
    let alerts = server.sandbox.alerts();
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0].title, "other");
}

#[tokio::test]
async fn an_ioc_id_rewrites_the_known_ioc_for_both_alerts() {
    let server = Server::start().await;
    let first = server
        .add(&alert(
            json!({"alert_iocs": [{"ioc_value": "old", "ioc_type_id": 76}]}),
        ))
        .await;
    let ioc_id = first.data()["iocs"][0]["ioc_id"].clone();
    let body =
        alert(json!({"alert_iocs": [{"ioc_id": ioc_id, "ioc_value": "new", "ioc_type_id": 76}]}));
    server.add(&body).await.data();
    for stored in server.sandbox.alerts() {
        assert_eq!(stored.raw["iocs"][0]["ioc_value"], "new");
    }
}

#[tokio::test]
async fn failed_inserts_leave_gaps_in_the_ids() {
    let server = Server::start().await;
    let uuid = "6f8aa353-0000-4000-8000-00000000000b";
    let first = server.add(&alert(json!({"alert_uuid": uuid}))).await.data();
    server.add(&alert(json!({"alert_uuid": uuid}))).await;
    let next = server.add(&alert(json!({}))).await.data();
    assert_eq!(first["alert_id"], 1);
    assert_eq!(next["alert_id"], 3);
}

#[tokio::test]
async fn an_answer_repeats_the_whole_alert_in_each_asset() {
    let server = Server::start().await;
    let assets: Vec<Value> = (0..10)
        .map(|n| json!({"asset_name": format!("host{n}"), "asset_type_id": 3}))
        .collect();
    let content = json!({"text": incompressible(100_000)});
    let got = server
        .add(&alert(
            json!({"alert_assets": assets, "alert_source_content": content}),
        ))
        .await;
    assert_eq!(
        got.data()["assets"][3]["alerts"][0]["alert_source_content"],
        content
    );
    assert!(
        (1_000_000..1_300_000).contains(&got.text.len()),
        "{} bytes",
        got.text.len()
    );
}
