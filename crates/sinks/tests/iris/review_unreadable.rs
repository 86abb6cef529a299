//! Alerts of which IRIS holds what a strict parser refuses, or what nobody can read, beside others.

use std::sync::{Arc, Mutex};

use alertbridge_sandbox::IrisOptions;
use alertbridge_sinks::{
    Amended, Amendment, Identity, Outcome, Reviewable, Sink,
    iris::{IrisConfig, IrisSink},
};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{
    one_alert::{ALICE, block, tags, written},
    world::{alert, delivered, outgoing, sandbox, sink},
};

const PENDING: &str = "ai-pending";
/// Fields of the list of ids, and of a request that names none.
const IDS: &str = "alert_id,alert_tags,alert_status_id";
const WHOLE: &str = "alert_source_content";

/// `{"a":{"a":…"x"}}`
fn nested(levels: usize) -> Value {
    (0..levels).fold(json!("x"), |inner, _| json!({"a": inner}))
}

/// The sandbox writes this character as `\ud800`.
const LONE_SURROGATE: char = '\u{10d800}';

fn amendment(id: &str, lane: &str) -> Amendment {
    Amendment {
        id: id.to_owned(),
        lane: lane.to_owned(),
        identity: Identity::IdOnly,
        block: Some(block("reviewed")),
        tags: tags(&["ai-reviewed"], &[PENDING]),
        ..Amendment::default()
    }
}

#[tokio::test]
async fn what_a_strict_parser_refuses_in_one_alert_hides_nothing_else() {
    for version in ["v2.4.20", "v2.4.16"] {
        for (name, content) in [
            (
                "surrogate",
                json!({"rule": {"id": "1"}, "full_log": format!("a{LONE_SURROGATE}b")}),
            ),
            (
                "deep",
                json!({"rule": {"id": "1"}, "full_log": "a\u{fffd}b", "data": nested(150)}),
            ),
            (
                "deepest",
                json!({"rule": {"id": "1"}, "full_log": "a\u{fffd}b", "data": nested(890)}),
            ),
        ] {
            let options = IrisOptions {
                version: version.to_owned(),
                ..IrisOptions::default()
            };
            let sandbox = sandbox(options).await;
            let sink = sink(&sandbox, json!({"extra_tags": [PENDING]}));
            let mut ids = Vec::new();
            for _ in 0..3 {
                let outgoing = outgoing(&sink, alert(json!({})));
                ids.push(delivered(sink.deliver(&outgoing).await).id);
            }
            let columns = json!({"alert_source_content": content});
            sandbox.edit(ids[1].parse().unwrap(), ALICE, &columns);

            let page = sink.tagged(PENDING, None, 10).await.unwrap();
            let found: Vec<&String> = page.alerts.iter().map(|seen| &seen.id).collect();
            assert_eq!(found, ids.iter().collect::<Vec<_>>(), "{version} {name}");
            for seen in [
                page.alerts[1].clone(),
                sink.read(&ids[1]).await.unwrap().unwrap(),
            ] {
                assert_eq!(seen.title, "sshd: attempt", "{version} {name}");
                assert_eq!(seen.source_content["rule"]["id"], "1", "{version} {name}");
                assert_eq!(
                    seen.source_content["full_log"], "a\u{fffd}b",
                    "{version} {name}"
                );
            }
            assert_eq!(page.alerts[2].source_content["rule"]["id"], "5710");

            let amendment = amendment(&ids[1], &page.alerts[1].lane);
            written(sink.amend(&amendment).await);
            let seen = sink.read(&ids[1]).await.unwrap().unwrap();
            assert!(
                seen.has_tag("ai-reviewed") && !seen.has_tag(PENDING),
                "{version} {name}"
            );
            assert!(seen.note.contains("reviewed"), "{version} {name}");
            assert_eq!(sandbox.request_count("/alerts/filter", 500), 0);
        }
    }
}

/// A server that answers a request for an alert's fields with text of ours.
struct Server {
    url: String,
    /// Answers to `/alerts/filter` so far.
    asked: Arc<Mutex<Vec<String>>>,
}

/// How one alert is told in an answer, by its id and the fields asked for; `Err` is what is answered in place of all.
type Telling = dyn Fn(i64, &str) -> Result<String, &'static str> + Send + Sync;
type Told = Arc<Telling>;
type Plain = fn(i64, &str) -> Result<String, &'static str>;

