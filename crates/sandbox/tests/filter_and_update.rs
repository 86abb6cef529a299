//! Searching, changing and relating alerts as facts/iris.md §5, §6 and §7 measured it.
#![expect(clippy::unwrap_used, reason = "a failed step ends the test")]

mod support;

use alertbridge_sandbox::{IrisOptions, IrisUser};
use serde_json::{Value, json};
use support::{Server, alert};

async fn server_with_refs(options: IrisOptions, refs: &[&str]) -> Server {
    let server = Server::with(options).await;
    for source_ref in refs {
        server
            .add(&alert(json!({"alert_source_ref": source_ref})))
            .await
            .data();
    }
    server
}

fn version(version: &str) -> IrisOptions {
    IrisOptions {
        version: version.to_owned(),
        ..Default::default()
    }
}

fn condition(field: &str, operator: &str, value: Value) -> String {
    json!([{"field": field, "operator": operator, "value": value}]).to_string()
}

#[tokio::test]
async fn source_reference_is_a_case_sensitive_substring_with_live_wildcards() {
    let refs = ["wz:123", "wz:1234", "WZ:99", r"a\b", "50%"];
    let server = server_with_refs(IrisOptions::default(), &refs).await;
    server.add(&alert(json!({}))).await.data();
    for (pattern, expected) in [
        ("wz:123", vec![1, 2]),
        ("WZ", vec![3]),
        ("wz_1", vec![1, 2]),
        ("w%4", vec![2]),
        (r"a\b", vec![]),
        (r"a\\b", vec![4]),
        (r"50\%", vec![5]),
        ("", vec![1, 2, 3, 4, 5]),
    ] {
        assert_eq!(
            server.found(&[("source_reference", pattern)]).await,
            expected,
            "{pattern}"
        );
    }
}

#[tokio::test]
async fn unknown_parameters_return_everything() {
    let server = server_with_refs(IrisOptions::default(), &["a", "b"]).await;
    assert_eq!(server.found(&[("alert_source_ref", "a")]).await, [1, 2]);
    assert_eq!(
        server.found(&[("alert_start_date", "2020-01-01")]).await,
        [1, 2]
    );
}

#[tokio::test]
async fn older_servers_ignore_the_newer_parameters() {
    let exact = condition("alert_source_ref", "eq", json!("a"));
    let server = server_with_refs(version("v2.4.16"), &["a", "b"]).await;
    assert_eq!(server.found(&[("custom_conditions", &exact)]).await, [1, 2]);
    assert_eq!(server.found(&[("source_reference", "a")]).await, [1]);
    let whole = server.get("/alerts/filter?fields=alert_id").await.data();
    assert!(whole["alerts"][0].get("alert_title").is_some());
    let server = server_with_refs(version("v2.4.14"), &["a", "b"]).await;
    assert_eq!(server.found(&[("source_reference", "a")]).await, [1, 2]);
}

#[tokio::test]
async fn custom_conditions_look_up_exactly() {
    let server = server_with_refs(IrisOptions::default(), &["wz:1", "wz:12", "other"]).await;
    let uuid = "6f8aa353-0000-4000-8000-00000000000c";
    server.add(&alert(json!({"alert_uuid": uuid}))).await.data();
    for (field, operator, value, expected) in [
        ("alert_source_ref", "eq", json!("wz:1"), vec![1]),
        (
            "alert_source_ref",
            "in",
            json!(["wz:1", "other"]),
            vec![1, 3],
        ),
        ("alert_source_ref", "not", json!("wz:1"), vec![2, 3]),
        (
            "alert_source_ref",
            "not_in",
            json!(["wz:1", "wz:12"]),
            vec![3],
        ),
        ("alert_source_ref", "like", json!("wz"), vec![1, 2]),
        ("alert_uuid", "eq", json!(uuid.to_uppercase()), vec![4]),
        ("alert_id", "eq", json!(2), vec![2]),
        ("alert_severity_id", "eq", json!("4"), vec![1, 2, 3, 4]),
    ] {
        let text = condition(field, operator, value);
        assert_eq!(
            server.found(&[("custom_conditions", &text)]).await,
            expected,
            "{text}"
        );
    }
    let both = json!([
        {"field": "alert_source_ref", "operator": "like", "value": "wz"},
        {"field": "alert_source_ref", "operator": "not", "value": "wz:1"},
    ]);
    assert_eq!(
        server
            .found(&[("custom_conditions", &both.to_string())])
            .await,
        [2]
    );
}

