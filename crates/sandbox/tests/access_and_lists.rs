//! Keys, permissions, cookies, unknown routes, and the lists with their odd ids (facts/iris.md §2 and §3).
#![expect(clippy::unwrap_used, reason = "a failed step ends the test")]

mod support;

use alertbridge_sandbox::{IdOrder, IrisOptions, IrisUser, permission};
use serde_json::json;
use support::{Got, Server, alert};

fn with_service_account() -> IrisOptions {
    IrisOptions {
        users: vec![IrisUser::minimal_service_account(5, "service", &[1])],
        ..Default::default()
    }
}

#[tokio::test]
async fn a_missing_or_wrong_key_is_401_on_every_route() {
    let mut options = with_service_account();
    options.users[0].active = false;
    let server = Server::with(options).await;
    let expected = json!({"status": "error", "message": "Authentication required", "data": []});
    for key in ["wrong", "", "service"] {
        for path in [
            "/api/ping",
            "/alerts/filter",
            "/alerts/1",
            "/manage/severities/list",
        ] {
            let got = server.get_as(key, path).await;
            assert_eq!(
                (got.status, got.json()),
                (401, expected.clone()),
                "{key} {path}"
            );
        }
        assert_eq!(
            server
                .post_as(key, "/alerts/add", &alert(json!({})))
                .await
                .status,
            401
        );
    }
}

#[tokio::test]
async fn three_header_forms_carry_the_key() {
    let server = Server::start().await;
    let url = format!("{}/api/ping", server.sandbox.url());
    for (name, value) in [
        ("authorization", format!("Bearer {}", server.key)),
        ("authorization", server.key.clone()),
        ("x-iris-auth", server.key.clone()),
    ] {
        let got = Got::from(
            server
                .client
                .get(&url)
                .header(name, value)
                .send()
                .await
                .unwrap(),
        )
        .await;
        assert_eq!(got.message(), "pong");
    }
}

#[tokio::test]
async fn the_self_check_routes_answer() {
    let server = Server::with(with_service_account()).await;
    let versions = server.get("/api/versions").await.data();
    assert_eq!(
        versions,
        json!({"iris_current": "v2.4.20", "api_min": "2.0.4", "api_current": "2.0.5"})
    );
    let me = server.get_as("service", "/user/whoami").await.data();
    assert_eq!(
        (&me["user_id"], &me["is_service_account"]),
        (&json!(5), &json!(true))
    );
    let write =
        json!({"permission_value": permission::ALERTS_WRITE, "permission_name": "alerts_write"});
    assert_eq!(
        server
            .post_as("service", "/user/has-permission", &write)
            .await
            .status,
        200
    );
    let delete =
        json!({"permission_value": permission::ALERTS_DELETE, "permission_name": "alerts_delete"});
    let got = server
        .post_as("service", "/user/has-permission", &delete)
        .await;
    assert_eq!(
        (got.status, got.message().as_str()),
        (403, "User does not have permission")
    );
}

#[tokio::test]
async fn permissions_are_asked_for() {
    let mut options = with_service_account();
    options.users[0].permissions = permission::STANDARD_USER;
    let server = Server::with(options).await;
    let got = server
        .post_as("service", "/alerts/add", &alert(json!({})))
        .await;
    assert_eq!(
        (got.status, got.message().as_str()),
        (403, "Permission denied")
    );
    for path in ["/alerts/filter", "/alerts/1", "/manage/customers/list"] {
        assert_eq!(server.get_as("service", path).await.status, 403, "{path}");
    }
    assert_eq!(
        server
            .post_as("service", "/alerts/delete/1", &json!({}))
            .await
            .status,
        403
    );
    assert_eq!(
        server.get_as("service", "/manage/tlp/list").await.status,
        200
    );
    let customers = server.get("/manage/customers/list").await.data();
    assert_eq!(customers[0]["customer_name"], "IrisInitialClient");
}

