//! Live streams: where a reader starts, recovery, and how they end.
#![expect(clippy::unwrap_used, reason = "a failed step ends the test")]

#[path = "support/opencti.rs"]
mod support;

use alertbridge_sandbox::{
    EventId, OpenCtiFault, OpenCtiOptions, OpenCtiRights, StixIndicator, synthetic_id,
    synthetic_indicator,
};
use serde_json::json;
use support::Platform;

fn indicator(value: &str) -> StixIndicator {
    StixIndicator::of_value("Domain-Name", value)
}

#[tokio::test]
async fn a_reader_goes_on_after_the_id_he_names_in_any_of_three_ways() {
    let platform = Platform::start().await;
    let first = platform
        .sandbox
        .put_indicator(indicator("a.example"))
        .to_string();
    let second = platform
        .sandbox
        .put_indicator(indicator("b.example"))
        .to_string();
    for (query, headers) in [
        (format!("?from={first}"), vec![]),
        (String::new(), vec![("from", first.as_str())]),
        (String::new(), vec![("last-event-id", first.as_str())]),
    ] {
        let mut events = platform.stream_with(&query, &headers).await;
        assert_eq!(
            events.next_about("indicator").await.id,
            Some(second.clone())
        );
    }
    let mut all = platform.stream("?from=0-0").await;
    assert_eq!(all.next_about("indicator").await.id, Some(first));
    let mut dated = platform.stream("?from=2026-01-01T00:00:00Z").await;
    assert_eq!(
        dated.next_about("indicator").await.data["data"]["name"],
        "a.example"
    );
}

#[tokio::test]
async fn recovery_reads_the_database_first_and_then_goes_live() {
    let platform = Platform::with(OpenCtiOptions {
        synthetic: 250,
        ..Default::default()
    })
    .await;
    platform.sandbox.delete_indicator(&synthetic_id(7));
    let until = platform.sandbox.last_event_id().time();
    let mut events = platform.stream(&format!("?from=0-0&recover={until}")).await;
    for number in (0..250).filter(|number| *number != 7) {
        let got = events.next_about("indicator").await;
        assert_eq!(
            got.data["data"]["id"],
            json!(synthetic_indicator(number).standard_id)
        );
        assert_eq!(
            (got.event.as_str(), &got.data["origin"]["referer"]),
            ("create", &json!("init"))
        );
    }
    platform
        .sandbox
        .update_indicator(&synthetic_id(3), |it| it.score = Some(1));
    let live = events.next_about("indicator").await;
    assert_eq!(
        (live.event.as_str(), &live.data["origin"]["referer"]),
        ("update", &json!(null))
    );
    let from = synthetic_indicator(247).updated_at;
    let mut late = platform
        .stream(&format!("?from={from}&recover={until}"))
        .await;
    let got = late.next_about("indicator").await;
    assert_eq!(
        got.data["data"]["id"],
        json!(synthetic_indicator(248).standard_id)
    );
}

#[tokio::test]
async fn recovery_without_a_start_is_refused() {
    let platform = Platform::start().await;
    assert_eq!(
        platform
            .stream("?recover=2026-11-21T00:00:00Z")
            .await
            .status,
        400
    );
    assert_eq!(platform.stream("?from=yesterday").await.status, 400);
}

#[tokio::test]
async fn a_trimmed_log_shows_only_in_the_first_event_id() {
    let platform = Platform::start().await;
    let ids: Vec<EventId> = (0..5)
        .map(|number| {
            platform
                .sandbox
                .put_indicator(indicator(&format!("{number}.example")))
        })
        .collect();
    platform.sandbox.trim_events(2);
    let mut events = platform.stream(&format!("?from={}", ids[0])).await;
    let connected = events.next().await;
    assert_eq!(connected.data["firstEventId"], json!(ids[3].to_string()));
    assert_eq!(connected.data["streamSize"], 2);
    assert_eq!(
        events.next_about("indicator").await.id,
        Some(ids[3].to_string())
    );
}

#[tokio::test]
async fn the_log_keeps_no_more_than_it_may() {
    let platform = Platform::with(OpenCtiOptions {
        events_kept: 3,
        ..Default::default()
    })
    .await;
    for number in 0..10 {
        platform
            .sandbox
            .put_indicator(indicator(&format!("{number}.example")));
    }
    assert_eq!(platform.sandbox.event_count(), 3);
}

#[tokio::test]
async fn no_right_and_an_unknown_stream_are_401_and_a_stopped_one_410() {
    let platform = Platform::start().await;
    let status = async |token: &str, path: &str| {
        let url = format!("{}{path}", platform.sandbox.url());
        platform
            .client
            .get(url)
            .bearer_auth(token)
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    let path = format!("/stream/{}", platform.sandbox.stream_id());
    assert_eq!(status("wrong", &path).await, 401);
    assert_eq!(
        status(
            &platform.token,
            "/stream/22222222-2222-4222-8222-222222222222"
        )
        .await,
        401
    );
    assert_eq!(status(&platform.token, "/stream").await, 401);
    assert_eq!(status(&platform.token, "/stream/live").await, 401);
    platform
        .sandbox
        .set_rights(&platform.token, OpenCtiRights::READER);
    assert_eq!(status(&platform.token, &path).await, 401);
    platform
        .sandbox
        .set_rights(&platform.token, OpenCtiRights::ADMINISTRATOR);
    assert_eq!(status(&platform.token, "/stream").await, 200);
    platform
        .sandbox
        .set_stream_running(platform.sandbox.stream_id(), false);
    assert_eq!(status(&platform.token, &path).await, 410);
}

#[tokio::test]
async fn streams_can_be_cut_between_events_in_the_middle_of_one_and_at_any_time() {
    let platform = Platform::start().await;
    for number in 0..4 {
        platform
            .sandbox
            .put_indicator(indicator(&format!("{number}.example")));
    }
    platform
        .sandbox
        .faults()
        .next_stream(OpenCtiFault::CutAfterEvents(2));
    let mut events = platform.stream("?from=0-0").await;
    events.next().await;
    events.next_about("indicator").await;
    events.next_about("indicator").await;
    assert_eq!(events.next_or_end().await.unwrap_err(), "");

    platform
        .sandbox
        .faults()
        .next_stream(OpenCtiFault::CutInTheMiddle);
    let mut events = platform.stream("?from=0-0").await;
    events.next().await;
    let rest = events.next_or_end().await.unwrap_err();
    assert!(rest.starts_with("id: ") && !rest.ends_with('}'), "{rest}");

    let mut events = platform.stream("").await;
    events.next().await;
    platform.sandbox.cut_streams();
    assert_eq!(events.next_or_end().await.unwrap_err(), "");
}

#[tokio::test]
async fn a_stream_can_be_refused_and_say_anything() {
    let platform = Platform::start().await;
    platform
        .sandbox
        .faults()
        .next_stream(OpenCtiFault::ServerError { status: 500 });
    assert_eq!(platform.stream("").await.status, 500);
    platform
        .sandbox
        .faults()
        .next_stream(OpenCtiFault::TooManyRequests { retry_after: None });
    assert_eq!(platform.stream("").await.status, 429);
    let mut events = platform.stream("").await;
    events.next().await;
    platform.sandbox.put_raw_event(
        "create",
        json!({"data": {"type": "indicator", "pattern": 7}}),
    );
    assert_eq!(
        events.next_about("indicator").await.data["data"]["pattern"],
        7
    );
}
