//! Servers that speak OpenAI's language, each with its habits.

use std::sync::Arc;

use alertbridge_sandbox::{ModelFault, ModelOptions, ModelSandbox, OpenAiHabits, ServedModel};
use alertbridge_triage::model::{Dialect, FailureClass, FailureKind, Model, ModelConfig, connect};

use crate::scene::{
    DATA, MODEL, class_of, config, error_of, question, question_about, sandbox_with,
};

const ALL: [OpenAiHabits; 5] = [
    OpenAiHabits::Cloud,
    OpenAiHabits::LlamaServer,
    OpenAiHabits::LmStudio,
    OpenAiHabits::Ollama,
    OpenAiHabits::Vllm,
];

async fn server(habits: OpenAiHabits) -> ModelSandbox {
    let options = ModelOptions {
        habits,
        api_key: Some("s3cret".to_owned()),
        ..ModelOptions::default()
    };
    sandbox_with(options).await
}

fn openai(url: &str) -> ModelConfig {
    ModelConfig {
        dialect: Dialect::OpenAi,
        api_key: Some("s3cret".into()),
        ..config(url)
    }
}

fn client(sandbox: &ModelSandbox) -> Arc<dyn Model> {
    connect(openai(&sandbox.url())).unwrap()
}

#[tokio::test]
async fn every_kind_of_server_answers_whole() {
    for habits in ALL {
        let sandbox = server(habits).await;
        let reply = client(&sandbox).ask(&question()).await.unwrap();
        let answer: serde_json::Value = serde_json::from_str(&reply.text).unwrap();
        let quote = answer["evidence"][0]["quote"].as_str().unwrap();
        assert!(DATA.contains(quote), "{habits:?}: {quote}");
        assert!(
            reply.prompt_tokens.is_some() && reply.answer_tokens.is_some(),
            "{habits:?}"
        );
        let asked = sandbox.questions();
        assert_eq!(
            asked.last().unwrap().header("authorization"),
            Some("Bearer s3cret")
        );
    }
}

#[tokio::test]
async fn what_is_sent_asks_for_the_form_strictly_and_for_no_thoughts() {
    let sandbox = server(OpenAiHabits::LlamaServer).await;
    client(&sandbox).ask(&question()).await.unwrap();
    let body = &sandbox.questions()[0].body;
    let format = &body["response_format"];
    assert_eq!(format["type"], "json_schema");
    assert_eq!(format["json_schema"]["strict"], true);
    assert_eq!(format["json_schema"]["schema"], crate::scene::schema());
    assert_eq!(body["stream"], true);
    assert_eq!(body["stream_options"]["include_usage"], true);
    assert_eq!(body["max_tokens"], 1024);
    assert_eq!(body["temperature"], 0.0);
    assert_eq!(body["reasoning_effort"], "none");
    assert_eq!(body["chat_template_kwargs"]["enable_thinking"], false);
}

#[tokio::test]
async fn a_strict_service_is_learned_with_the_first_question() {
    let sandbox = server(OpenAiHabits::Cloud).await;
    let model = client(&sandbox);
    model.ask(&question()).await.unwrap();
    let first = sandbox.questions().len();
    assert!(first > 1, "it was refused before");
    model.ask(&question()).await.unwrap();
    assert_eq!(sandbox.questions().len(), first + 1, "and is not any more");
    let body = sandbox.questions().pop().unwrap().body;
    assert_eq!(body["max_completion_tokens"], 1024);
    for gone in ["max_tokens", "chat_template_kwargs", "reasoning_effort"] {
        assert!(body.get(gone).is_none(), "{gone}");
    }
    let schema = &body["response_format"]["json_schema"]["schema"];
    assert!(!schema.to_string().contains("maxLength"));
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["properties"]["verdict"]["enum"][0], "true_positive");
}

