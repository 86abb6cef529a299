//! What a real llama-server sent, byte for byte (llama.cpp of October 2026, random weights in a real vocabulary).

use std::{sync::Arc, time::Duration};

use alertbridge_triage::model::{Dialect, FailureClass, Model, ModelConfig, connect};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{
    scene::{class_of, config, error_of, question},
    scripted::{self, Script, request, whole},
};

/// Streamed in chunks; promises to keep the connection open.
const ANSWER: &[u8] = include_bytes!("../data/llama_server_answer.bin");
const NO_SUCH_PATH: &[u8] = b"HTTP/1.1 404 Not Found\r\nServer: llama.cpp\r\nAccess-Control-Allow-Origin: \r\n\
    Content-Type: application/json; charset=utf-8\r\nContent-Length: 74\r\nConnection: close\r\n\r\n\
    {\"error\":{\"message\":\"File Not Found\",\"type\":\"not_found_error\",\"code\":404}}";
const TOO_LONG: &str = r#"{"error":{"code":400,"message":"request (3011 tokens) exceeds the available context size (2048 tokens), try increasing it","type":"exceed_context_size_error","n_prompt_tokens":3011,"n_ctx":2048}}"#;
const WRONG_KEY: &str =
    r#"{"error":{"message":"Invalid API Key","type":"authentication_error","code":401}}"#;
const LOADING: &str =
    r#"{"error":{"message":"Loading model","type":"unavailable_error","code":503}}"#;
const NO_SAMPLERS: &str = r#"{"error":{"code":400,"message":"Failed to initialize samplers: std::exception","type":"invalid_request_error"}}"#;
const NO_SCHEMA: &str = r##"{"error":{"code":400,"message":"Unable to generate parser for this template. Automatic parser generation failed: JSON schema error at #: unrecognized type wibble","type":"invalid_request_error"}}"##;

const MODELS: &str = r#"{"models":[{"name":"nonsense","model":"nonsense","modified_at":"","size":"","digest":"","type":"model","description":"","tags":[""],"capabilities":["completion"],"parameters":"","details":{"parent_model":"","format":"gguf","family":"","families":[""],"parameter_size":"","quantization_level":""}}],"object":"list","data":[{"id":"nonsense","aliases":["nonsense"],"tags":[],"object":"model","architecture":{"input_modalities":["text"],"output_modalities":["text"]},"created":1795285643,"owned_by":"llamacpp","meta":{"vocab_type":1,"n_vocab":32004,"n_ctx":4096,"n_ctx_train":8192,"n_embd":128,"n_params":8521344,"size":34085376,"ftype":"all F32"}}]}"#;

fn openai(url: &str) -> ModelConfig {
    ModelConfig {
        dialect: Dialect::OpenAi,
        ..config(url)
    }
}

async fn refusing(status: u16, body: &str) -> Arc<dyn Model> {
    let path = "/v1/chat/completions";
    let pieces = vec![whole(status, "application/json; charset=utf-8", body)];
    let url = scripted::server(vec![Script { path, pieces }]).await;
    connect(openai(&url)).unwrap()
}

/// A server that ends a connection as llama-server does: without an announcement, whatever comes on it after a streamed answer.
async fn server(answer: impl Fn() -> Vec<Vec<u8>> + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, answer()));
        }
    });
    format!("http://{address}")
}

async fn serve(mut stream: TcpStream, answer: Vec<Vec<u8>>) -> Option<()> {
    let path = request(&mut stream).await?;
    if path != "/v1/chat/completions" {
        return stream.write_all(NO_SUCH_PATH).await.ok();
    }
    let mut pause = tokio::time::interval(Duration::from_millis(100));
    for piece in answer {
        pause.tick().await;
        stream.write_all(&piece).await.ok()?;
    }
    let mut byte = [0];
    stream.read(&mut byte).await.ok().map(drop)
}

#[tokio::test]
async fn questions_that_follow_each_other_at_once_are_all_answered() {
    let url = server(|| vec![ANSWER.to_vec()]).await;
    let model = connect(openai(&url)).unwrap();
    for _ in 0..5 {
        let reply = model.ask(&question()).await.unwrap();
        assert_eq!(reply.text, r#"{"a":"];["}"#);
        assert_eq!(reply.prompt_tokens, Some(682));
        assert_eq!(reply.answer_tokens, Some(15));
    }
}

#[tokio::test]
async fn signs_of_life_are_no_tokens() {
    // The server sends them also where the model hangs.
    let url = server(|| {
        let begun = ANSWER.len() / 2;
        let begun = ANSWER[..begun]
            .windows(4)
            .rposition(|four| four == b"\n\n\r\n");
        let begun = ANSWER[..begun.unwrap() + 4].to_vec();
        let signs = std::iter::repeat_n(b"3\r\n:\n\n\r\n".to_vec(), 100);
        std::iter::once(begun).chain(signs).collect()
    })
    .await;
    let hasty = ModelConfig {
        idle_timeout: 1,
        whole_timeout: 5,
        ..openai(&url)
    };
    let class = class_of(&connect(hasty).unwrap()).await;
    assert_eq!(class, FailureClass::TimeoutIdle);
}

#[tokio::test]
async fn an_answer_that_fills_the_servers_context_is_told_from_one_that_runs_in_circles() {
    let cut = String::from_utf8(ANSWER.to_vec()).unwrap().replace(
        r#""finish_reason":"stop","index":0,"delta":{}"#,
        // As many bytes, so that the sizes of the chunks stay right.
        r#""finish_reason":"length","index":0,"d":{  }"#,
    );
    assert_eq!(cut.len(), ANSWER.len());
    for (answer_tokens, said) in [
        (1024, "after 64 of the 1024 tokens"),
        (64, "after 64 tokens"),
    ] {
        let cut = cut.replace(r#""completion_tokens":15"#, r#""completion_tokens":64"#);
        let url = server(move || vec![cut.clone().into_bytes()]).await;
        let model = connect(ModelConfig {
            answer_tokens,
            ..openai(&url)
        });
        let error = error_of(&model.unwrap(), &question()).await;
        assert_eq!(error.class, FailureClass::OutputCut);
        assert!(error.text.contains(said), "{error}");
    }
}

#[tokio::test]
async fn its_refusals_have_the_right_class() {
    use FailureClass as Class;
    for (status, body, class, says) in [
        (400, TOO_LONG, Class::ContextTooLong, "3011 tokens"),
        (401, WRONG_KEY, Class::Auth, "api_key_file"),
        (503, LOADING, Class::Busy, "still loads the model"),
        (400, NO_SAMPLERS, Class::Misconfigured, "its log says more"),
        (400, NO_SCHEMA, Class::RequestRefused, "unrecognized type"),
    ] {
        let error = error_of(&refusing(status, body).await, &question()).await;
        assert_eq!(error.class, class, "{error}");
        assert!(error.text.contains(says), "{error}");
    }
}

#[tokio::test]
async fn its_list_of_models_tells_the_context_of_a_slot_where_a_proxy_lets_nothing_else_through() {
    let pieces = vec![whole(200, "application/json; charset=utf-8", MODELS)];
    let url = scripted::server(vec![Script {
        path: "/v1/models",
        pieces,
    }])
    .await;
    let facts = connect(openai(&url)).unwrap().look().await.unwrap();
    assert!(facts.model_there, "it answers to any name");
    assert_eq!(facts.server_context, Some(4096));
    assert_eq!(facts.model_context, Some(8192));
    assert_eq!(facts.usable_context(16384), 4096);
}
