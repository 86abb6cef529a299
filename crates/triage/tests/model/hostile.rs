//! Whatever a server sends, a question ends with an answer or with an error that fits on one line.

use alertbridge_triage::model::{Dialect, ModelConfig, connect};
use proptest::{collection::vec, prelude::*};

use crate::{
    scene::{config, question},
    scripted::{Script, ok, server},
};

/// Pieces of answers, in any order, whole or broken.
fn pieces() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let sane = prop::sample::select(vec![
        "{\"message\":{\"content\":\"{}\"},\"done\":false}\n",
        "{\"done\":true,\"done_reason\":\"stop\",\"prompt_eval_count\":500}\n",
        "{\"error\":\"x\u{1b}[31m\r\n\u{202e}y\"}\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"{}\"}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
        "data: [DONE]\n\n",
        "data: {\"choices\":{},\"usage\":[],\"error\":7}\n",
        "{\"choices\":[[]]}",
        ": ping\n",
        "null\n",
        "\n",
    ])
    .prop_map(|text| text.as_bytes().to_vec());
    let broken = sane.clone().prop_flat_map(|bytes| {
        let length = bytes.len();
        (Just(bytes), 0..length).prop_map(|(bytes, end)| bytes[..end].to_vec())
    });
    vec(
        prop_oneof![4 => sane, 1 => broken, 1 => vec(any::<u8>(), 0..40)],
        0..6,
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_question_always_ends_and_its_error_is_one_line(
        pieces in pieces(),
        openai in any::<bool>(),
        kind in prop::sample::select(vec!["application/x-ndjson", "text/event-stream", "application/json", "text/html"]),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let asked = runtime.block_on(async {
            let path = if openai { "/v1/chat/completions" } else { "/api/chat" };
            let pieces = std::iter::once(ok(kind)).chain(pieces).collect();
            let url = server(vec![Script { path, pieces }]).await;
            let dialect = if openai { Dialect::OpenAi } else { Dialect::Ollama };
            let model = connect(ModelConfig { dialect, ..config(&url) }).unwrap();
            model.ask(&question()).await
        });
        if let Err(error) = asked {
            prop_assert!(!error.text.is_empty() && error.text.len() < 1000);
            prop_assert!(!error.text.contains(char::is_control), "{:?}", error.text);
        }
    }
}