#[tokio::test]
async fn the_portable_schema_is_tried_once_and_then_it_is_a_refusal() {
    let sandbox = server(OpenAiHabits::Vllm).await;
    let refusal = ModelFault::Answer {
        status: 400,
        content_type: "application/json".to_owned(),
        body:
            r#"{"detail":"The provided JSON schema contains features not supported by xgrammar."}"#
                .to_owned(),
        retry_after: None,
    };
    sandbox.faults().always(Some(refusal));
    let error = error_of(&client(&sandbox), &question()).await;
    assert_eq!(error.class, FailureClass::RequestRefused, "{error}");
    assert!(error.text.contains("xgrammar"), "{error}");
    assert_eq!(sandbox.questions().len(), 2);
    sandbox.faults().clear();
    client(&sandbox).ask(&question()).await.unwrap();
}

#[tokio::test]
async fn thoughts_are_switched_off_where_that_can_be_and_never_used_where_not() {
    for habits in ALL {
        let thinker = ServedModel {
            thinks: true,
            ..ServedModel::new(MODEL)
        };
        let options = ModelOptions {
            habits,
            models: vec![thinker],
            ..ModelOptions::default()
        };
        let sandbox = sandbox_with(options).await;
        let quiet = client(&sandbox).ask(&question()).await.unwrap();
        let thinking = ModelConfig {
            thinking: true,
            ..openai(&sandbox.url())
        };
        let loud = connect(thinking).unwrap().ask(&question()).await.unwrap();
        assert_eq!(quiet.text, loud.text, "{habits:?}");
        if habits != OpenAiHabits::Cloud {
            assert!(quiet.answer_tokens < loud.answer_tokens, "{habits:?}");
        }
    }
}

#[tokio::test]
async fn a_prompt_that_is_too_long_is_never_answered() {
    let long = question_about(&"full_log: the same again and again\n".repeat(2000));
    for habits in ALL {
        let sandbox = server(habits).await;
        let error = error_of(&client(&sandbox), &long).await;
        let expected = match habits {
            OpenAiHabits::LmStudio | OpenAiHabits::Ollama => FailureClass::ContextTruncated,
            _ => FailureClass::ContextTooLong,
        };
        assert_eq!(error.class, expected, "{habits:?}: {error}");
        assert_eq!(error.kind(), FailureKind::Alert);
    }
}

#[tokio::test]
async fn a_model_that_is_not_there_is_the_operators_to_mend() {
    for habits in [
        OpenAiHabits::Cloud,
        OpenAiHabits::Ollama,
        OpenAiHabits::Vllm,
    ] {
        let sandbox = server(habits).await;
        let other = ModelConfig {
            model: "qwen3:4b".to_owned(),
            ..openai(&sandbox.url())
        };
        let model = connect(other).unwrap();
        assert_eq!(
            class_of(&model).await,
            FailureClass::ModelMissing,
            "{habits:?}"
        );
        assert!(!model.look().await.unwrap().model_there);
        assert_eq!(
            model.preload().await.unwrap_err().class,
            FailureClass::ModelMissing
        );
    }
}