#[tokio::test]
async fn bad_custom_conditions_are_refused() {
    let server = Server::start().await;
    for text in [
        "not json".to_owned(),
        condition("nonsense", "eq", json!(1)),
        condition("alert_title", "nonsense", json!(1)),
    ] {
        let url = format!("{}/alerts/filter", server.sandbox.url());
        let request = server.client.get(url).bearer_auth(&server.key);
        let response = request
            .query(&[("custom_conditions", &text)])
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 400, "{text}");
    }
    let bad_uuid = condition("alert_uuid", "eq", json!("zzz"));
    let url = format!("{}/alerts/filter", server.sandbox.url());
    let request = server.client.get(url).bearer_auth(&server.key);
    let response = request
        .query(&[("custom_conditions", &bad_uuid)])
        .send()
        .await
        .unwrap();
    assert_eq!(
        support::Got::from(response).await.message(),
        "Filtering error"
    );
}

#[tokio::test]
async fn pages_are_counted_and_fields_chosen() {
    let refs: Vec<String> = (0..45).map(|n| format!("ref{n}")).collect();
    let refs: Vec<&str> = refs.iter().map(String::as_str).collect();
    let server = server_with_refs(IrisOptions::default(), &refs).await;
    for per_page in ["0", "-1", "nonsense"] {
        let page = server
            .get(&format!("/alerts/filter?per_page={per_page}"))
            .await
            .data();
        assert_eq!(page["alerts"].as_array().unwrap().len(), 20, "{per_page}");
    }
    let page = server.get("/alerts/filter?per_page=20&page=2").await.data();
    assert_eq!(
        (&page["total"], &page["last_page"]),
        (&json!(45), &json!(3))
    );
    assert_eq!(
        (&page["current_page"], &page["next_page"]),
        (&json!(2), &json!(3))
    );
    let beyond = server.get("/alerts/filter?page=99").await.data();
    assert_eq!(beyond["alerts"], json!([]));
    let all = server
        .get("/alerts/filter?per_page=1000&fields=alert_id,alert_source_ref")
        .await
        .data();
    assert_eq!(all["alerts"].as_array().unwrap().len(), 45);
    assert_eq!(all["alerts"][0].as_object().unwrap().len(), 2);
    let wrong = server
        .get("/alerts/filter?fields=alert_id,nonsense")
        .await
        .data();
    assert!(wrong["alerts"][0].get("alert_title").is_some());
}

#[tokio::test]
async fn tags_are_one_string_and_sorting_is_by_event_time() {
    let server = Server::start().await;
    for (tags, time) in [
        ("alpha,rule:3", "2026-01-02T00:00:00"),
        ("beta", "2026-01-03T00:00:00"),
    ] {
        server
            .add(&alert(
                json!({"alert_tags": tags, "alert_source_event_time": time}),
            ))
            .await
            .data();
    }
    assert_eq!(server.found(&[("alert_tags", "ALPHA")]).await, [1]);
    assert_eq!(server.found(&[("alert_tags", "alpha,rule:3")]).await, [1]);
    assert_eq!(
        server.found(&[("alert_tags", "rule:3,alpha")]).await,
        Vec::<i64>::new()
    );
    assert_eq!(
        server.get("/alerts/filter").await.data()["alerts"][0]["alert_id"],
        2
    );
    assert_eq!(
        server.get("/alerts/filter?sort=asc").await.data()["alerts"][0]["alert_id"],
        1
    );
    let span = [
        ("source_start_date", "2026-01-02T12:00:00"),
        ("source_end_date", "2026-01-04T00:00:00"),
    ];
    assert_eq!(server.found(&span).await, [2]);
    assert_eq!(
        server.found(&span[..1]).await,
        [1, 2],
        "one end alone is ignored"
    );
}

