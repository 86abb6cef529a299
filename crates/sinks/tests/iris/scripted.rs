//! Answers that the sandbox never gives: stale ids, oversized and garbled bodies, proxies.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use alertbridge_sinks::{
    Outcome, Presence, Scope, Sink, attempt,
    iris::{IrisConfig, IrisSink, alert_uuid},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::world::{alert, outgoing};

/// A server that answers `/alerts/add` from a script and everything else sensibly.
struct Server {
    url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Whole HTTP answers to posts, in turn; the last one repeats.
    script: VecDeque<String>,
    /// Bodies of posts.
    posted: Vec<Value>,
    /// How often the severities were asked for; their ids grow with it.
    listed: i64,
    /// What `/alerts/filter` answers.
    found: String,
    headers: Vec<String>,
    /// The status of `/user/has-permission`.
    permission: u16,
}

fn http(status: u16, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn refusal(message: &str) -> String {
    http(
        400,
        "Content-Type: application/json\r\n",
        &json!({"status": "error", "message": message, "data": []}).to_string(),
    )
}

const NOTHING_FOUND: &str = r#"{"data":{"total":0,"alerts":[]}}"#;

impl Server {
    async fn start(script: &[String]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = State {
            script: script.iter().cloned().collect(),
            found: NOTHING_FOUND.to_owned(),
            permission: 200,
            ..State::default()
        };
        let state = Arc::new(Mutex::new(state));
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, shared.clone()));
            }
        });
        Self { url, state }
    }

    fn sink(&self, more: Value) -> IrisSink {
        let mut config = json!({"url": self.url, "key": "s3cret-key", "timeout": 5});
        for (key, value) in more.as_object().unwrap() {
            config[key] = value.clone();
        }
        IrisSink::connect(serde_json::from_value::<IrisConfig>(config).unwrap()).unwrap()
    }

    fn posted(&self) -> Vec<Value> {
        self.state.lock().unwrap().posted.clone()
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let mut bytes = Vec::new();
    let (head, body) = loop {
        let mut part = [0; 4096];
        let Ok(count @ 1..) = stream.read(&mut part).await else {
            return;
        };
        bytes.extend_from_slice(&part[..count]);
        let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8(bytes[..at].to_vec()).unwrap();
        let length = head.lines().find_map(|line| {
            line.to_lowercase()
                .strip_prefix("content-length: ")
                .map(|n| n.parse::<usize>().unwrap())
        });
        if bytes.len() >= at + 4 + length.unwrap_or(0) {
            break (head, bytes[at + 4..].to_vec());
        }
    };
    let answer = answer(&head, &body, &mut state.lock().unwrap());
    // The client may have seen enough.
    let _ = stream.write_all(answer.as_bytes()).await;
}

