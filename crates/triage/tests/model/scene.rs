//! A stand-in, a client of it, and a question about an alert.

use std::sync::Arc;

use alertbridge_sandbox::{ModelOptions, ModelSandbox};
use alertbridge_triage::model::{
    FailureClass, Model, ModelConfig, ModelError, Question, Repair, connect,
};
use serde_json::{Value, json};

pub const MODEL: &str = "phi4-mini:latest";
pub const DATA: &str = "rule.level: 12\nrule.description: sshd brute force\ndata.srcip: 203.0.113.9\n\
    data.win.eventdata.commandLine: rundll32.exe C:\\Windows\\evil.dll,Start \"x y\"\nfull_log: many words é\n";

/// The schema of the answer, small.
pub fn schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["analysis", "evidence", "verdict"],
        "properties": {
            "analysis": {"type": "string", "maxLength": 600},
            "evidence": {"type": "array", "minItems": 1, "items": {"type": "object"}},
            "verdict": {"type": "string", "enum": ["true_positive", "false_positive"]}
        }
    })
}

pub fn question() -> Question {
    question_about(DATA)
}

pub fn question_about(data: &str) -> Question {
    let user = format!(
        "rule level 12\n<<<DATA 9f3c1a7b>>>\n{data}<<<END 9f3c1a7b>>>\nAnswer with the JSON."
    );
    let system = "You look at one alert. ".repeat(20);
    Question {
        // The stand-in counts three bytes a token.
        least_tokens: u32::try_from((system.len() + user.len()) / 4).unwrap(),
        system,
        user,
        repair: None,
        schema: schema(),
        seed: 7,
    }
}

pub fn repaired() -> Question {
    Question {
        repair: Some(Repair {
            answer: "{}".to_owned(),
            complaint: "`verdict` is missing".to_owned(),
        }),
        ..question()
    }
}

pub async fn sandbox() -> ModelSandbox {
    sandbox_with(ModelOptions::default()).await
}

pub async fn sandbox_with(options: ModelOptions) -> ModelSandbox {
    ModelSandbox::start(options).await.unwrap()
}

pub fn config(url: &str) -> ModelConfig {
    ModelConfig {
        url: url.to_owned(),
        model: MODEL.to_owned(),
        context_tokens: 4096,
        answer_tokens: 1024,
        ..ModelConfig::default()
    }
}

pub fn model(url: &str) -> Arc<dyn Model> {
    connect(config(url)).unwrap()
}

pub async fn error_of(model: &Arc<dyn Model>, question: &Question) -> ModelError {
    model.ask(question).await.unwrap_err()
}

pub async fn class_of(model: &Arc<dyn Model>) -> FailureClass {
    error_of(model, &question()).await.class
}
