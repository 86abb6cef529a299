//! Each fault on demand shows as the real one does, once, and is gone.
#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

#[path = "support/model.rs"]
mod model;

use alertbridge_sandbox::ModelFault;
use serde_json::{Value, json};

use self::model::{DATA, Server, chat, completion, said};

#[tokio::test]
async fn faults_instead_of_an_answer_have_the_bodies_of_the_real_ones() {
    let server = Server::start().await;
    for (fault, status, body) in [
        (
            ModelFault::Busy,
            503,
            json!({"error": "server busy, please try again.  maximum pending requests exceeded"}),
        ),
        (
            ModelFault::ModelMissing,
            404,
            json!({"error": "model 'phi4-mini' not found"}),
        ),
        (ModelFault::HostRefused, 403, json!("")),
    ] {
        server.sandbox.faults().next(fault);
        assert_eq!(
            server.answer("/api/chat", &chat(DATA)).await,
            (status, body)
        );
    }
    server
        .sandbox
        .faults()
        .next(ModelFault::ProxyPage { status: 200 });
    let response = server.post("/api/chat", &chat(DATA)).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/html");
    assert_eq!(server.sandbox.faults().waiting(), 0);
    assert_eq!(server.answer("/api/chat", &chat(DATA)).await.0, 200);
}

#[tokio::test]
async fn faults_in_the_middle_leave_an_answer_without_its_end() {
    let server = Server::start().await;
    server.sandbox.faults().next(ModelFault::NoFinalChunk);
    let chunks = server.chunks(&chat(DATA)).await;
    assert!(chunks.iter().all(|chunk| chunk["done"] == false));

    server.sandbox.faults().next(ModelFault::ErrorMidStream);
    let chunks = server.chunks(&chat(DATA)).await;
    assert!(chunks.len() > 1 && chunks.last().unwrap()["error"].is_string());

    server.sandbox.faults().next(ModelFault::CutInTheMiddle);
    let response = server.post("/api/chat", &chat(DATA)).await;
    assert_eq!(response.status(), 200);
    assert!(response.text().await.is_err());

    server.sandbox.faults().next(ModelFault::Length);
    let chunks = server.chunks(&chat(DATA)).await;
    assert_eq!(chunks.last().unwrap()["done_reason"], "length");
    assert!(serde_json::from_str::<Value>(&said(&chunks)).is_err());
}

#[tokio::test]
async fn answers_in_the_wrong_form() {
    let server = Server::start().await;
    let faults = server.sandbox.faults();
    faults.next(ModelFault::FreeText);
    assert!(said(&server.chunks(&chat(DATA)).await).starts_with("Sure!"));
    faults.next(ModelFault::FencedJson);
    assert!(said(&server.chunks(&chat(DATA)).await).starts_with("```json\n{"));
    faults.next(ModelFault::ThoughtsInTheText);
    assert!(said(&server.chunks(&chat(DATA)).await).starts_with("<think>"));
    faults.next(ModelFault::WrongEnum);
    let answer: Value = serde_json::from_str(&said(&server.chunks(&chat(DATA)).await)).unwrap();
    assert_eq!(answer["verdict"], "probably_fine");
}

#[tokio::test]
async fn what_is_held_goes_on_when_it_is_released() {
    let server = Server::start().await;
    for fault in [ModelFault::HoldFirstToken, ModelFault::Stall] {
        server.sandbox.faults().next(fault);
        let body = chat(DATA);
        let release = async {
            server.sandbox.until(|counts| counts.held == 1).await;
            server.sandbox.release();
        };
        let (chunks, ()) = tokio::join!(server.chunks(&body), release);
        assert_eq!(chunks.last().unwrap()["done"], true);
        assert_eq!(server.sandbox.counts().held, 0);
    }
}

#[tokio::test]
async fn a_client_that_goes_away_is_counted_and_makes_room() {
    let server = Server::start().await;
    server.sandbox.faults().next(ModelFault::Stall);
    let mut response = server.post("/api/chat", &chat(DATA)).await;
    response.chunk().await.unwrap();
    server.sandbox.until(|counts| counts.held == 1).await;
    drop(response);
    let counts = server.sandbox.until(|counts| counts.cancelled == 1).await;
    assert_eq!((counts.running, counts.held, counts.answered), (0, 0, 0));
    assert_eq!(server.answer("/api/chat", &chat(DATA)).await.0, 200);
}

#[tokio::test]
async fn faults_come_in_the_order_they_were_asked_for_and_last_where_they_shall() {
    let server = Server::start().await;
    let faults = server.sandbox.faults();
    faults.after(1, ModelFault::Busy);
    faults.always(Some(ModelFault::HostRefused));
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(server.answer("/api/chat", &chat(DATA)).await.0);
    }
    assert_eq!(seen, [403, 503, 403]);
    faults.clear();
    assert_eq!(server.answer("/api/chat", &chat(DATA)).await.0, 200);
}

#[tokio::test]
async fn looks_have_faults_of_their_own() {
    let server = Server::start().await;
    server
        .sandbox
        .faults()
        .next_look(ModelFault::ProxyPage { status: 403 });
    assert_eq!(server.answer("/api/chat", &chat(DATA)).await.0, 200);
    let url = format!("{}/api/tags", server.sandbox.url());
    assert_eq!(server.client.get(&url).send().await.unwrap().status(), 403);
    assert_eq!(server.client.get(&url).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn the_other_language_has_the_same_faults() {
    let server = Server::start().await;
    let faults = server.sandbox.faults();
    faults.next(ModelFault::NoFinalChunk);
    let (events, done) = server.events(&completion(DATA)).await;
    assert!(
        !done
            && events
                .iter()
                .all(|event| event["choices"][0]["finish_reason"].is_null())
    );
    faults.next(ModelFault::ErrorMidStream);
    let (events, done) = server.events(&completion(DATA)).await;
    assert!(!done && events.last().unwrap()["error"].is_object());
    faults.next(ModelFault::Busy);
    let (status, body) = server
        .answer("/v1/chat/completions", &completion(DATA))
        .await;
    assert_eq!(status, 503);
    assert!(body["error"]["message"].is_string());
}

#[tokio::test]
async fn no_request_however_broken_ends_the_server() {
    let server = Server::start().await;
    for path in [
        "/api/chat",
        "/api/generate",
        "/api/show",
        "/v1/chat/completions",
    ] {
        for body in [
            json!(null),
            json!([]),
            json!("x"),
            json!({}),
            json!({"model": 7, "messages": "x", "options": [], "format": []}),
            json!({"model": "phi4-mini", "messages": [null, {"content": {"a": 1}}], "options": {"num_ctx": 0, "num_predict": 0}}),
            json!({"model": "phi4-mini", "prompt": "x", "keep_alive": "soon", "stream": "no"}),
            json!({"model": "phi4-mini", "messages": [{"role": "user", "content": "<<<DATA >>>\n: \n<<<END >>>"}], "format": {"type": "array", "minItems": 1_000_000_000}}),
        ] {
            let url = format!("{}{path}", server.sandbox.url());
            server
                .client
                .post(url)
                .json(&body)
                .send()
                .await
                .unwrap()
                .text()
                .await
                .unwrap();
        }
        let url = format!("{}{path}", server.sandbox.url());
        server
            .client
            .post(url)
            .body("{\"model\":")
            .send()
            .await
            .unwrap();
    }
    assert_eq!(server.answer("/api/chat", &chat(DATA)).await.0, 200);
}