#[tokio::test]
async fn cookies_hide_permission_changes_and_do_not_replace_the_key() {
    let server = Server::with(with_service_account()).await;
    let url = server.sandbox.url();
    let response = server
        .client
        .get(format!("{url}/api/ping"))
        .bearer_auth("service")
        .send()
        .await
        .unwrap();
    let cookie = response.headers()["set-cookie"]
        .to_str()
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    assert!(cookie.starts_with("session="));
    let post = server
        .client
        .post(format!("{url}/alerts/add"))
        .json(&alert(json!({})));
    let got = Got::from(post.header("cookie", &cookie).send().await.unwrap()).await;
    assert_eq!(
        (got.status, got.message().as_str()),
        (400, "Invalid CSRF token")
    );
    server
        .sandbox
        .set_permissions("service", permission::STANDARD_USER);
    assert_eq!(server.get_as("service", "/alerts/filter").await.status, 403);
    let cached = server
        .client
        .get(format!("{url}/alerts/filter"))
        .bearer_auth("service");
    assert_eq!(
        cached
            .header("cookie", &cookie)
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
}

#[tokio::test]
async fn unknown_routes_are_404_and_wrong_methods_405() {
    let server = Server::start().await;
    let json_404 = server.post("/alerts/add/", &json!({})).await;
    assert_eq!(
        (json_404.status, json_404.message().as_str()),
        (404, "Resource not found")
    );
    let html_404 = server.get("/nonsense").await;
    assert!(html_404.status == 404 && html_404.is_html());
    let wrong = server.get("/alerts/add").await;
    assert!(wrong.status == 405 && wrong.is_html());
    assert_eq!(server.get("/alerts/99999999999999999999").await.status, 404);
}

#[tokio::test]
async fn severity_ids_depend_on_when_the_server_was_installed() {
    for (ids, expected) in [
        (
            IdOrder::Fresh24,
            [
                "Medium",
                "Unspecified",
                "Informational",
                "Low",
                "High",
                "Critical",
            ],
        ),
        (
            IdOrder::UpTo23,
            [
                "Unspecified",
                "Informational",
                "Low",
                "Medium",
                "High",
                "Critical",
            ],
        ),
    ] {
        let server = Server::with(IrisOptions {
            ids,
            ..Default::default()
        })
        .await;
        let list = server.get("/manage/severities/list").await.data();
        let mut rows: Vec<(i64, String)> = list
            .as_array()
            .unwrap()
            .iter()
            .map(|row| {
                (
                    row["severity_id"].as_i64().unwrap(),
                    row["severity_name"].as_str().unwrap().to_owned(),
                )
            })
            .collect();
        rows.sort();
        let names: Vec<&str> = rows.iter().map(|(_, name)| name.as_str()).collect();
        assert_eq!(names, expected);
    }
}

#[tokio::test]
async fn the_order_of_a_list_varies_between_calls() {
    let server = Server::start().await;
    let first = server.get("/manage/ioc-types/list").await.data();
    let second = server.get("/manage/ioc-types/list").await.data();
    assert_eq!(first.as_array().unwrap().len(), 160);
    assert_ne!(first, second);
}

#[tokio::test]
async fn lists_hold_the_known_names_under_the_known_ids() {
    let server = Server::start().await;
    for (list, id_key, name_key, count, id, name) in [
        ("alert-status", "status_id", "status_name", 8, 2, "New"),
        (
            "alert-resolutions",
            "resolution_status_id",
            "resolution_status_name",
            6,
            6,
            "Legitimate",
        ),
        ("tlp", "tlp_id", "tlp_name", 5, 5, "amber+strict"),
        ("ioc-types", "type_id", "type_name", 160, 141, "url"),
        (
            "asset-type",
            "asset_id",
            "asset_name",
            21,
            18,
            "Windows Account - AD",
        ),
        (
            "case-classifications",
            "id",
            "name",
            36,
            15,
            "intrusion-attempts:login-attempts",
        ),
        ("analysis-status", "id", "name", 6, 1, "Unspecified"),
        ("compromise-status", "value", "name", 4, 1, "Compromised"),
    ] {
        let rows = server
            .get(&format!("/manage/{list}/list?cid=1"))
            .await
            .data();
        let rows = rows.as_array().unwrap();
        assert_eq!(rows.len(), count, "{list}");
        let row = rows.iter().find(|row| row[id_key] == id).unwrap();
        assert_eq!(row[name_key], name, "{list}");
    }
}

#[tokio::test]
async fn names_can_be_searched() {
    let server = Server::start().await;
    let search = json!({"severity_name": "high", "exact_match": true});
    let found = server
        .post("/manage/severities/search", &search)
        .await
        .data();
    assert_eq!(found[0]["severity_id"], 5);
    let nothing = json!({"ioc_type": "nonsense"});
    assert_eq!(
        server
            .post("/manage/ioc-types/search", &nothing)
            .await
            .status,
        400
    );
    let wrong_key = server
        .post("/manage/alert-status/search", &json!({"name": "New"}))
        .await;
    assert!(wrong_key.status == 500 && wrong_key.is_html());
}
