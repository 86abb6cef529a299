//! Everything that goes wrong is shown with its remedy and passes by itself when it is mended.

use alertbridge_intel::provider::{ErrorKind, opencti::OpenCti};
use alertbridge_sandbox::{
    OpenCtiFault, OpenCtiOptions, OpenCtiRights, OpenCtiSandbox, OpenCtiVersion, synthetic_id,
};
use serde_json::json;

use crate::world::{NAME, World, config, domain};

/// Runs against a lasting fault, expects its kind and words, mends it, and expects all to be well.
async fn meets(fault: OpenCtiFault, kind: ErrorKind, operator: bool, words: &str) {
    let world = World::new().await;
    world.load(3);
    world.sandbox.faults().always(Some(fault.clone()));
    let mut running = world.run(json!({}));
    let trouble = running.trouble().await;
    assert_eq!(
        (trouble.kind, trouble.needs_operator),
        (kind, operator),
        "{fault:?}: {}",
        trouble.why
    );
    assert!(trouble.why.contains(words), "{fault:?}: {}", trouble.why);
    world.sandbox.faults().clear();
    running.synced().await;
    assert_eq!(world.count(), 3, "{fault:?}");
    running.stop().await;
}

fn coded(code: &str) -> OpenCtiFault {
    OpenCtiFault::ErrorIn200 {
        code: code.to_owned(),
        message: "said so".to_owned(),
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_operator_must_mend_says_how() {
    meets(
        OpenCtiFault::AuthRequired,
        ErrorKind::Token,
        true,
        "Make a new one",
    )
    .await;
    meets(
        OpenCtiFault::Forbidden,
        ErrorKind::Right,
        true,
        "Access knowledge",
    )
    .await;
    for (code, kind, words) in [
        ("IP_FORBIDDEN", ErrorKind::Right, "this machine's address"),
        ("OTP_REQUIRED", ErrorKind::Account, "service account"),
        ("PASSWORD_CHANGE_REQUIRED", ErrorKind::Account, "password"),
        ("LTS_REQUIRED_ACTIVATION", ErrorKind::Account, "licence"),
        (
            "GRAPHQL_VALIDATION_FAILED",
            ErrorKind::Incompatible,
            "said so",
        ),
    ] {
        meets(coded(code), kind, true, words).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_passes_by_itself_is_tried_again() {
    meets(
        OpenCtiFault::Database,
        ErrorKind::Busy,
        false,
        "search engine",
    )
    .await;
    meets(OpenCtiFault::Lock, ErrorKind::Busy, false, "busy").await;
    meets(
        OpenCtiFault::ProxyHtml { status: 200 },
        ErrorKind::NotTheServer,
        false,
        "web page",
    )
    .await;
    meets(
        OpenCtiFault::ProxyHtml { status: 502 },
        ErrorKind::Busy,
        false,
        "502",
    )
    .await;
    meets(
        OpenCtiFault::ServerError { status: 503 },
        ErrorKind::Busy,
        false,
        "503",
    )
    .await;
    meets(
        OpenCtiFault::TooManyRequests {
            retry_after: Some(120),
        },
        ErrorKind::Busy,
        false,
        "too often",
    )
    .await;
    meets(
        OpenCtiFault::Reset,
        ErrorKind::Unreachable,
        false,
        "OpenCTI",
    )
    .await;
    meets(
        OpenCtiFault::CutInTheMiddle,
        ErrorKind::Unreachable,
        false,
        "broke",
    )
    .await;
    meets(
        OpenCtiFault::Hang,
        ErrorKind::Timeout,
        false,
        "did not answer in time",
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_wrong_token_is_named_in_every_release() {
    for version in [
        OpenCtiVersion::V5_1,
        OpenCtiVersion::new(6, 2, 13),
        OpenCtiVersion::V7,
    ] {
        let world = World::of(OpenCtiOptions {
            version,
            ..Default::default()
        })
        .await;
        let config = config(&world.sandbox.url(), "wrong-s3cret", json!({}));
        let mut running = world.run_with(&config);
        let trouble = running.trouble().await;
        assert_eq!(trouble.kind, ErrorKind::Token, "{version}");
        assert!(!trouble.why.contains("s3cret"));
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_expires_in_the_middle_stops_nothing_for_good() {
    let world = World::new().await;
    world.load(100);
    world.sandbox.faults().expire_tokens_after(6);
    let mut running = world.run(json!({"page_size": 10}));
    let trouble = running.trouble().await;
    assert_eq!(
        (trouble.kind, trouble.needs_operator),
        (ErrorKind::Token, true)
    );
    world.sandbox.clear_requests();
    world.sandbox.faults().clear();
    let token = world.sandbox.token().to_owned();
    world.sandbox.set_token_expired(&token, false);
    running.synced().await;
    assert_eq!(world.count(), 100);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_new_token_in_the_file_is_taken_up_without_a_restart() {
    let world = World::new().await;
    world.load(3);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "old\n").unwrap();
    let config =
        serde_json::from_value(json!({"url": world.sandbox.url(), "token_file": file.path()}))
            .unwrap();
    let mut running = world.run_with(&config);
    assert_eq!(running.trouble().await.kind, ErrorKind::Token);
    std::fs::write(file.path(), world.sandbox.token()).unwrap();
    running.synced().await;
    assert_eq!(world.count(), 3);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_opencti_that_is_down_from_the_start_is_met_when_it_comes() {
    let world = World::new().await;
    let down = OpenCtiSandbox::start(OpenCtiOptions::default())
        .await
        .unwrap();
    let (url, token, port) = (down.url(), down.token().to_owned(), down.port());
    down.stop().await;
    let mut running = world.run_with(&config(&url, &token, json!({})));
    let trouble = running.trouble().await;
    assert_eq!(
        (trouble.kind, trouble.needs_operator),
        (ErrorKind::Unreachable, false)
    );
    let back = OpenCtiSandbox::start(OpenCtiOptions {
        port: Some(port),
        synthetic: 12,
        ..Default::default()
    })
    .await
    .unwrap();
    assert_eq!(back.token(), token);
    running.synced().await;
    assert_eq!(world.count(), 12);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_known_stays_while_opencti_is_down() {
    let world = World::new().await;
    world.load(3);
    let mut running = world.run(json!({}));
    let synced = running.synced().await;
    world
        .sandbox
        .faults()
        .always(Some(OpenCtiFault::ServerError { status: 500 }));
    let state = running.until(|state| state.trouble.is_some()).await;
    assert!(state.last_success >= synced.last_success);
    assert_eq!(world.count(), 3);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_check_names_what_the_tokens_user_lacks() {
    let world = World::new().await;
    let provider = || {
        let stream = world.sandbox.stream_id();
        OpenCti::new(NAME, &world.config(json!({"stream": stream}))).unwrap()
    };
    world.load(2);
    let findings = provider().check().await;
    assert!(findings.iter().all(|finding| finding.ok), "{findings:?}");
    let token = world.sandbox.token().to_owned();
    world.sandbox.set_rights(&token, OpenCtiRights::READER);
    let findings = provider().check().await;
    let bad: Vec<&str> = findings
        .iter()
        .filter(|finding| !finding.ok)
        .map(|finding| finding.what)
        .collect();
    assert_eq!(bad, ["stream"]);
    world.sandbox.set_token_expired(&token, true);
    assert_eq!(provider().check().await[0].what, "token");
}

#[tokio::test(start_paused = true)]
async fn an_indicator_that_can_not_be_given_is_left_out_and_named_and_the_list_goes_on() {
    let world = World::new().await;
    world.load(60);
    for number in [0, 31, 32] {
        world.sandbox.faults().poison(&synthetic_id(number));
    }
    let mut running = world.run(json!({"page_size": 20}));
    let state = running
        .until(|state| state.last_success.is_some() && state.trouble.is_none())
        .await;
    // Neighbours are left out together, and count as one.
    assert_eq!((world.count(), state.unreadable), (57, 2));
    let hint = state.hint.unwrap();
    assert!(hint.contains("OpenCTI can't give"), "{hint}");
    assert!(world.get(&synthetic_id(30)).is_some() && world.get(&synthetic_id(33)).is_some());
    // One that is added later holds up nothing either: what comes behind it is here.
    let [mut bad, mut evil] = ["bad.example", "evil.example"].map(domain);
    bad.updated_at = "2026-11-21T07:00:00Z".parse().unwrap();
    evil.updated_at = "2026-11-21T07:00:01Z".parse().unwrap();
    world.sandbox.faults().poison(&bad.id);
    world.sandbox.put_indicator(bad);
    world.sandbox.put_indicator(evil);
    world.until(|world| world.count() == 58).await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_list_of_ids_that_can_not_be_read_removes_nothing_and_holds_up_nothing() {
    let world = World::new().await;
    world.load(30);
    let mut running = world.run(json!({"page_size": 10, "reconcile_interval": 3600}));
    running.synced().await;
    world.sandbox.faults().poison(&synthetic_id(5));
    running
        .until(|state| {
            let hint = state.hint.as_deref().unwrap_or_default();
            hint.contains("what was deleted")
        })
        .await;
    let mut evil = domain("evil.example");
    evil.updated_at = "2026-11-21T07:00:00Z".parse().unwrap();
    world.sandbox.put_indicator(evil);
    world.until(|world| world.count() == 31).await;
    running.stop().await;
}
