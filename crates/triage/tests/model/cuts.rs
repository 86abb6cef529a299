//! What servers cut in silence, and what they say they cut.

use alertbridge_sandbox::{ModelFault, ModelOptions, ModelVersion};
use alertbridge_triage::model::{FailureClass, FailureKind, ModelConfig, connect};

use crate::scene::{
    class_of, config, error_of, model, question, question_about, sandbox, sandbox_with,
};

/// Far more than 4096 tokens.
fn too_long() -> String {
    "full_log: the same again and again\n".repeat(2000)
}

#[tokio::test]
async fn a_prompt_longer_than_the_context_is_refused_by_the_server_since_0_12_4() {
    for version in [
        ModelVersion(0, 12, 4),
        ModelVersion(0, 30, 0),
        ModelVersion::NEWEST,
    ] {
        let options = ModelOptions {
            version,
            ..ModelOptions::default()
        };
        let sandbox = sandbox_with(options).await;
        let error = error_of(&model(&sandbox.url()), &question_about(&too_long())).await;
        assert_eq!(
            error.class,
            FailureClass::ContextTooLong,
            "{version}: {error}"
        );
        assert_eq!(error.kind(), FailureKind::Alert);
        assert_eq!(sandbox.counts().answered, 1);
    }
}

#[tokio::test]
async fn a_prompt_an_old_server_cut_in_silence_is_no_answer() {
    let options = ModelOptions {
        version: ModelVersion(0, 11, 0),
        ..ModelOptions::default()
    };
    let sandbox = sandbox_with(options).await;
    let error = error_of(&model(&sandbox.url()), &question_about(&too_long())).await;
    assert_eq!(error.class, FailureClass::ContextTruncated, "{error}");
    assert_eq!(
        sandbox.questions()[0].seen[0].content,
        "",
        "the stand-in cut it"
    );
}

#[tokio::test]
async fn tokens_an_old_server_had_ready_are_not_taken_for_a_cut() {
    let options = ModelOptions {
        version: ModelVersion(0, 11, 0),
        ..ModelOptions::default()
    };
    let sandbox = sandbox_with(options).await;
    let model = model(&sandbox.url());
    let first = model.ask(&question()).await.unwrap();
    let second = model.ask(&question()).await.unwrap();
    assert!(second.prompt_tokens.unwrap_or(0) < first.prompt_tokens.unwrap() / 10);
}

#[tokio::test]
async fn a_server_that_counts_nothing_is_believed() {
    let sandbox = sandbox().await;
    sandbox.faults().next(ModelFault::NoCounts);
    let reply = model(&sandbox.url()).ask(&question()).await.unwrap();
    assert_eq!(
        (reply.prompt_tokens, reply.answer_tokens, reply.load),
        (None, None, None)
    );
}

#[tokio::test]
async fn an_answer_that_used_up_its_tokens_is_cut() {
    let sandbox = sandbox().await;
    let few = ModelConfig {
        answer_tokens: 64,
        ..config(&sandbox.url())
    };
    let model = connect(few).unwrap();
    assert_eq!(class_of(&model).await, FailureClass::OutputCut);
    sandbox.faults().next(ModelFault::Length);
    assert_eq!(
        class_of(&crate::scene::model(&sandbox.url())).await,
        FailureClass::OutputCut
    );
}

#[tokio::test]
async fn an_answer_without_an_end_is_none_although_the_status_is_200() {
    let sandbox = sandbox().await;
    sandbox.faults().next(ModelFault::NoFinalChunk);
    let model = model(&sandbox.url());
    assert_eq!(class_of(&model).await, FailureClass::OutputNoDone);
    model.ask(&question()).await.unwrap();
}

#[tokio::test]
async fn an_error_in_the_middle_of_an_answer_is_the_servers() {
    let sandbox = sandbox().await;
    sandbox.faults().next(ModelFault::ErrorMidStream);
    let error = error_of(&model(&sandbox.url()), &question()).await;
    assert_eq!(error.class, FailureClass::Server);
    assert!(error.text.contains("unexpected EOF"), "{error}");
}

#[tokio::test]
async fn a_connection_that_breaks_in_the_middle_is_no_answer() {
    let sandbox = sandbox().await;
    sandbox.faults().next(ModelFault::CutInTheMiddle);
    assert_eq!(
        class_of(&model(&sandbox.url())).await,
        FailureClass::Connect
    );
}

#[tokio::test]
async fn what_the_model_says_is_handed_on_as_it_is() {
    let sandbox = sandbox().await;
    let model = model(&sandbox.url());
    sandbox.faults().next(ModelFault::FreeText);
    assert!(
        model
            .ask(&question())
            .await
            .unwrap()
            .text
            .starts_with("Sure!")
    );
    sandbox.faults().next(ModelFault::FencedJson);
    assert!(
        model
            .ask(&question())
            .await
            .unwrap()
            .text
            .starts_with("```json")
    );
    sandbox.faults().next(ModelFault::ThoughtsInTheText);
    let text = model.ask(&question()).await.unwrap().text;
    assert!(
        text.trim_start().starts_with('{') && !text.contains("think"),
        "{text}"
    );
}