#[tokio::test]
async fn a_wrong_key_is_the_operators_to_mend() {
    for habits in ALL {
        let sandbox = server(habits).await;
        let wrong = ModelConfig {
            api_key: Some("wr0ng".into()),
            ..openai(&sandbox.url())
        };
        let error = error_of(&connect(wrong).unwrap(), &question()).await;
        assert_eq!(error.class, FailureClass::Auth, "{habits:?}");
        assert!(
            error.text.contains("api_key_file") && !error.text.contains("wr0ng"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn whatever_goes_wrong_has_its_class() {
    use FailureClass as Class;
    for habits in ALL {
        let sandbox = server(habits).await;
        let model = client(&sandbox);
        // A service is learned first.
        model.ask(&question()).await.unwrap();
        for (fault, class) in [
            (ModelFault::Busy, Class::Busy),
            (ModelFault::RunnerCrashed, Class::Server),
            (ModelFault::ErrorMidStream, Class::Server),
            (ModelFault::NoFinalChunk, Class::OutputNoDone),
            (ModelFault::CutInTheMiddle, Class::Connect),
            (ModelFault::Length, Class::OutputCut),
            (ModelFault::Reset, Class::Connect),
            (ModelFault::ProxyPage { status: 200 }, Class::NotTheServer),
            (ModelFault::ProxyPage { status: 502 }, Class::NotTheServer),
        ] {
            let name = format!("{habits:?} {fault:?}");
            sandbox.faults().next(fault);
            let error = error_of(&model, &question()).await;
            assert_eq!(error.class, class, "{name}: {error}");
        }
        sandbox.faults().next(ModelFault::NoCounts);
        assert_eq!(model.ask(&question()).await.unwrap().prompt_tokens, None);
    }
}

#[tokio::test]
async fn a_look_tells_what_each_server_tells() {
    for (habits, model_context, loaded_context, loaded) in [
        (OpenAiHabits::Cloud, None, None, None),
        (
            OpenAiHabits::LlamaServer,
            Some(131_072),
            Some(4096),
            Some(true),
        ),
        (OpenAiHabits::LmStudio, None, None, None),
        (OpenAiHabits::Ollama, None, None, None),
        (OpenAiHabits::Vllm, None, Some(4096), Some(true)),
    ] {
        let sandbox = server(habits).await;
        let facts = client(&sandbox).look().await.unwrap();
        assert!(facts.model_there, "{habits:?}");
        assert_eq!(facts.model_context, model_context, "{habits:?}");
        assert_eq!(facts.loaded_context, loaded_context, "{habits:?}");
        assert_eq!(facts.loaded, loaded, "{habits:?}");
        let usable = if loaded.is_some() { 4096 } else { 8192 };
        assert_eq!(facts.usable_context(8192), usable, "{habits:?}");
        assert_eq!(
            facts.hints.len(),
            usize::from(habits == OpenAiHabits::Ollama)
        );
        assert_eq!(sandbox.counts().asked, 0);
        client(&sandbox).preload().await.unwrap();
    }
}

#[tokio::test]
async fn a_cloud_behind_a_local_ollama_is_never_asked_in_this_language_either() {
    let options = ModelOptions {
        models: vec![ServedModel {
            remote_host: Some("https://ollama.com:443".to_owned()),
            ..ServedModel::new(MODEL)
        }],
        ..ModelOptions::default()
    };
    let sandbox = sandbox_with(options).await;
    assert_eq!(
        class_of(&client(&sandbox)).await,
        FailureClass::CloudRefused
    );
    assert_eq!(sandbox.counts().asked, 0);
}

#[tokio::test]
async fn a_question_dropped_in_the_middle_frees_the_model() {
    for habits in [OpenAiHabits::LlamaServer, OpenAiHabits::Ollama] {
        let sandbox = server(habits).await;
        let model = client(&sandbox);
        for (cancelled, fault) in [(1, ModelFault::HoldFirstToken), (2, ModelFault::Stall)] {
            sandbox.faults().next(fault);
            let asked = tokio::spawn({
                let model = model.clone();
                async move { model.ask(&question()).await }
            });
            sandbox.until(|counts| counts.held == 1).await;
            asked.abort();
            sandbox
                .until(|counts| counts.cancelled == cancelled && counts.running == 0)
                .await;
        }
        model.ask(&question()).await.unwrap();
    }
}

#[tokio::test]
async fn headers_that_come_before_the_first_token_do_not_shorten_the_wait_for_it() {
    let sandbox = server(OpenAiHabits::LlamaServer).await;
    let patient = ModelConfig {
        first_byte_timeout: 60,
        idle_timeout: 1,
        whole_timeout: 3,
        ..openai(&sandbox.url())
    };
    sandbox.faults().next(ModelFault::HoldFirstToken);
    let class = class_of(&connect(patient).unwrap()).await;
    assert_eq!(
        class,
        FailureClass::TimeoutTotal,
        "not the limit for pauses"
    );
}
