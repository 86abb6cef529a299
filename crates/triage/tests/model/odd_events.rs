//! Answers in OpenAI's language that are odd, and some that are only old.

use std::sync::Arc;

use alertbridge_triage::model::{Dialect, FailureClass, Model, ModelConfig, connect};

use crate::{
    scene::{config, error_of, question},
    scripted::{Script, ok, server, whole},
};

async fn client(pieces: Vec<Vec<u8>>) -> Arc<dyn Model> {
    let path = "/v1/chat/completions";
    let url = server(vec![Script { path, pieces }]).await;
    connect(ModelConfig {
        dialect: Dialect::OpenAi,
        ..config(&url)
    })
    .unwrap()
}

fn events(text: &str) -> Vec<Vec<u8>> {
    vec![ok("text/event-stream"), text.as_bytes().to_vec()]
}

const SAID: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"{}\"}}]}\n\n";
const STOP: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";

#[tokio::test]
async fn every_way_of_saying_the_same_is_understood() {
    for text in [
        format!("{SAID}{STOP}data: [DONE]\n\n"),
        format!("{SAID}{STOP}"),
        format!(": ping\n\nevent: x\nid: 1\nretry: 5\n{SAID}{STOP}"),
        format!(
            "{}{}",
            SAID.replace('\n', "\r\n"),
            STOP.replace("data: ", "data:")
        ),
        format!(
            "{}{STOP}",
            SAID.replace("\"{}\"", "[{\"type\":\"text\",\"text\":\"{}\"}]")
        ),
        format!(
            "{}{STOP}",
            SAID.replace("\"delta\":", "\"finish_reason\":\"\",\"delta\":")
        ),
        format!(
            "data: {{\"choices\":[{{\"delta\":{{\"reasoning_content\":\"{{}} hm\"}}}}]}}\n\n{SAID}{STOP}"
        ),
        format!("data: {{\"choices\":[],\"usage\":null}}\n\n{SAID}{STOP}"),
        format!("data: {{\"timings\":{{}}}}\n\n{SAID}{STOP}"),
        format!("{SAID}{}", STOP.replace("stop", "eos_token")),
        SAID.replace("\"delta\":", "\"finish_reason\":\"stop\",\"delta\":")
            .trim_end()
            .to_owned(),
    ] {
        let reply = client(events(&text)).await.ask(&question()).await;
        assert_eq!(reply.map(|reply| reply.text), Ok("{}".to_owned()), "{text}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_stream_is_understood() {
    let body = r#"{"choices":[{"message":{"content":"{}","reasoning":"hm"},"finish_reason":"stop"}],"usage":{"prompt_tokens":500}}"#;
    let reply = client(vec![whole(200, "application/json", body)])
        .await
        .ask(&question())
        .await
        .unwrap();
    assert_eq!(
        (reply.text.as_str(), reply.prompt_tokens),
        ("{}", Some(500))
    );
}

#[tokio::test]
async fn whatever_is_odd_has_a_class_of_its_own() {
    use FailureClass as Class;
    for (text, class) in [
        (String::new(), Class::OutputNoDone),
        (SAID.to_owned(), Class::OutputNoDone),
        (format!("{SAID}data: [DONE]\n\n"), Class::OutputNoDone),
        (
            format!("{SAID}{}", STOP.replace("stop", "length")),
            Class::OutputCut,
        ),
        (
            format!("{SAID}{}", STOP.replace("stop", "content_filter")),
            Class::OutputCut,
        ),
        (
            format!("{SAID}{}", STOP.replace("stop", "tool_calls")),
            Class::OutputCut,
        ),
        (
            format!("{}{STOP}", SAID.replace("content", "refusal")),
            Class::OutputNotJson,
        ),
        (
            format!(
                "{}{}",
                SAID.replace("content", "reasoning"),
                STOP.replace("stop", "length")
            ),
            Class::OutputCut,
        ),
        (
            format!("{SAID}data: {{\"error\":\"died\"}}\n\n"),
            Class::Server,
        ),
        (
            format!("{SAID}{{\"error\":{{\"message\":\"died\"}}}}\n"),
            Class::Server,
        ),
        (
            "data: {\"error\":{\"message\":\"maximum context length is 5\"}}\n\n".to_owned(),
            Class::ContextTooLong,
        ),
        (
            format!("{SAID}{STOP}data: {{\"choices\":[],\"usage\":{{\"prompt_tokens\":9}}}}\n\n"),
            Class::ContextTruncated,
        ),
        ("data: no json\n\n".to_owned(), Class::NotTheServer),
        (
            "{\"message\":{\"content\":\"x\"},\"done\":false}\n".to_owned(),
            Class::NotTheServer,
        ),
        ("<html></html>".to_owned(), Class::NotTheServer),
        ("x".repeat(100_000), Class::NotTheServer),
    ] {
        let error = error_of(&client(events(&text)).await, &question()).await;
        assert_eq!(
            error.class,
            class,
            "{}: {error}",
            text.chars().take(200).collect::<String>()
        );
    }
}

#[tokio::test]
async fn refusals_are_understood_in_every_shape() {
    use FailureClass as Class;
    for (status, body, class) in [
        (
            400,
            r#"{"error":"No models loaded. Please load a model."}"#,
            Class::ModelMissing,
        ),
        (
            404,
            r#"{"error":{"message":"The model `x` does not exist","code":"model_not_found"}}"#,
            Class::ModelMissing,
        ),
        (404, r#"{"detail":"Not Found"}"#, Class::Misconfigured),
        (
            429,
            r#"{"error":{"message":"quota","code":"insufficient_quota"}}"#,
            Class::Misconfigured,
        ),
        (
            429,
            r#"{"error":{"message":"slow down","type":"rate_limit"}}"#,
            Class::Busy,
        ),
        (
            503,
            r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#,
            Class::Busy,
        ),
        (
            500,
            r#"{"error":{"code":500,"message":"parse error","type":"server_error"}}"#,
            Class::Server,
        ),
        (
            400,
            r#"{"error":{"code":400,"message":"request exceeds","type":"exceed_context_size_error","n_prompt_tokens":9,"n_ctx":5}}"#,
            Class::ContextTooLong,
        ),
        (
            422,
            r#"{"detail":[{"loc":["body","x"],"msg":"bad","input":"rundll32.exe"}]}"#,
            Class::RequestRefused,
        ),
        (418, "teapot", Class::RequestRefused),
        (
            200,
            r#"{"message":{"content":"x"},"done":true}"#,
            Class::NotTheServer,
        ),
        (200, r#"{"error":"died"}"#, Class::Server),
    ] {
        let client = client(vec![whole(status, "application/json", body)]).await;
        let error = error_of(&client, &question()).await;
        assert_eq!(error.class, class, "{body}: {error}");
        assert!(!error.text.contains("rundll32"), "{error}");
    }
}
