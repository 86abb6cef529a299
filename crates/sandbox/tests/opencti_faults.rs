//! Each fault does to the client what its name says.
#![expect(clippy::unwrap_used, reason = "a failed step ends the test")]

#[path = "support/opencti.rs"]
mod support;

use std::time::{Duration, Instant};

use alertbridge_sandbox::{OpenCtiFault, OpenCtiOptions, synthetic_id};
use serde_json::{Value, json};
use support::{Platform, code_of};

const TWO: &str =
    "{ indicators { edges { node { id } } } stixCyberObservables { edges { node { id } } } }";

async fn platform() -> Platform {
    Platform::with(OpenCtiOptions {
        synthetic: 40,
        ..Default::default()
    })
    .await
}

#[tokio::test]
async fn faults_inside_http_200_fail_every_field_once() {
    let own = OpenCtiFault::ErrorIn200 {
        code: "COMPLEX_SEARCH_ERROR".to_owned(),
        message: "too many clauses".to_owned(),
    };
    for (fault, code) in [
        (OpenCtiFault::AuthRequired, "AUTH_REQUIRED"),
        (OpenCtiFault::Database, "DATABASE_ERROR"),
        (OpenCtiFault::Forbidden, "FORBIDDEN_ACCESS"),
        (OpenCtiFault::Lock, "LOCK_ERROR"),
        (own, "COMPLEX_SEARCH_ERROR"),
    ] {
        let platform = platform().await;
        platform.sandbox.faults().next(fault);
        let answer = platform.ask(TWO, json!({})).await;
        assert_eq!(code_of(&answer), code);
        assert_eq!(
            answer["data"],
            json!({"indicators": null, "stixCyberObservables": null})
        );
        platform.data(TWO, json!({})).await;
    }
}

#[tokio::test]
async fn partial_data_leaves_one_field_null_and_fills_the_other() {
    let platform = platform().await;
    platform.sandbox.faults().next(OpenCtiFault::PartialData {
        field: "stixCyberObservables".to_owned(),
    });
    let answer = platform.ask(TWO, json!({})).await;
    assert_eq!(answer["errors"][0]["path"], json!(["stixCyberObservables"]));
    assert_eq!(answer["errors"].as_array().unwrap().len(), 1);
    assert_eq!(answer["data"]["stixCyberObservables"], Value::Null);
    assert_eq!(
        answer["data"]["indicators"]["edges"]
            .as_array()
            .unwrap()
            .len(),
        40
    );
}

#[tokio::test]
async fn faults_of_http_and_of_what_stands_before_the_platform() {
    let platform = platform().await;
    let faults = platform.sandbox.faults();
    let body = json!({"query": TWO});
    faults.next(OpenCtiFault::TooManyRequests {
        retry_after: Some(7),
    });
    let answer = platform.post(&platform.token, &body).await;
    assert_eq!(
        (
            answer.status().as_u16(),
            answer.headers()["retry-after"].to_str().unwrap()
        ),
        (429, "7")
    );
    let text: Value = answer.json().await.unwrap();
    assert_eq!(
        text["message"],
        "Too many requests, please try again later."
    );
    for status in [200, 403, 502] {
        faults.next(OpenCtiFault::ProxyHtml { status });
        let answer = platform.post(&platform.token, &body).await;
        assert_eq!(answer.status().as_u16(), status);
        assert!(answer.text().await.unwrap().contains("<html>"));
    }
    faults.next(OpenCtiFault::ServerError { status: 503 });
    assert_eq!(platform.post(&platform.token, &body).await.status(), 503);
    let started = Instant::now();
    faults.next(OpenCtiFault::Slow {
        delay: Duration::from_millis(50),
    });
    platform.data(TWO, json!({})).await;
    assert!(started.elapsed() >= Duration::from_millis(50));
    assert_eq!(faults.waiting(), 0);
}

#[tokio::test]
async fn a_connection_can_be_closed_before_and_in_the_middle_of_an_answer() {
    let platform = platform().await;
    let url = format!("{}/graphql", platform.sandbox.url());
    let send = || {
        platform
            .client
            .post(&url)
            .bearer_auth(&platform.token)
            .json(&json!({"query": TWO}))
            .send()
    };
    platform.sandbox.faults().next(OpenCtiFault::Reset);
    send().await.unwrap_err();
    platform.sandbox.faults().next(OpenCtiFault::CutInTheMiddle);
    let answer = send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.bytes().await.unwrap_err();
    platform.sandbox.faults().next(OpenCtiFault::Hang);
    let hung = platform
        .client
        .post(&url)
        .json(&json!({"query": TWO}))
        .timeout(Duration::from_millis(200));
    assert!(hung.send().await.unwrap_err().is_timeout());
    platform.data(TWO, json!({})).await;
}

#[tokio::test]
async fn a_fault_can_wait_for_a_later_request_or_last() {
    let platform = platform().await;
    let faults = platform.sandbox.faults();
    faults.after(2, OpenCtiFault::Database);
    platform.data(TWO, json!({})).await;
    platform.data(TWO, json!({})).await;
    assert_eq!(platform.code(TWO, json!({})).await, "DATABASE_ERROR");
    faults.always(Some(OpenCtiFault::Lock));
    for _ in 0..3 {
        assert_eq!(platform.code(TWO, json!({})).await, "LOCK_ERROR");
    }
    faults.clear();
    platform.data(TWO, json!({})).await;
}

#[tokio::test]
async fn tokens_can_expire_in_the_middle_of_a_sync() {
    let platform = platform().await;
    platform.sandbox.faults().expire_tokens_after(1);
    let page = platform.page(json!({"first": 20})).await;
    let next = json!({"first": 20, "after": page["pageInfo"]["endCursor"]});
    for _ in 0..2 {
        assert_eq!(
            platform.code(support::PAGE, next.clone()).await,
            "AUTH_REQUIRED"
        );
    }
    platform.sandbox.faults().clear();
    platform.page(next).await;
}

#[tokio::test]
async fn one_poisoned_indicator_fails_each_page_that_holds_it_and_no_other() {
    let platform = platform().await;
    platform.sandbox.faults().poison(&synthetic_id(15));
    let first = json!({"first": 10, "orderBy": "updated_at"});
    let page = platform.page(first).await;
    let mut second =
        json!({"first": 10, "orderBy": "updated_at", "after": page["pageInfo"]["endCursor"]});
    for _ in 0..2 {
        assert_eq!(
            platform.code(support::PAGE, second.clone()).await,
            "DATABASE_ERROR"
        );
    }
    second["first"] = json!(5);
    platform.page(second).await;
}