impl Server {
    /// All alerts 1 to `count` have the tag.
    async fn start(
        count: i64,
        version: &'static str,
        told: impl Fn(i64, &str) -> Result<String, &'static str> + Send + Sync + 'static,
    ) -> Self {
        let told: Told = Arc::new(told);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let shared = asked.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, count, version, told.clone(), shared.clone()));
            }
        });
        Self { url, asked }
    }

    fn sink(&self) -> IrisSink {
        let config = json!({"url": self.url, "key": "k", "timeout": 5});
        IrisSink::connect(serde_json::from_value::<IrisConfig>(config).unwrap()).unwrap()
    }
}

async fn serve(
    mut stream: TcpStream,
    count: i64,
    version: &str,
    told: Told,
    asked: Arc<Mutex<Vec<String>>>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        let Ok(1) = stream.read(&mut byte).await else {
            return;
        };
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap();
    let body = answer(path, count, version, &*told).unwrap_or_else(str::to_owned);
    if path.starts_with("/alerts/") {
        asked.lock().unwrap().push(path.to_owned());
    }
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    // The client may have gone.
    let _ = stream.write_all(answer.as_bytes()).await;
}

fn answer(path: &str, count: i64, version: &str, told: &Telling) -> Result<String, &'static str> {
    let query = query(path);
    let given = |key: &str| {
        let pair = query.iter().find(|(name, _)| name == key);
        pair.map(|(_, value)| value.as_str())
    };
    let list = |id: &str, name: &str, names: &[&str]| {
        let rows = (1..)
            .zip(names)
            .map(|(at, text)| json!({id: at, name: text}));
        json!({"status": "success", "data": rows.collect::<Vec<_>>()}).to_string()
    };
    let body = match path.split('?').next().unwrap() {
        "/alerts/filter" => {
            let fields = given("fields").unwrap_or_default();
            let mut ids: Vec<i64> = match given("alert_ids") {
                Some(ids) => ids.split(',').map(|id| id.parse().unwrap()).collect(),
                None => (1..=count).collect(),
            };
            let total = ids.len();
            let rows: usize = given("per_page").unwrap().parse().unwrap();
            let page: usize = given("page").unwrap().parse().unwrap();
            ids = ids.into_iter().skip((page - 1) * rows).take(rows).collect();
            let alerts: Result<Vec<String>, _> = ids.iter().map(|id| told(*id, fields)).collect();
            format!(
                r#"{{"data":{{"total":{total},"alerts":[{}]}}}}"#,
                alerts?.join(",")
            )
        }
        "/api/versions" => json!({"data": {"iris_current": version}}).to_string(),
        "/manage/severities/list" => list(
            "severity_id",
            "severity_name",
            &["Informational", "Low", "Medium", "High", "Critical"],
        ),
        "/manage/alert-status/list" => list("status_id", "status_name", &["New"]),
        "/manage/tlp/list" => list("tlp_id", "tlp_name", &["amber"]),
        "/manage/ioc-types/list" => list(
            "type_id",
            "type_name",
            &[
                "domain", "email", "filename", "ip-any", "md5", "sha1", "sha256", "sha512", "url",
            ],
        ),
        "/manage/asset-type/list" => list(
            "asset_id",
            "asset_name",
            &[
                "Account",
                "Linux - Server",
                "Mac - Computer",
                "Windows - Computer",
            ],
        ),
        one => {
            let id = one.rsplit('/').next().and_then(|id| id.parse().ok());
            format!(r#"{{"data":{}}}"#, told(id.unwrap_or(0), WHOLE)?)
        }
    };
    Ok(body)
}

fn query(path: &str) -> Vec<(String, String)> {
    let query = path.split_once('?').map_or("", |(_, query)| query);
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.replace("%2C", ",")))
        .collect()
}

fn plain(id: i64) -> String {
    json!({"alert_id": id, "alert_tags": PENDING, "alert_title": format!("t{id}"), "alert_source_content": {"n": id}})
        .to_string()
}

/// It holds a number that is no JSON.
fn broken(id: i64) -> String {
    plain(id).replace(r#"{"n":"#, r#"{"n":NaN,"m":"#)
}

fn garbled(id: i64) -> String {
    if id == 3 { broken(id) } else { plain(id) }
}

/// Alert 3 holds a number that is no JSON.
fn content_is_garbled(id: i64, fields: &str) -> Result<String, &'static str> {
    let content = fields.contains("source_content");
    Ok(match content {
        true => garbled(id),
        false => plain(id).replace("alert_source_content", "not_asked_for"),
    })
}

/// Nothing of alert 3 can be read but for its place in the list of ids.
fn all_is_garbled(id: i64, fields: &str) -> Result<String, &'static str> {
    Ok(if fields == IDS {
        plain(id)
    } else {
        garbled(id)
    })
}

