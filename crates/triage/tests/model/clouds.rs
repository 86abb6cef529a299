//! No alert leaves the house by a model's name.

use alertbridge_sandbox::{ModelFault, ModelOptions, ModelSandbox, ServedModel};
use alertbridge_triage::model::{FailureClass, FailureKind, ModelConfig, connect};

use crate::scene::{MODEL, config, error_of, model, question, sandbox, sandbox_with};

/// A model with a harmless name that runs elsewhere.
async fn alias() -> ModelSandbox {
    let options = ModelOptions {
        models: vec![ServedModel {
            remote_host: Some("https://ollama.com:443".to_owned()),
            ..ServedModel::new(MODEL)
        }],
        ..ModelOptions::default()
    };
    sandbox_with(options).await
}

#[tokio::test]
async fn a_cloud_model_under_a_harmless_name_is_never_asked() {
    let sandbox = alias().await;
    let model = model(&sandbox.url());
    let error = error_of(&model, &question()).await;
    assert_eq!(
        (error.class, error.kind()),
        (FailureClass::CloudRefused, FailureKind::Operator)
    );
    assert!(error.text.contains("ollama.com"), "{error}");
    assert_eq!(
        model.preload().await.unwrap_err().class,
        FailureClass::CloudRefused
    );
    assert!(model.look().await.unwrap().cloud);
    assert_eq!(sandbox.counts().asked, 0, "nothing was sent");
}

#[tokio::test]
async fn it_is_asked_where_that_is_allowed() {
    let sandbox = alias().await;
    let allowed = ModelConfig {
        allow_cloud: true,
        ..config(&sandbox.url())
    };
    assert!(!allowed.is_private());
    connect(allowed).unwrap().ask(&question()).await.unwrap();
}

#[tokio::test]
async fn a_list_that_can_not_be_read_lets_nothing_out() {
    let sandbox = sandbox().await;
    let model = model(&sandbox.url());
    for status in [401, 403, 404] {
        sandbox
            .faults()
            .always_look(Some(ModelFault::ProxyPage { status }));
        let error = error_of(&model, &question()).await;
        assert_eq!(
            error.class,
            FailureClass::Misconfigured,
            "{status}: {error}"
        );
        assert!(error.text.contains("/api/tags"), "{error}");
    }
    assert_eq!(sandbox.counts().asked, 0);
}

#[test]
fn a_name_that_says_cloud_is_refused_before_anything_is_asked() {
    for name in ["gpt-oss:120b-cloud", "kimi-k2:cloud", "x-cloud:latest"] {
        let refused = connect(ModelConfig {
            model: name.to_owned(),
            ..config("http://localhost:11434")
        });
        assert!(
            refused.err().unwrap().to_string().contains("allow_cloud"),
            "{name}"
        );
    }
}