#[tokio::test]
async fn a_request_line_over_4094_bytes_is_an_html_400() {
    let server = Server::start().await;
    let fits = format!("/alerts/filter?x={}", "a".repeat(3_200));
    assert_eq!(server.get(&fits).await.status, 200);
    let exact = 4_094 - "GET  HTTP/1.1".len() - "/alerts/filter?x=".len();
    assert_eq!(
        server
            .get(&format!("/alerts/filter?x={}", "a".repeat(exact)))
            .await
            .status,
        200
    );
    let got = server
        .get(&format!("/alerts/filter?x={}", "a".repeat(exact + 1)))
        .await;
    assert!(got.status == 400 && got.is_html());
    assert!(got.text.contains("Request Line is too large"));
}

#[tokio::test]
async fn a_service_account_sees_only_its_customers_but_collides_with_all() {
    let options = IrisOptions {
        users: vec![IrisUser::minimal_service_account(5, "service", &[1])],
        customers: vec![(1, "One".to_owned()), (2, "Two".to_owned())],
        ..Default::default()
    };
    let server = Server::with(options).await;
    let uuid = "6f8aa353-0000-4000-8000-00000000000d";
    server
        .add(&alert(json!({"alert_customer_id": 2, "alert_uuid": uuid})))
        .await
        .data();
    let seen = server.get_as("service", "/alerts/filter").await.data();
    assert_eq!(seen["total"], 0);
    assert_eq!(
        server.get_as("service", "/alerts/1").await.message(),
        "Alert not found"
    );
    assert_eq!(server.get_as("service", "/alerts/7").await.status, 400);
    let update = server
        .post_as("service", "/alerts/update/1", &json!({"alert_note": "n"}))
        .await;
    assert_eq!(update.status, 403);
    let collision = server
        .post_as(
            "service",
            "/alerts/add",
            &alert(json!({"alert_uuid": uuid})),
        )
        .await;
    assert!(collision.message().contains("alerts_alert_uuid_key"));
}

#[tokio::test]
async fn an_update_takes_an_alert_without_owner_unless_told_otherwise() {
    let server = Server::start().await;
    server.add(&alert(json!({}))).await.data();
    let note = |owner: Value| json!({"alert_note": "n", "alert_owner_id": owner});
    let kept = server
        .post("/alerts/update/1", &note(json!(-1)))
        .await
        .data();
    assert_eq!(kept["alert_owner_id"], json!(null));
    let taken = server
        .post("/alerts/update/1", &json!({"alert_note": "m"}))
        .await
        .data();
    assert_eq!(taken["alert_owner_id"], 1);
    let freed = server
        .post("/alerts/update/1", &note(json!(-1)))
        .await
        .data();
    assert_eq!(
        freed["alert_owner_id"],
        json!(null),
        "-1 takes it from an analyst too"
    );
    assert_eq!(
        server.post("/alerts/update/9", &json!({})).await.message(),
        "Alert not found"
    );
}

