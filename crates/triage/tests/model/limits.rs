//! Nothing is waited for without an end. The limits are seconds here, the shortest there are; only the class is looked at.

use alertbridge_sandbox::ModelFault;
use alertbridge_triage::model::{FailureClass, ModelConfig, connect};

use crate::scene::{class_of, config, model, question, sandbox};

#[tokio::test]
async fn a_model_that_never_begins_is_given_up() {
    let sandbox = sandbox().await;
    let hasty = ModelConfig {
        first_byte_timeout: 1,
        ..config(&sandbox.url())
    };
    sandbox.faults().next(ModelFault::HoldFirstToken);
    let class = class_of(&connect(hasty).unwrap()).await;
    assert_eq!(class, FailureClass::TimeoutFirstByte);
    // The connection is closed, so the model is free.
    sandbox.until(|counts| counts.cancelled == 1).await;
    model(&sandbox.url()).ask(&question()).await.unwrap();
}

#[tokio::test]
async fn a_model_that_stops_in_the_middle_is_given_up() {
    let sandbox = sandbox().await;
    let hasty = ModelConfig {
        idle_timeout: 1,
        ..config(&sandbox.url())
    };
    sandbox.faults().next(ModelFault::Stall);
    assert_eq!(
        class_of(&connect(hasty).unwrap()).await,
        FailureClass::TimeoutIdle
    );
    sandbox.until(|counts| counts.cancelled == 1).await;
}

#[tokio::test]
async fn an_answer_that_takes_too_long_as_a_whole_is_given_up() {
    let sandbox = sandbox().await;
    let hasty = ModelConfig {
        whole_timeout: 1,
        ..config(&sandbox.url())
    };
    let model = connect(hasty).unwrap();
    for fault in [ModelFault::Stall, ModelFault::HoldFirstToken] {
        sandbox.faults().next(fault);
        assert_eq!(class_of(&model).await, FailureClass::TimeoutTotal);
    }
}

#[tokio::test]
async fn a_pause_within_the_limits_is_waited_out() {
    let sandbox = sandbox().await;
    sandbox.faults().next(ModelFault::HoldFirstToken);
    sandbox.faults().next(ModelFault::Stall);
    let model = model(&sandbox.url());
    for _ in 0..2 {
        let asked = tokio::spawn({
            let model = model.clone();
            async move { model.ask(&question()).await }
        });
        sandbox.until(|counts| counts.held == 1).await;
        sandbox.release();
        asked.await.unwrap().unwrap();
    }
}
