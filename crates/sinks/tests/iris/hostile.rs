//! Whatever an attacker writes into an alert, IRIS takes it, and nothing of it is live on its pages.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

use alertbridge_alert::Alert;
use alertbridge_sandbox::{IrisOptions, IrisSandbox};
use alertbridge_sinks::{
    Sink,
    iris::{IrisSink, alert_uuid},
};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::world::{delivered, outgoing, sandbox, sink};

/// One server for all drawn alerts.
fn world() -> &'static (Runtime, IrisSandbox, IrisSink) {
    static WORLD: OnceLock<(Runtime, IrisSandbox, IrisSink)> = OnceLock::new();
    WORLD.get_or_init(|| {
        let runtime = Runtime::new().unwrap();
        let sandbox = runtime.block_on(sandbox(IrisOptions {
            new_tag_window: std::time::Duration::ZERO,
            ..IrisOptions::default()
        }));
        let limits = json!({"source_content_limit": 8192, "dashboard_url": "https://d", "title": "{rule_description} | {agent_name} | {artifact}"});
        let sink = sink(&sandbox, limits);
        (runtime, sandbox, sink)
    })
}

/// Texts that hurt: markup, quotes, entities, separators, NUL, direction marks, long ones.
fn text() -> impl Strategy<Value = String> {
    let nasty = prop::sample::select(vec![
        "<script>alert(1)</script>",
        "\" onmouseover=\"alert(1)",
        "'",
        "`",
        "&lt;img src=x onerror=alert(1)&gt;",
        "&#60;",
        "&quot",
        ",",
        ",,",
        "\0",
        "\u{202e}",
        "\u{7}",
        "\r\n",
        "{agent_name}",
        "javascript:alert(1)",
        "https://evil.example/?a=1&b='2'",
        "8.8.8.8",
        "é",
        "🦀",
        "\u{fffd}",
        "alerts_alert_uuid_key",
        "%_\\",
        "a.exe",
        "5d41402abc4b2a76b9719d911017c592",
    ]);
    let long = (any::<char>(), 1..20_000usize)
        .prop_map(|(character, count)| character.to_string().repeat(count));
    let mixed = prop::collection::vec(
        prop_oneof![nasty.prop_map(str::to_owned), any::<String>()],
        0..4,
    )
    .prop_map(|parts| parts.concat());
    // The sandbox keeps these private characters for lone surrogates and so refuses them; IRIS does not.
    let reserved = |character: char| ('\u{10d800}'..='\u{10dfff}').contains(&character);
    prop_oneof![8 => mixed, 1 => long].prop_map(move |text: String| text.replace(reserved, "?"))
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((text(), inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// An alert with arbitrary values where Wazuh has its own, and elsewhere.
fn alert() -> impl Strategy<Value = Value> {
    const FIELDS: [&[&str]; 20] = [
        &["id"],
        &["timestamp"],
        &["location"],
        &["full_log"],
        &["rule"],
        &["agent"],
        &["data"],
        &["rule", "description"],
        &["rule", "level"],
        &["rule", "id"],
        &["rule", "groups"],
        &["rule", "mitre"],
        &["agent", "name"],
        &["agent", "ip"],
        &["manager", "name"],
        &["cluster", "node"],
        &["data", "url"],
        &["data", "srcuser"],
        &["data", "md5"],
        &["syscheck", "path"],
    ];
    prop::collection::vec((prop::sample::select(FIELDS.to_vec()), value()), 0..12).prop_map(|fields| {
        let mut alert = json!({"id": "1.2", "rule": {"level": 5, "mitre": {"id": ["T1"]}}, "agent": {"id": "001"}});
        for (path, value) in fields {
            put(&mut alert, path, value);
        }
        alert
    })
}

fn put(tree: &mut Value, path: &[&str], value: Value) {
    if !tree.is_object() {
        *tree = json!({});
    }
    match path {
        [last] => tree[*last] = value,
        [first, rest @ ..] => put(&mut tree[*first], rest, value),
        [] => {}
    }
}

const LIVE_IN_ATTRIBUTES: [char; 5] = ['"', '\'', '<', '>', '`'];

/// What must hold of an alert in IRIS, whatever was in it.
fn assert_harmless(stored: &Value) {
    let text = |name: &str| stored[name].as_str().unwrap_or_default().to_owned();
    for name in [
        "alert_title",
        "alert_description",
        "alert_note",
        "alert_source",
    ] {
        assert!(
            !text(name).contains(['<', '>', '\0']),
            "{name}: {}",
            text(name)
        );
    }
    let shown = format!("{} {}", text("alert_title"), text("alert_description"));
    assert!(
        !shown.contains("&lt") && !shown.contains("&#") && !shown.contains("&quot"),
        "{shown}"
    );
    assert!(!text("alert_title").is_empty() && text("alert_title").len() <= 1024);
    assert!(text("alert_description").len() <= 65 * 1024);
    assert!(
        text("alert_source_ref").len() <= 1600
            && !text("alert_source_ref").contains(LIVE_IN_ATTRIBUTES)
    );
    let link = text("alert_source_link");
    assert!(
        link.is_empty()
            || (link.starts_with("https://d/app/") && !link.contains(LIVE_IN_ATTRIBUTES)),
        "{link}"
    );
    let tags = text("alert_tags");
    assert!(
        tags.split(',')
            .all(|tag| !tag.is_empty() && tag.len() <= 256 && !tag.contains(LIVE_IN_ATTRIBUTES)),
        "{tags}"
    );
    for ioc in stored["iocs"].as_array().unwrap() {
        let value = ioc["ioc_value"].as_str().unwrap();
        assert!(
            value.len() <= 2048 && !value.contains(LIVE_IN_ATTRIBUTES) && !value.contains("&quot"),
            "{value}"
        );
    }
    for asset in stored["assets"].as_array().unwrap() {
        let name = asset["asset_name"].as_str().unwrap();
        assert!(
            name.len() <= 512 && !name.contains(LIVE_IN_ATTRIBUTES),
            "{name}"
        );
    }
    assert!(
        stored["iocs"].as_array().unwrap().len() <= 20
            && stored["assets"].as_array().unwrap().len() <= 3
    );
    // The sandbox writes texts anew, so only the order of size is held against the limit of 8 KiB.
    assert!(stored["alert_source_content"].to_string().len() <= 6 * 8192);
}

fn deliver(raw: Vec<u8>) -> Value {
    // The same alert may be drawn twice.
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let (runtime, sandbox, sink) = world();
    let mut outgoing = outgoing(sink, Alert::parse(raw).unwrap());
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    outgoing.reference.push_str(&format!("~{number}"));
    let proof = delivered(runtime.block_on(sink.deliver(&outgoing)));
    let refused = proof
        .changes
        .iter()
        .find(|change| change.what.ends_with("refused") || change.what == "sent_bare");
    assert_eq!(refused, None, "taken only after a refusal");
    let uuid = alert_uuid(1, &outgoing.reference).to_string();
    let stored = sandbox
        .alerts()
        .into_iter()
        .rev()
        .find(|stored| stored.uuid == uuid);
    stored.unwrap().raw
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// The sandbox refuses NUL, lone surrogates, index rows that are too large and everything else the real one refuses; so one
    /// delivery at the first try proves a body that IRIS takes.
    #[test]
    fn any_alert_is_taken_at_once_and_nothing_in_it_is_live(alert in alert()) {
        assert_harmless(&deliver(alert.to_string().into_bytes()));
    }
}

#[test]
fn what_no_json_library_would_write_is_taken_too() {
    let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
    for raw in [
        br#"{"id":"1.2","full_log":"\u0000\ud800 \udfff","rule":{"description":"\ud800"}}"#
            .to_vec(),
        b"{\"id\":\"1.2\",\"full_log\":\"\xff\xfe\"}".to_vec(),
        br#"{"id":"1.2","data":{"n":1e400,"m":-1E999}}"#.to_vec(),
        format!(r#"{{"id":"1.2","data":{deep}}}"#).into_bytes(),
        format!(r#"{{"id":"1.2","full_log":"{}"}}"#, "é".repeat(8 << 20)).into_bytes(),
        format!(
            r#"{{"id":"1.2","rule":{{"mitre":{{"id":[{}"T"]}}}}}}"#,
            "\"T1\",".repeat(100_000)
        )
        .into_bytes(),
        b"{}".to_vec(),
    ] {
        assert_harmless(&deliver(raw));
    }
}
