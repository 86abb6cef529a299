//! Ollama as it should be.

use std::time::Duration;

use alertbridge_sandbox::{ModelOptions, ModelVersion, ServedModel};
use alertbridge_triage::model::{ModelConfig, connect};
use serde_json::Value;

use crate::scene::{DATA, MODEL, config, model, question, repaired, sandbox, sandbox_with};

#[tokio::test]
async fn a_question_is_answered_whole_with_all_that_is_known_of_it() {
    let sandbox = sandbox().await;
    let model = model(&sandbox.url());
    let reply = model.ask(&question()).await.unwrap();
    let answer: Value = serde_json::from_str(&reply.text).unwrap();
    let quote = answer["evidence"][0]["quote"].as_str().unwrap();
    assert!(DATA.contains(quote), "{quote}");
    assert!(reply.prompt_tokens.unwrap() > 100);
    assert!(reply.answer_tokens.unwrap() > 10);
    assert!(reply.load.unwrap() > Duration::ZERO);
    assert!(reply.first_token <= reply.whole);
    assert!(reply.model_digest.is_some());
    assert_eq!(model.name(), MODEL);
    assert!(!format!("{reply:?}{:?}", question()).contains("rundll32"));
}

#[tokio::test]
async fn what_is_sent_holds_the_model_to_its_form_and_its_context() {
    let sandbox = sandbox().await;
    model(&sandbox.url()).ask(&question()).await.unwrap();
    let asked = &sandbox.questions()[0];
    assert_eq!(asked.path, "/api/chat");
    let body = &asked.body;
    assert_eq!(body["format"], crate::scene::schema());
    assert_eq!(body["options"]["num_ctx"], 4096);
    assert_eq!(body["options"]["num_predict"], 1024);
    assert_eq!(body["options"]["temperature"], 0.0);
    assert_eq!(body["options"]["seed"], 7);
    for (key, value) in [
        ("stream", true),
        ("think", false),
        ("truncate", false),
        ("shift", false),
    ] {
        assert_eq!(body[key], value, "{key}");
    }
    assert_eq!(body["keep_alive"], "30m");
    assert_eq!(asked.header("authorization"), None);
}

#[tokio::test]
async fn the_model_is_loaded_once_for_preloading_asking_and_repairing() {
    let sandbox = sandbox().await;
    let model = model(&sandbox.url());
    model.preload().await.unwrap();
    assert_eq!(sandbox.loaded(), Some((MODEL.to_owned(), 4096)));
    model.ask(&question()).await.unwrap();
    model.ask(&repaired()).await.unwrap();
    model.preload().await.unwrap();
    assert_eq!(sandbox.counts().loads, 1);
    let roles: Vec<String> = sandbox.questions()[1]
        .messages()
        .into_iter()
        .map(|m| m.role)
        .collect();
    assert_eq!(roles, ["system", "user", "assistant", "user"]);
}

#[tokio::test]
async fn the_address_of_an_endpoint_is_as_good_as_the_servers() {
    let sandbox = sandbox().await;
    for path in [
        "",
        "/",
        "/api/generate",
        "/api/chat",
        "/v1",
        "/v1/chat/completions",
    ] {
        let model = model(&format!("{}{path}", sandbox.url()));
        model.ask(&question()).await.unwrap();
    }
    assert!(
        sandbox
            .questions()
            .iter()
            .all(|asked| asked.path == "/api/chat")
    );
}

#[tokio::test]
async fn a_look_tells_what_is_there_and_touches_no_model() {
    let sandbox = sandbox().await;
    let model = model(&sandbox.url());
    let facts = model.look().await.unwrap();
    assert_eq!(facts.version.as_deref(), Some("0.33.0"));
    assert!(facts.model_there && !facts.cloud);
    assert_eq!(facts.model_context, Some(131_072));
    assert_eq!((facts.loaded, facts.loaded_context), (Some(false), None));
    assert!(facts.hints.is_empty(), "{:?}", facts.hints);
    assert_eq!(facts.usable_context(8192), 8192);
    assert_eq!((sandbox.counts().asked, sandbox.counts().loads), (0, 0));

    model.preload().await.unwrap();
    let facts = model.look().await.unwrap();
    assert_eq!(
        (facts.loaded, facts.loaded_context),
        (Some(true), Some(4096))
    );
}

#[tokio::test]
async fn a_look_hints_at_what_will_go_wrong() {
    let options = ModelOptions {
        version: ModelVersion(0, 11, 0),
        models: vec![ServedModel {
            context: 2048,
            ..ServedModel::new(MODEL)
        }],
        ..ModelOptions::default()
    };
    let sandbox = sandbox_with(options).await;
    let facts = model(&sandbox.url()).look().await.unwrap();
    assert_eq!(facts.usable_context(4096), 2048);
    let hints = facts.hints.join("\n");
    assert!(
        hints.contains("0.12.4") && hints.contains("2048"),
        "{hints}"
    );

    let other = ModelConfig {
        model: "qwen3".to_owned(),
        ..config(&sandbox.url())
    };
    let facts = connect(other).unwrap().look().await.unwrap();
    assert!(!facts.model_there);
}

#[tokio::test]
async fn somebody_elses_context_is_hinted_at() {
    let sandbox = sandbox().await;
    let other = ModelConfig {
        context_tokens: 2048,
        ..config(&sandbox.url())
    };
    connect(other).unwrap().preload().await.unwrap();
    let facts = model(&sandbox.url()).look().await.unwrap();
    assert_eq!(facts.loaded_context, Some(2048));
    assert_eq!(facts.usable_context(4096), 4096, "it is loaded anew for us");
    assert!(
        facts.hints[0].contains("loads it anew"),
        "{:?}",
        facts.hints
    );
}

#[tokio::test]
async fn a_model_that_thinks_is_told_not_to_and_its_thoughts_are_never_the_answer() {
    let thinker = ServedModel {
        thinks: true,
        ..ServedModel::new(MODEL)
    };
    let options = ModelOptions {
        models: vec![thinker],
        ..ModelOptions::default()
    };
    let sandbox = sandbox_with(options).await;
    let quiet = model(&sandbox.url()).ask(&question()).await.unwrap();
    let thinking = ModelConfig {
        thinking: true,
        ..config(&sandbox.url())
    };
    let loud = connect(thinking).unwrap().ask(&question()).await.unwrap();
    assert_eq!(quiet.text, loud.text);
    assert!(loud.answer_tokens > quiet.answer_tokens);
}

#[tokio::test]
async fn a_key_is_shown_to_a_proxy_that_wants_one() {
    let options = ModelOptions {
        api_key: Some("s3cret".to_owned()),
        ..ModelOptions::default()
    };
    let sandbox = sandbox_with(options).await;
    let with_key = ModelConfig {
        api_key: Some("s3cret".into()),
        ..config(&sandbox.url())
    };
    connect(with_key).unwrap().ask(&question()).await.unwrap();
    assert_eq!(sandbox.counts().answered, 1);
}

#[tokio::test]
async fn the_server_is_looked_at_once_for_many_questions() {
    let sandbox = sandbox().await;
    let model = model(&sandbox.url());
    for _ in 0..3 {
        model.ask(&question()).await.unwrap();
    }
    let looks = sandbox
        .requests()
        .iter()
        .filter(|one| one.path == "/api/tags")
        .count();
    assert_eq!(looks, 1);
}