#[tokio::test]
async fn an_update_overwrites_and_the_history_keeps_values_but_not_notes() {
    let server = Server::start().await;
    let body = alert(
        json!({"alert_tags": "a", "alert_note": "old note", "alert_iocs": [{"ioc_value": "v", "ioc_type_id": 76}]}),
    );
    server.add(&body).await.data();
    let changes = json!({"alert_tags": "b", "alert_note": "new note", "iocs": [], "whatever": 1});
    let updated = server.post("/alerts/update/1", &changes).await.data();
    assert_eq!(updated["alert_tags"], "b");
    assert_eq!(updated["iocs"], json!([]));
    assert_eq!(updated["alert_title"], "a title");
    let history = updated["modification_history"].to_string();
    assert!(history.contains(r#"from \"a\" to \"b\""#), "{history}");
    assert!(
        history.contains("alert_note") && !history.contains("old note"),
        "{history}"
    );
    let refused = server
        .post("/alerts/update/1", &json!({"alert_severity_id": 99}))
        .await;
    assert!(refused.message().contains("ForeignKeyViolation"));
}

#[tokio::test]
async fn a_batch_update_stops_at_the_first_bad_id() {
    let server = server_with_refs(IrisOptions::default(), &["a", "b"]).await;
    let body = json!({"alert_ids": [1, 99, 2], "updates": {"alert_note": "n", "alert_tags": ""}, "alert_owner_id": -1});
    assert_eq!(server.post("/alerts/batch/update", &body).await.status, 400);
    let alerts = server.sandbox.alerts();
    assert_eq!(alerts[0].raw["alert_note"], "n");
    assert_eq!(alerts[0].raw["alert_owner_id"], json!(null));
    assert_eq!(alerts[1].raw["alert_note"], json!(null));
}

#[tokio::test]
async fn comments_touch_neither_owner_nor_fields() {
    let server = Server::start().await;
    server.add(&alert(json!({}))).await.data();
    let comment = json!({"comment_text": "**seen**"});
    assert_eq!(
        server.post("/alerts/1/comments/add", &comment).await.data()["comment_id"],
        1
    );
    let listed = server.get("/alerts/1/comments/list").await.data();
    assert_eq!(listed[0]["comment_text"], "**seen**");
    assert_eq!(
        server.sandbox.alerts()[0].raw["alert_owner_id"],
        json!(null)
    );
    assert_eq!(
        server
            .post("/alerts/1/comments/add", &json!({"comment_text": ""}))
            .await
            .status,
        200
    );
    let fatal = server
        .post("/alerts/1/comments/add", &json!({"comment_text": "\0"}))
        .await;
    assert!(fatal.status == 500 && fatal.is_html());
}

#[tokio::test]
async fn escalating_makes_a_case_each_time_even_when_refused() {
    let server = Server::start().await;
    server.add(&alert(json!({}))).await.data();
    let refused = server
        .post("/alerts/escalate/1", &json!({"note": ""}))
        .await;
    assert_eq!(
        refused.message(),
        "'NoneType' object has no attribute 'split'"
    );
    assert_eq!(server.sandbox.alerts()[0].status_id, 8);
    let body = json!({"case_tags": "", "case_title": "c"});
    let first = server.post("/alerts/escalate/1", &body).await.data()["case_id"].clone();
    let second = server.post("/alerts/escalate/1", &body).await.data()["case_id"].clone();
    assert_ne!(first, second);
    let merge = json!({"target_case_id": first});
    server.post("/alerts/merge/1", &merge).await.data();
    assert_eq!(
        server.sandbox.alerts()[0].raw["cases"],
        json!([first, second])
    );
}

#[tokio::test]
async fn a_deleted_alert_frees_its_uuid() {
    let server = Server::start().await;
    let body = alert(json!({"alert_uuid": "6f8aa353-0000-4000-8000-00000000000e"}));
    server.add(&body).await.data();
    assert_eq!(server.add(&body).await.status, 400);
    server.post("/alerts/delete/1", &json!({})).await.data();
    assert_eq!(server.sandbox.alert_count(), 0);
    server.add(&body).await.data();
    server
        .post("/alerts/batch/delete", &json!({"alert_ids": [2]}))
        .await;
}

#[tokio::test]
async fn one_alert_lists_its_relations_once_per_matching_row() {
    let server = Server::start().await;
    let body = alert(json!({
        "alert_iocs": [{"ioc_value": "v", "ioc_type_id": 76}],
        "alert_assets": [{"asset_name": "host", "asset_type_id": 3}, {"asset_name": "host", "asset_type_id": 3}],
    }));
    server.add(&body).await.data();
    server.add(&body).await.data();
    let related = server.get("/alerts/1").await.data()["related_alerts"].clone();
    assert_eq!(related, json!({"assets": [2, 2], "iocs": [2]}));
}
