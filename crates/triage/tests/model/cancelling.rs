//! A question that is dropped frees the model.

use alertbridge_sandbox::{ModelFault, ModelOptions};

use crate::scene::{model, question, sandbox, sandbox_with};

#[tokio::test]
async fn a_question_dropped_before_the_first_token_frees_the_model() {
    let sandbox = sandbox().await;
    let model = model(&sandbox.url());
    sandbox.faults().next(ModelFault::HoldFirstToken);
    let first = tokio::spawn({
        let model = model.clone();
        async move { model.ask(&question()).await }
    });
    sandbox.until(|counts| counts.held == 1).await;
    first.abort();
    sandbox
        .until(|counts| counts.cancelled == 1 && counts.running == 0)
        .await;
    model.ask(&question()).await.unwrap();
}

#[tokio::test]
async fn a_question_dropped_in_the_middle_of_its_answer_frees_the_model() {
    let sandbox = sandbox().await;
    let model = model(&sandbox.url());
    sandbox.faults().next(ModelFault::Stall);
    let first = tokio::spawn({
        let model = model.clone();
        async move { model.ask(&question()).await }
    });
    sandbox.until(|counts| counts.held == 1).await;
    first.abort();
    sandbox
        .until(|counts| counts.cancelled == 1 && counts.running == 0)
        .await;
    model.ask(&question()).await.unwrap();
}

#[tokio::test]
async fn a_question_dropped_while_it_waits_for_its_turn_leaves_the_queue() {
    let sandbox = sandbox_with(ModelOptions::default()).await;
    let model = model(&sandbox.url());
    sandbox.faults().next(ModelFault::HoldFirstToken);
    let ask = || {
        let model = model.clone();
        tokio::spawn(async move { model.ask(&question()).await })
    };
    let first = ask();
    sandbox.until(|counts| counts.held == 1).await;
    let second = ask();
    sandbox.until(|counts| counts.waiting == 1).await;
    second.abort();
    sandbox
        .until(|counts| counts.cancelled == 1 && counts.waiting == 0)
        .await;
    sandbox.release();
    first.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_answered_question_is_no_cancelled_one() {
    let sandbox = sandbox().await;
    let model = model(&sandbox.url());
    for _ in 0..5 {
        model.ask(&question()).await.unwrap();
    }
    let counts = sandbox.until(|counts| counts.running == 0).await;
    assert_eq!((counts.answered, counts.cancelled), (5, 0));
}