fn answer(head: &str, body: &[u8], state: &mut State) -> String {
    state.headers.push(head.to_owned());
    let path = head.split(' ').nth(1).unwrap();
    let rows = |id: &str, name: &str, names: &[&str], first: i64| {
        let rows: Vec<Value> = (first..)
            .zip(names)
            .map(|(number, text)| json!({id: number, name: text}))
            .collect();
        http(
            200,
            "",
            &json!({"status": "success", "data": rows}).to_string(),
        )
    };
    let severities = ["Informational", "Low", "Medium", "High", "Critical"];
    let iocs = [
        "domain", "email", "filename", "ip-any", "md5", "sha1", "sha256", "sha512", "url",
    ];
    let assets = [
        "Account",
        "Linux - Server",
        "Mac - Computer",
        "Windows - Computer",
    ];
    match path.split('?').next().unwrap() {
        "/alerts/add" => {
            state.posted.push(serde_json::from_slice(body).unwrap());
            if state.script.len() > 1 {
                state.script.pop_front().unwrap()
            } else {
                state.script[0].clone()
            }
        }
        "/alerts/filter" => http(200, "", &state.found),
        "/api/versions" => http(200, "", r#"{"data":{"iris_current":"v2.4.20"}}"#),
        "/manage/severities/list" => {
            state.listed += 1;
            rows(
                "severity_id",
                "severity_name",
                &severities,
                100 * state.listed,
            )
        }
        "/manage/alert-status/list" => rows("status_id", "status_name", &["New"], 2),
        "/manage/tlp/list" => rows("tlp_id", "tlp_name", &["amber"], 2),
        "/manage/ioc-types/list" => rows("type_id", "type_name", &iocs, 1),
        "/manage/asset-type/list" => rows("asset_id", "asset_name", &assets, 1),
        "/user/has-permission" => http(state.permission, "", ""),
        _ => http(404, "", ""),
    }
}

fn stored(reference: &str) -> String {
    let data = json!({"alert_id": 5, "alert_uuid": alert_uuid(1, reference)});
    http(
        200,
        "",
        &json!({"status": "success", "message": "", "data": data}).to_string(),
    )
}

const UNKNOWN_SEVERITY: &str = "(psycopg2.errors.ForeignKeyViolation) insert or update on table \"alerts\" violates foreign key constraint \
    \"alerts_alert_severity_id_fkey\"\nDETAIL:  x";
const UNKNOWN_IOC_TYPE: &str = "{'ioc_type_id': ['Invalid IOC type ID']}";
const UNKNOWN_ASSET_TYPE: &str = "{'asset_type_id': ['Invalid asset type ID']}";

#[tokio::test]
async fn stale_ids_are_read_anew_and_the_alert_is_sent_again_at_once() {
    let alert = alert(json!({}));
    let server = Server::start(&[
        refusal(UNKNOWN_SEVERITY),
        stored(alert.reference().as_str()),
    ])
    .await;
    let sink = server.sink(json!({}));
    let outcome = sink.deliver(&outgoing(&sink, alert)).await;
    assert!(matches!(outcome, Outcome::Delivered(_)), "{outcome:?}");
    let ids: Vec<Value> = server
        .posted()
        .iter()
        .map(|body| body["alert_severity_id"].clone())
        .collect();
    assert_eq!(ids, [json!(101), json!(201)]);
}

#[tokio::test]
async fn ids_that_stay_unknown_stop_the_sink_and_never_kill_the_alert() {
    let server = Server::start(&[refusal(UNKNOWN_SEVERITY)]).await;
    let sink = server.sink(json!({}));
    let outcome = sink.deliver(&outgoing(&sink, alert(json!({})))).await;
    assert!(
        matches!(
            outcome,
            Outcome::Paused {
                scope: Scope::Sink,
                ..
            }
        ),
        "{outcome:?}"
    );
    assert_eq!(server.posted().len(), 2);
}

#[tokio::test]
async fn refused_iocs_and_assets_are_left_out_one_after_the_other() {
    let alert = alert(json!({}));
    let script = [
        refusal(UNKNOWN_IOC_TYPE),
        refusal(UNKNOWN_IOC_TYPE),
        refusal(UNKNOWN_ASSET_TYPE),
        stored(alert.reference().as_str()),
    ];
    let server = Server::start(&script).await;
    let sink = server.sink(json!({}));
    let Outcome::Delivered(proof) = sink.deliver(&outgoing(&sink, alert)).await else {
        panic!("not delivered")
    };
    let changes: Vec<(&str, u32)> = proof
        .changes
        .iter()
        .map(|change| (change.what.as_str(), change.count))
        .collect();
    assert_eq!(changes, [("asset_refused", 2), ("ioc_refused", 1)]);
    let last = server.posted().pop().unwrap();
    assert_eq!(
        (&last["alert_iocs"], &last["alert_assets"]),
        (&json!([]), &json!([]))
    );
    assert!(
        last["alert_source_content"]["data"].is_object(),
        "the alert itself stays whole"
    );
}

#[tokio::test]
async fn an_alert_that_is_refused_for_itself_is_sent_bare_once_and_then_given_up() {
    let refused = refusal("{'alert_title': ['Not a valid string.']}");
    let known = alert(json!({}));
    let server = Server::start(&[refused.clone(), stored(known.reference().as_str())]).await;
    let sink = server.sink(json!({}));
    let Outcome::Delivered(proof) = sink.deliver(&outgoing(&sink, known)).await else {
        panic!("not delivered")
    };
    assert!(
        proof
            .changes
            .iter()
            .any(|change| change.what == "sent_bare")
    );
    let server = Server::start(&[refused]).await;
    let sink = server.sink(json!({}));
    let outcome = attempt(&sink, &outgoing(&sink, alert(json!({}))), false).await;
    assert!(
        matches!(&outcome, Outcome::Never { why } if why.contains("Not a valid string")),
        "{outcome:?}"
    );
    assert_eq!(server.posted().len(), 2);
}

#[tokio::test]
async fn an_alert_too_large_for_a_proxy_arrives_without_its_details() {
    let alert = alert(json!({"full_log": "x".repeat(100_000)}));
    let server = Server::start(&[
        http(413, "Content-Type: text/html\r\n", "<title>413</title>"),
        stored(alert.reference().as_str()),
    ])
    .await;
    let sink = server.sink(json!({}));
    let outcome = sink.deliver(&outgoing(&sink, alert)).await;
    assert!(matches!(outcome, Outcome::Delivered(_)), "{outcome:?}");
    assert!(server.posted()[1].to_string().len() < 20_000);
}

#[tokio::test]
async fn an_answer_that_proves_nothing_leaves_a_doubt() {
    let huge = format!(
        r#"{{"status":"success","data":{{"x":"{}","alert_id":5}}}}"#,
        "x".repeat(200_000)
    );
    for answer in [
        http(200, "", "<html>welcome</html>"),
        http(200, "", &huge),
        http(201, "", "{}"),
        "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"status\"".to_owned(),
        "garbage\r\n\r\n".to_owned(),
        String::new(),
    ] {
        let server = Server::start(std::slice::from_ref(&answer)).await;
        let sink = server.sink(json!({"response_limit": 65536}));
        let outcome = sink.deliver(&outgoing(&sink, alert(json!({})))).await;
        assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
        assert_eq!(server.posted().len(), 1);
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_the_key_stays_here() {
    let elsewhere = Server::start(&[http(200, "", "{}")]).await;
    let server = Server::start(&[http(
        302,
        &format!("Location: {}/alerts/add\r\n", elsewhere.url),
        "",
    )])
    .await;
    let sink = server.sink(json!({}));
    let outcome = sink.deliver(&outgoing(&sink, alert(json!({})))).await;
    assert!(
        matches!(&outcome, Outcome::Paused { scope: Scope::Sink, why } if why.contains("redirect")),
        "{outcome:?}"
    );
    assert_eq!(elsewhere.state.lock().unwrap().headers.len(), 0);
    let headers = server
        .state
        .lock()
        .unwrap()
        .headers
        .join("\n")
        .to_lowercase();
    assert!(headers.contains("authorization: bearer s3cret-key") && !headers.contains("cookie"));
    assert!(!format!("{sink:?} {outcome:?}").contains("s3cret-key"));
}

#[tokio::test]
async fn a_search_that_ignored_its_condition_proves_nothing() {
    let server = Server::start(&[http(500, "", "")]).await;
    let sink = server.sink(json!({}));
    let outgoing = outgoing(&sink, alert(json!({})));
    let other = alert_uuid(1, "another");
    server.state.lock().unwrap().found =
        json!({"data": {"total": 9, "alerts": [{"alert_id": 1, "alert_uuid": other}]}}).to_string();
    assert_eq!(sink.look_up(&outgoing).await, Presence::Unknowable);
    for body in [
        "",
        "[]",
        r#"{"data":[]}"#,
        r#"{"data":{"total":1,"alerts":[{"alert_id":1}]}}"#,
    ] {
        server.state.lock().unwrap().found = body.to_owned();
        let presence = sink.look_up(&outgoing).await;
        assert!(
            matches!(presence, Presence::Failed(Outcome::Retry { .. })),
            "{body}: {presence:?}"
        );
    }
}

#[tokio::test]
async fn a_firewall_that_dislikes_one_alert_stops_no_other_one() {
    let blocked = http(403, "Content-Type: text/html\r\n", "<title>Blocked</title>");
    let attack = alert(json!({"full_log": "1 UNION SELECT password"}));
    let server = Server::start(&[blocked.clone(), stored(attack.reference().as_str())]).await;
    let sink = server.sink(json!({}));
    let outcome = sink.deliver(&outgoing(&sink, attack)).await;
    assert!(matches!(outcome, Outcome::Delivered(_)), "{outcome:?}");
    assert!(!server.posted()[1].to_string().contains("UNION SELECT"));
    let server = Server::start(&[blocked]).await;
    let sink = server.sink(json!({}));
    let outgoing = outgoing(&sink, alert(json!({})));
    let outcome = attempt(&sink, &outgoing, false).await;
    assert!(matches!(outcome, Outcome::Never { .. }), "{outcome:?}");
    server.state.lock().unwrap().permission = 403;
    let outcome = attempt(&sink, &outgoing, false).await;
    assert!(
        matches!(
            outcome,
            Outcome::Paused {
                scope: Scope::Sink,
                ..
            }
        ),
        "{outcome:?}"
    );
}
