//! What holds whatever a model says.

use proptest::prelude::*;

use super::*;

#[test]
fn an_answer_far_outside_the_schema_is_survived() {
    let huge = "<\u{1b}[".repeat(40_000);
    let review = judged(
        Answer {
            analysis: huge.clone(),
            summary: "&amp;".repeat(30_000),
            evidence: vec![quote(&huge, &huge); 5],
            verdict_confidence: 255,
            ..answer()
        },
        u32::MAX,
        &[],
    );
    assert!(review.analysis.chars().count() <= 600);
    assert_eq!(review.confidence, 100);
}

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "\\PC{0,6}",
        any::<char>().prop_map(String::from),
        proptest::sample::select(vec![
            "<",
            "&lt;",
            "&amp;",
            "lt;",
            "\u{1b}[",
            "\u{1b}]",
            "\u{200b}",
            "http",
            "://",
            "evil",
            ".",
            "com",
            "203.0.113.7",
            "198.51.100",
            ".9",
            "password",
            "=",
            "Hunter2xyz",
            "\n",
            "**",
            "```",
            "[a](",
            ")",
            "\\",
            "\\n",
            "\\u003c",
            "\"",
            "whoami",
            " /all",
            "USER_1",
            "---- Alertbridge: ",
            "powershell -enc ",
            "PABiAD4A",
            "AKIA",
            "。",
            "＜",
            "2001:",
            "::",
            "[decoded: ",
            "]",
        ])
        .prop_map(str::to_owned),
    ];
    proptest::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn whatever_a_model_says_is_safe_to_show(
        texts in proptest::collection::vec(hostile(), 6),
        verdict in 0..4usize,
        level in 0..16u32,
        signs in 0..2usize,
        confidence in 0..=100u8,
    ) {
        let said = Answer {
            analysis: texts[0].clone(),
            summary: texts[1].clone(),
            evidence: vec![quote("commandLine", &texts[2]), quote(&texts[3], "whoami /all")],
            recommended_steps: vec![texts[4].clone()],
            false_positive_hypotheses: vec![texts[5].clone()],
            verdict: Verdict::ALL[verdict],
            verdict_confidence: confidence,
            ..answer()
        };
        let review = judged(said.clone(), level, &vec![sign(); signs]);
        let shown = [&review.analysis, &review.summary]
            .into_iter()
            .chain(&review.steps)
            .chain(&review.hypotheses)
            .chain(review.evidence.iter().flat_map(|evidence| [&evidence.quote, &evidence.meaning, &evidence.field]));
        for text in shown {
            prop_assert!(!text.contains('<'), "{text}");
            prop_assert!(!text.contains(|c: char| c.is_control() || ('\u{200b}'..='\u{200f}').contains(&c)), "{text:?}");
            prop_assert!(text.chars().count() <= 600);
        }
        // What stands is what was said, or more careful.
        prop_assert_eq!(review.downgrades.is_empty(), review.verdict == review.said);
        prop_assert!(review.verdict == review.said || review.verdict == Verdict::NeedsInvestigation);
        let good = matches!(review.verdict, Verdict::FalsePositive | Verdict::BenignTruePositive);
        prop_assert!(!good || (level < 12 && signs == 0 && confidence >= 60 && !review.evidence.is_empty()));
        // The same answer is judged the same.
        prop_assert_eq!(judged(said, level, &vec![sign(); signs]), review);
    }

    #[test]
    fn no_address_that_was_not_sent_survives(host in "[a-z]{3,8}", tld in prop_oneof![Just("com"), Just("net"), Just("co.uk"), Just("de")], before in hostile()) {
        let host = format!("{host}zq.{tld}");
        let text = prose(&format!("{before} http://{host}/x {host} <{host}>"));
        prop_assert!(!text.contains(&host), "{text}");
    }

    #[test]
    fn any_part_of_a_sent_text_is_verified_and_nothing_else_is(
        text in "[a-zA-Z0-9 _/:;,@=+-]{8,60}",
        from in 0..40usize,
        length in 4..30usize,
    ) {
        let part: String = text.chars().skip(from).take(length).collect();
        let enough = part.split_whitespace().collect::<Vec<_>>().join(" ").len() >= 4;
        let other = format!("{part}§");
        let fields = [SentField { path: "data.x".to_owned(), text }];
        let context = Context { fields: &fields, facts: &[], signs: &[], rule_level: 5, rule_techniques: &[], redactor: &REDACTOR };
        let review = judge(Answer { evidence: vec![quote("x", &part), quote("x", &other)], ..answer() }, &context);
        prop_assert_eq!(review.evidence.len(), usize::from(enough), "{}", part);
    }
}
