//! The page shows what is stored and lets no alert's text become markup.
#![expect(clippy::unwrap_used, reason = "a failed step ends the test")]

mod support;

use std::time::Duration;

use alertbridge_sandbox::Fault;
use serde_json::json;
use support::{Got, Server, alert};

async fn open(server: &Server, path: &str) -> Got {
    let url = format!("{}{path}", server.sandbox.url());
    Got::from(server.client.get(url).send().await.unwrap()).await
}

#[tokio::test]
async fn the_list_shows_the_newest_first_without_a_key() {
    let server = Server::start().await;
    assert!(
        open(&server, "/")
            .await
            .text
            .contains("No alert has arrived yet")
    );
    for (title, severity) in [("the older one", 5), ("the newer one", 6)] {
        let body = alert(json!({
            "alert_title": title,
            "alert_severity_id": severity,
            "alert_source_ref": "manager:1",
            "alert_tags": "wazuh,ssh",
        }));
        server.add(&body).await.data();
    }
    let page = open(&server, "/").await;
    assert!(page.is_html() && page.text.contains("<h1>2 alerts</h1>"));
    assert!(page.text.find("the newer one").unwrap() < page.text.find("the older one").unwrap());
    for piece in [
        "severity critical\">Critical",
        "IrisInitialClient",
        "manager:1",
        ">ssh</bdi>",
    ] {
        assert!(page.text.contains(piece), "{piece}");
    }
    assert_eq!(
        open(&server, "/page/style.css").await.content_type,
        "text/css; charset=utf-8"
    );
    assert_eq!(open(&server, "/page/alerts/9").await.status, 404);
}

#[tokio::test]
async fn hostile_text_stays_text_everywhere() {
    let server = Server::start().await;
    let hostile = "x\"'><script>alert(1)</script><img src=x onerror=alert(1)>";
    let body = alert(json!({
        "alert_title": hostile,
        "alert_description": hostile,
        "alert_source": hostile,
        "alert_source_ref": hostile,
        "alert_source_link": "javascript:alert(1)",
        "alert_tags": hostile,
        "alert_note": hostile,
        "alert_source_content": {hostile: hostile},
        "alert_iocs": [{"ioc_value": hostile, "ioc_type_id": 135}],
        "alert_assets": [{"asset_name": hostile, "asset_type_id": 3}],
    }));
    server.add(&body).await.data();
    for path in ["/", "/page/alerts/1"] {
        let page = open(&server, path).await;
        assert_eq!(page.status, 200);
        assert!(
            page.text.contains("&lt;script&gt;alert(1)"),
            "{path} does not show the text"
        );
        assert!(!page.text.contains("<script"), "{path}");
        assert!(!page.text.contains("<img"), "{path}");
        assert!(!page.text.contains("\"'>"), "{path}");
        assert!(!page.text.contains("href=\"javascript"), "{path}");
    }
}

#[tokio::test]
async fn what_a_review_and_an_analyst_said_is_on_the_page() {
    let server = Server::start().await;
    let many = "wazuh,a,b,c,d,e,f,ai-reviewed,ai-verdict:benign";
    let body = alert(json!({
        "alert_tags": many,
        "alert_note": "Called the owner.\n\n---- Alertbridge: triage ----\nbenign, 2 < 3",
    }));
    server.add(&body).await.data();
    let analyst = json!({"alert_resolution_status_id": 1});
    server.post("/alerts/update/1", &analyst).await.data();
    server
        .post("/alerts/1/comments/add", &json!({"comment_text": "agreed"}))
        .await
        .data();
    let list = open(&server, "/").await.text;
    for tag in ["ai-reviewed", "ai-verdict:benign"] {
        assert!(list.contains(&format!(">{tag}</bdi>")), "{tag}");
    }
    let page = open(&server, "/page/alerts/1").await.text;
    for piece in [
        "<bdi class=\"long\">Called the owner.\n\n---- Alertbridge: triage ----\nbenign, 2 &lt; 3</bdi>",
        "<th>Resolution</th><td>False Positive</td>",
        "administrator: agreed",
        ">ai-verdict:benign</bdi>",
    ] {
        assert!(page.contains(piece), "{piece}");
    }
}

#[tokio::test]
async fn the_policy_allows_no_script_and_nothing_from_elsewhere() {
    let server = Server::start().await;
    let response = server
        .client
        .get(server.sandbox.url())
        .send()
        .await
        .unwrap();
    let policy = response.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'self'"),
        "{policy}"
    );
    assert!(
        !policy.contains("script-src") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
}

#[tokio::test]
async fn a_foreign_host_name_is_refused() {
    let server = Server::start().await;
    let request = server
        .client
        .get(server.sandbox.url())
        .header("host", "attacker.example");
    assert_eq!(request.send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn faults_of_the_server_do_not_hide_the_page() {
    let server = Server::start().await;
    let faults = server.sandbox.faults();
    faults.database_down(true);
    faults.unauthorized(true);
    faults.next_on(
        "/",
        Fault::SlowBytes {
            pause: Duration::from_secs(60),
        },
    );
    assert_eq!(open(&server, "/").await.status, 200);
}
