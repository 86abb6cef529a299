//! The stand-in's other language, in the habits of each server (`facts/ai.md §1.9`).
#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

#[path = "support/model.rs"]
mod model;

use alertbridge_sandbox::{ModelOptions, OpenAiHabits, ServedModel};
use serde_json::{Value, json};

use self::model::{DATA, Server, completion};

const PATH: &str = "/v1/chat/completions";

async fn server(habits: OpenAiHabits) -> Server {
    Server::with(ModelOptions {
        habits,
        ..ModelOptions::default()
    })
    .await
}

fn with(key: &str, value: Value) -> Value {
    let mut body = completion(DATA);
    body[key] = value;
    body
}

fn said(events: &[Value]) -> String {
    events
        .iter()
        .filter_map(|event| event["choices"][0]["delta"]["content"].as_str())
        .collect()
}

#[tokio::test]
async fn an_answer_comes_as_events_and_ends_with_a_reason_counts_and_a_word() {
    let server = server(OpenAiHabits::Vllm).await;
    let (events, done) = server.events(&completion(DATA)).await;
    assert!(done);
    let answer: Value = serde_json::from_str(&said(&events)).unwrap();
    assert_eq!(
        answer["evidence"][0]["quote"],
        "Invalid user admin from 203.0.113.9 é"
    );
    let (usage, before) = events.split_last().unwrap();
    assert_eq!(usage["choices"], json!([]));
    assert!(usage["usage"]["prompt_tokens"].as_u64().unwrap() > 0);
    assert_eq!(
        before.last().unwrap()["choices"][0]["finish_reason"],
        "stop"
    );
    let (status, whole) = server.answer(PATH, &with("stream", json!(false))).await;
    assert_eq!((status, &whole["object"]), (200, &json!("chat.completion")));
    assert_eq!(whole["choices"][0]["message"]["content"], said(&events));
}

#[tokio::test]
async fn a_prompt_that_is_too_long_is_refused_by_some_and_cut_by_others() {
    let long = completion(&"full_log: again and again and again\n".repeat(1000));
    let llama = server(OpenAiHabits::LlamaServer)
        .await
        .answer(PATH, &long)
        .await;
    assert_eq!(llama.0, 400);
    assert_eq!(llama.1["error"]["type"], "exceed_context_size_error");
    assert_eq!(llama.1["error"]["n_ctx"], 4096);
    let vllm = server(OpenAiHabits::Vllm).await.answer(PATH, &long).await;
    assert_eq!((vllm.0, &vllm.1["object"]), (400, &json!("error")));
    let mut free = long.clone();
    free["response_format"] = Value::Null;
    let cloud = server(OpenAiHabits::Cloud).await.answer(PATH, &free).await;
    assert_eq!(
        (cloud.0, &cloud.1["error"]["code"]),
        (400, &json!("context_length_exceeded"))
    );
    let ollama = server(OpenAiHabits::Ollama).await;
    let (events, done) = ollama.events(&long).await;
    assert!(done);
    assert!(
        events.last().unwrap()["usage"]["prompt_tokens"]
            .as_u64()
            .unwrap()
            <= 2048
    );
}

#[tokio::test]
async fn a_wrong_name_is_an_error_for_some_and_no_matter_for_others() {
    for (habits, status) in [
        (OpenAiHabits::Cloud, 404),
        (OpenAiHabits::Ollama, 404),
        (OpenAiHabits::Vllm, 404),
        (OpenAiHabits::LlamaServer, 200),
        (OpenAiHabits::LmStudio, 200),
    ] {
        let answer = server(habits)
            .await
            .post(PATH, &with("model", json!("nope")))
            .await;
        assert_eq!(answer.status().as_u16(), status, "{habits:?}");
    }
}

