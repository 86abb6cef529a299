//! What servers and proxies say instead of an answer, and what the operator is told.

use alertbridge_sandbox::{ModelFault, ModelOptions, ModelSandbox};
use alertbridge_triage::model::{FailureClass, FailureKind, ModelConfig, connect};

use crate::scene::{class_of, config, error_of, model, question, sandbox, sandbox_with};

fn answer(status: u16, body: &str) -> ModelFault {
    ModelFault::Answer {
        status,
        content_type: "application/json".to_owned(),
        body: body.to_owned(),
        retry_after: None,
    }
}

#[tokio::test]
async fn each_refusal_has_its_class_and_says_what_to_do() {
    let sandbox = sandbox().await;
    let model = model(&sandbox.url());
    use FailureClass as Class;
    for (fault, class, remedy) in [
        (ModelFault::Busy, Class::Busy, "too much to do"),
        (ModelFault::ModelMissing, Class::ModelMissing, "ollama pull"),
        (
            ModelFault::HostRefused,
            Class::Misconfigured,
            "Host: localhost:11434",
        ),
        (ModelFault::NotSignedIn, Class::CloudRefused, "local model"),
        (ModelFault::OutOfMemory, Class::Server, "smaller model"),
        (
            ModelFault::RunnerCrashed,
            Class::Server,
            "unexpectedly stopped",
        ),
        (ModelFault::Reset, Class::Connect, "broke"),
        (
            ModelFault::ProxyPage { status: 200 },
            Class::NotTheServer,
            "web page",
        ),
        (
            ModelFault::ProxyPage { status: 502 },
            Class::NotTheServer,
            "proxy",
        ),
        (
            ModelFault::ProxyPage { status: 504 },
            Class::NotTheServer,
            "proxy",
        ),
        (ModelFault::ProxyPage { status: 401 }, Class::Auth, "login"),
        (
            ModelFault::ProxyPage { status: 403 },
            Class::Misconfigured,
            "let this machine pass",
        ),
        (
            ModelFault::ProxyPage { status: 404 },
            Class::Misconfigured,
            "`url`",
        ),
        (
            ModelFault::ProxyPage { status: 413 },
            Class::Misconfigured,
            "too large",
        ),
        (
            answer(400, r#"{"error":"who knows"}"#),
            Class::RequestRefused,
            "who knows",
        ),
        (
            answer(
                500,
                r#"{"error":"option \"num_ctx\" must be of type integer"}"#,
            ),
            Class::RequestRefused,
            "0.5.0",
        ),
        (
            answer(404, "404 page not found"),
            Class::Misconfigured,
            "`dialect`",
        ),
        (answer(429, "{}"), Class::Busy, "429"),
        (
            answer(499, r#"{"error":"request canceled"}"#),
            Class::Server,
            "canceled",
        ),
        (
            answer(
                403,
                r#"{"error":"ollama cloud is disabled: remote inference is unavailable"}"#,
            ),
            Class::CloudRefused,
            "local model",
        ),
        (answer(302, ""), Class::Misconfigured, "final address"),
    ] {
        let name = format!("{fault:?}");
        sandbox.faults().next(fault);
        let error = error_of(&model, &question()).await;
        assert_eq!(error.class, class, "{name}: {error}");
        assert!(error.text.contains(remedy), "{name}: {error}");
        assert!(!error.text.contains('\n'));
    }
    model.ask(&question()).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_there_passes_by_itself() {
    let sandbox = sandbox().await;
    let url = sandbox.url();
    sandbox.stop().await;
    let error = error_of(&model(&url), &question()).await;
    assert_eq!(
        (error.class, error.kind()),
        (FailureClass::Connect, FailureKind::Server)
    );
    assert!(error.text.contains("does it run"), "{error}");
}

#[tokio::test]
async fn a_model_that_is_not_there_is_named_before_anything_is_sent() {
    let sandbox = sandbox().await;
    let other = ModelConfig {
        model: "qwen3:4b".to_owned(),
        ..config(&sandbox.url())
    };
    let model = connect(other).unwrap();
    let error = error_of(&model, &question()).await;
    assert_eq!(error.class, FailureClass::ModelMissing);
    assert!(
        error.text.contains("qwen3:4b") && error.text.contains("phi4-mini"),
        "{error}"
    );
    assert_eq!(
        model.preload().await.unwrap_err().class,
        FailureClass::ModelMissing
    );
    assert!(sandbox.questions().is_empty());
}

#[tokio::test]
async fn a_servers_wish_to_be_left_alone_is_handed_on() {
    let sandbox = sandbox().await;
    sandbox.faults().next(ModelFault::Answer {
        status: 503,
        content_type: "application/json".to_owned(),
        body: r#"{"error":"server busy"}"#.to_owned(),
        retry_after: Some(17),
    });
    let error = error_of(&model(&sandbox.url()), &question()).await;
    assert_eq!(error.after.map(|after| after.as_secs()), Some(17));
}

#[tokio::test]
async fn a_wrong_key_is_named_and_never_shown() {
    let options = ModelOptions {
        api_key: Some("right".to_owned()),
        ..ModelOptions::default()
    };
    let sandbox = sandbox_with(options).await;
    let wrong = ModelConfig {
        api_key: Some("s3cret".into()),
        ..config(&sandbox.url())
    };
    let model = connect(wrong).unwrap();
    sandbox
        .faults()
        .always_look(Some(answer(401, r#"{"error":"no such key: s3cret"}"#)));
    let error = error_of(&model, &question()).await;
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
}

#[tokio::test]
async fn a_server_that_repeats_the_prompt_in_its_error_is_not_quoted() {
    let sandbox = sandbox().await;
    let body = serde_json::json!({"error": format!("can't parse: {}", question().user)});
    sandbox.faults().next(answer(400, &body.to_string()));
    let error = error_of(&model(&sandbox.url()), &question()).await;
    assert!(!error.text.contains("rundll32"), "{error}");
}

#[tokio::test]
async fn after_a_failure_the_server_is_looked_at_anew() {
    let sandbox = sandbox().await;
    let model = model(&sandbox.url());
    model.ask(&question()).await.unwrap();
    sandbox.faults().next(ModelFault::ModelMissing);
    assert_eq!(class_of(&model).await, FailureClass::ModelMissing);
    model.ask(&question()).await.unwrap();
    let looks = |sandbox: &ModelSandbox| {
        let requests = sandbox.requests();
        requests
            .iter()
            .filter(|one| one.path == "/api/tags")
            .count()
    };
    assert_eq!(looks(&sandbox), 2);
}

#[tokio::test]
async fn a_server_without_tls_at_an_https_address_is_the_operators_to_mend() {
    let sandbox = sandbox().await;
    let model = model(&sandbox.url().replace("http:", "https:"));
    let error = error_of(&model, &question()).await;
    assert_eq!(error.class, FailureClass::Misconfigured);
    assert!(error.text.contains("is it https?"), "{error}");
}