/// A server that gives whole alerts whatever is asked for.
fn whole_is_garbled(id: i64, _: &str) -> Result<String, &'static str> {
    Ok(garbled(id))
}

fn ids(page: &alertbridge_sinks::Page) -> Vec<i64> {
    let ids = page.alerts.iter().map(|seen| seen.id.parse().unwrap());
    ids.collect()
}

#[tokio::test]
async fn content_that_nobody_can_read_is_left_out_and_the_alert_is_not() {
    let server = Server::start(25, "v2.4.20", content_is_garbled).await;
    let sink = server.sink();
    let page = sink.tagged(PENDING, None, 100).await.unwrap();
    assert_eq!(ids(&page), (1..=25).collect::<Vec<i64>>());
    assert_eq!(page.alerts[2].source_content, Value::Null);
    assert_eq!(page.alerts[2].title, "t3");
    assert_eq!(page.alerts[3].source_content, json!({"n": 4}));
    let seen = sink.read("3").await.unwrap().unwrap();
    assert_eq!(
        (seen.title.as_str(), &seen.source_content),
        ("t3", &Value::Null)
    );
    assert!(seen.has_tag(PENDING));
}

#[tokio::test]
async fn an_alert_that_nobody_can_read_stops_no_other_and_is_not_asked_for_again_and_again() {
    for (version, told) in [
        ("v2.4.20", all_is_garbled as Plain),
        ("v2.4.16", whole_is_garbled),
    ] {
        let server = Server::start(45, version, told).await;
        let sink = server.sink();
        let page = sink.tagged(PENDING, None, 100).await.unwrap();
        let others: Vec<i64> = (1..=45).filter(|id| *id != 3).collect();
        assert_eq!(ids(&page), others, "{version}");
        // 5 groups, one halved to its end, and the pages of ids.
        assert!(server.asked.lock().unwrap().len() < 40, "{version}");
        let read = sink.read("3").await;
        assert!(
            matches!(&read, Err(Outcome::Never { why }) if why.contains("can't be read")),
            "{version} {read:?}"
        );
        let amended = sink.amend(&amendment("3", "1")).await;
        assert!(
            matches!(amended, Amended::Never { .. }),
            "{version} {amended:?}"
        );
    }
}

#[tokio::test]
async fn what_a_proxy_answers_is_the_fault_of_no_alert() {
    fn page(id: i64, fields: &str) -> Result<String, &'static str> {
        (fields == IDS)
            .then(|| plain(id))
            .ok_or("<html>welcome</html>")
    }
    fn other_json(id: i64, fields: &str) -> Result<String, &'static str> {
        (fields == IDS)
            .then(|| plain(id))
            .ok_or(r#"{"error":"maintenance"}"#)
    }
    fn half(id: i64, fields: &str) -> Result<String, &'static str> {
        (fields == IDS)
            .then(|| plain(id))
            .ok_or(r#"{"data":{"total":1,"alerts":[{"al"#)
    }
    for told in [page as Plain, other_json, half] {
        let sink = Server::start(3, "v2.4.20", told).await.sink();
        let found = sink.tagged(PENDING, None, 100).await;
        assert!(
            matches!(
                found,
                Err(Outcome::Retry {
                    sink_wide: true,
                    ..
                })
            ),
            "{found:?}"
        );
        let read = sink.read("3").await;
        assert!(
            matches!(
                read,
                Err(Outcome::Retry {
                    sink_wide: true,
                    ..
                })
            ),
            "{read:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whichever alerts can't be read: all others are found, each once, if only one of the oldest can be read.
    #[test]
    fn every_alert_that_can_be_read_is_found(
        count in 1_i64..50,
        broken_ids in proptest::collection::btree_set(2_i64..50, 0..20),
        limit in 1_usize..30,
        chooses_fields in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let version = if chooses_fields { "v2.4.20" } else { "v2.4.16" };
            let unreadable = broken_ids.clone();
            let told = move |id: i64, fields: &str| {
                let hides_it = chooses_fields && fields == IDS;
                Ok(if unreadable.contains(&id) && !hides_it { broken(id) } else { plain(id) })
            };
            let sink = Server::start(count, version, told).await.sink();
            let mut found = Vec::new();
            let mut after = None;
            loop {
                let page = sink.tagged(PENDING, after, limit).await.unwrap();
                found.extend(ids(&page));
                after = page.more_after;
                if after.is_none() {
                    break;
                }
            }
            let others: Vec<i64> = (1..=count).filter(|id| !broken_ids.contains(id)).collect();
            assert_eq!(found, others);
        });
    }
}