#[tokio::test]
async fn each_takes_the_limit_it_knows() {
    let reason = async |habits, key: &str| {
        let (mut events, _) = server(habits).await.events(&with(key, json!(5))).await;
        events.retain(|event| event["choices"][0]["finish_reason"].is_string());
        events[0]["choices"][0]["finish_reason"].clone()
    };
    assert_eq!(
        reason(OpenAiHabits::Ollama, "max_completion_tokens").await,
        "stop",
        "ignored"
    );
    assert_eq!(reason(OpenAiHabits::Ollama, "max_tokens").await, "length");
    assert_eq!(
        reason(OpenAiHabits::LlamaServer, "max_completion_tokens").await,
        "length"
    );
    let cloud = server(OpenAiHabits::Cloud).await;
    let (status, body) = cloud.answer(PATH, &with("max_tokens", json!(5))).await;
    assert_eq!(status, 400);
    assert!(
        body["error"]["message"]
            .as_str()
            .unwrap()
            .contains("max_completion_tokens")
    );
}

#[tokio::test]
async fn each_says_its_own_way_what_it_does_not_take() {
    let object = with("response_format", json!({"type": "json_object"}));
    let (status, body) = server(OpenAiHabits::LmStudio)
        .await
        .answer(PATH, &object)
        .await;
    assert_eq!(status, 400);
    assert_eq!(
        body["error"],
        "'response_format.type' must be 'json_schema' or 'text'"
    );

    let cloud = server(OpenAiHabits::Cloud).await;
    let (status, body) = cloud.answer(PATH, &completion(DATA)).await;
    assert_eq!(status, 400);
    assert!(
        body["error"]["message"]
            .as_str()
            .unwrap()
            .contains("response_format")
    );
    let (_, body) = cloud
        .answer(PATH, &with("chat_template_kwargs", json!({})))
        .await;
    assert!(
        body["error"]["message"]
            .as_str()
            .unwrap()
            .contains("chat_template_kwargs")
    );

    let llama = server(OpenAiHabits::LlamaServer).await;
    let url = format!("{}{PATH}", llama.sandbox.url());
    assert_eq!(
        llama
            .client
            .post(url)
            .body("{")
            .send()
            .await
            .unwrap()
            .status(),
        500
    );
}

#[tokio::test]
async fn thoughts_stand_apart_and_each_has_its_own_switch() {
    let thinker = ServedModel {
        thinks: true,
        ..ServedModel::new("phi4-mini:latest")
    };
    for (habits, field, off) in [
        (
            OpenAiHabits::Ollama,
            "reasoning",
            with("reasoning_effort", json!("none")),
        ),
        (
            OpenAiHabits::Vllm,
            "reasoning_content",
            with("chat_template_kwargs", json!({"enable_thinking": false})),
        ),
    ] {
        let server = Server::with(ModelOptions {
            habits,
            models: vec![thinker.clone()],
            ..ModelOptions::default()
        })
        .await;
        let thinks = |events: &[Value]| {
            events
                .iter()
                .any(|event| event["choices"][0]["delta"][field].is_string())
        };
        assert!(
            thinks(&server.events(&completion(DATA)).await.0),
            "{habits:?}"
        );
        assert!(!thinks(&server.events(&off).await.0), "{habits:?}");
    }
}

#[tokio::test]
async fn a_key_is_asked_for_in_both_languages() {
    let server = Server::with(ModelOptions {
        api_key: Some("k".to_owned()),
        ..ModelOptions::default()
    })
    .await;
    let (status, body) = server.answer(PATH, &completion(DATA)).await;
    assert_eq!(
        (status, &body["error"]["code"]),
        (401, &json!("invalid_api_key"))
    );
    assert_eq!(server.answer("/api/chat", &json!({})).await.0, 401);
    let url = format!("{}/v1/models", server.sandbox.url());
    let list = server
        .client
        .get(url)
        .bearer_auth("k")
        .send()
        .await
        .unwrap();
    assert_eq!(
        list.json::<Value>().await.unwrap()["data"][0]["id"],
        "phi4-mini:latest"
    );
}

#[tokio::test]
async fn llama_server_tells_the_size_of_its_context() {
    let server = server(OpenAiHabits::LlamaServer).await;
    assert_eq!(
        server.get("/props").await["default_generation_settings"]["n_ctx"],
        4096
    );
    assert_eq!(server.get("/health").await, json!({"status": "ok"}));
    assert_eq!(
        server.get("/v1/models").await["data"][0]["meta"]["n_ctx_train"],
        131_072
    );
}
