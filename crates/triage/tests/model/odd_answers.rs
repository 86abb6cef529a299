//! Answers no sane server gives, and some that sane ones do.

use alertbridge_triage::model::FailureClass;

use crate::{
    scene::{class_of, error_of, model, question},
    scripted::{Script, ok, server, whole},
};

async fn chat(pieces: Vec<Vec<u8>>) -> String {
    let path = "/api/chat";
    server(vec![Script { path, pieces }]).await
}

fn pieces(parts: &[&str]) -> Vec<Vec<u8>> {
    let head = [ok("application/x-ndjson")];
    head.into_iter()
        .chain(parts.iter().map(|part| part.as_bytes().to_vec()))
        .collect()
}

const END: &str = r#"{"message":{"content":""},"done":true,"done_reason":"stop","prompt_eval_count":500,"eval_count":9}"#;

#[tokio::test]
async fn an_answer_cut_anywhere_even_in_a_character_is_put_together() {
    let line = r#"{"message":{"content":"{\"a\":\"é\"}"},"done":false}"#;
    let text = format!("{line}\r\n\n{END}");
    let single: Vec<Vec<u8>> = std::iter::once(ok("application/x-ndjson"))
        .chain(text.bytes().map(|byte| vec![byte]))
        .collect();
    let url = chat(single).await;
    let reply = model(&url).ask(&question()).await.unwrap();
    assert_eq!(reply.text, "{\"a\":\"é\"}");
    assert_eq!(reply.prompt_tokens, Some(500));
}

#[tokio::test]
async fn whatever_is_odd_has_a_class_of_its_own() {
    use FailureClass as Class;
    for (parts, class) in [
        (vec![], Class::OutputNoDone),
        (vec!["\n\n"], Class::OutputNoDone),
        (
            vec!["{\"message\":{\"content\":\"x\"}}\n"],
            Class::OutputNoDone,
        ),
        (vec!["{\"message\":"], Class::NotTheServer),
        (vec!["not json\n"], Class::NotTheServer),
        (vec!["[1,2]\n"], Class::NotTheServer),
        (
            vec!["<html><body>Sign in</body></html>"],
            Class::NotTheServer,
        ),
        (vec!["data: {\"choices\":[]}\n"], Class::NotTheServer),
        (vec!["{\"error\":{\"message\":\"x\"}}\n"], Class::Server),
        (
            vec!["{\"error\":\"model 'x' not found\"}\n"],
            Class::ModelMissing,
        ),
        (vec!["{\"done\":true}\n"], Class::OutputNoDone),
        (
            vec!["{\"done\":true,\"done_reason\":\"load\"}\n"],
            Class::OutputNoDone,
        ),
        (
            vec!["{\"done\":true,\"done_reason\":\"length\"}\n"],
            Class::OutputCut,
        ),
        (
            vec!["{\"done\":\"yes\",\"done_reason\":\"stop\"}\n"],
            Class::OutputNoDone,
        ),
        (
            vec!["{\"done\":true,\"done_reason\":\"stop\",\"prompt_eval_count\":1}\n"],
            Class::ContextTruncated,
        ),
        (
            vec!["{\"remote_host\":\"https://ollama.com:443\",\"message\":{\"content\":\"x\"}}\n"],
            Class::CloudRefused,
        ),
    ] {
        let url = chat(pieces(&parts)).await;
        let error = error_of(&model(&url), &question()).await;
        assert_eq!(error.class, class, "{parts:?}: {error}");
    }
}

#[tokio::test]
async fn fields_of_the_wrong_type_are_as_good_as_none() {
    let odd = r#"{"message":[],"done":0,"prompt_eval_count":"many"}"#;
    let said = r#"{"message":{"content":"yes","thinking":7},"done":null}"#;
    let end = r#"{"message":null,"done":true,"done_reason":"stop","prompt_eval_count":-3,"load_duration":1.5}"#;
    let url = chat(pieces(&[odd, "\n", said, "\n", end])).await;
    let reply = model(&url).ask(&question()).await.unwrap();
    assert_eq!((reply.text.as_str(), reply.prompt_tokens), ("yes", None));
}

#[tokio::test]
async fn a_line_without_an_end_and_an_answer_without_an_end_are_given_up() {
    let endless = vec![b'x'; 100_000];
    let url = chat(vec![ok("application/x-ndjson"), endless]).await;
    assert_eq!(class_of(&model(&url)).await, FailureClass::NotTheServer);

    let word = "y".repeat(60_000);
    let line = format!("{{\"message\":{{\"content\":\"{word}\"}}}}\n");
    let url = chat(vec![
        ok("application/x-ndjson"),
        line.repeat(20).into_bytes(),
    ])
    .await;
    assert_eq!(class_of(&model(&url)).await, FailureClass::OutputCut);
}

#[tokio::test]
async fn an_answer_that_is_cut_below_what_was_promised_is_no_answer() {
    let head =
        b"HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ncontent-length: 5000\r\n\r\n"
            .to_vec();
    let url = chat(vec![head, b"{\"message\":{\"content\":\"x\"}}\n".to_vec()]).await;
    assert_eq!(class_of(&model(&url)).await, FailureClass::Connect);
    let url = chat(vec![b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()]).await;
    assert_eq!(class_of(&model(&url)).await, FailureClass::Connect);
}

#[tokio::test]
async fn a_redirect_is_named_and_not_followed() {
    let head = "HTTP/1.1 308 X\r\nlocation: https://elsewhere.example/api/chat?t=s3cret\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let url = chat(vec![head.as_bytes().to_vec()]).await;
    let error = error_of(&model(&url), &question()).await;
    assert_eq!(error.class, FailureClass::Misconfigured);
    assert!(
        error.text.contains("https://elsewhere.example/api/chat"),
        "{error}"
    );
    assert!(!error.text.contains("s3cret"));
}

#[tokio::test]
async fn a_server_that_speaks_another_language_is_told_apart() {
    let url = server(vec![Script {
        path: "/api/tags",
        pieces: vec![whole(
            200,
            "application/json",
            r#"{"object":"list","data":[]}"#,
        )],
    }])
    .await;
    let error = error_of(&model(&url), &question()).await;
    assert_eq!(error.class, FailureClass::NotTheServer);
    assert!(error.text.contains("openai"), "{error}");

    let none = whole(200, "application/json", r#"{"models":null}"#);
    let url = server(vec![Script {
        path: "/api/tags",
        pieces: vec![none],
    }])
    .await;
    assert_eq!(class_of(&model(&url)).await, FailureClass::ModelMissing);
}
