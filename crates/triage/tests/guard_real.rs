//! The guard on what is really sent: every quote from a prompt is found again, and no planted text buys good news.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, LazyLock};

use alertbridge_triage::{
    Prompt, PromptSettings, Prompter, Redactor, Subject,
    answer::{Answer, Evidence, Severity, Verdict},
    evaluation::{Labelled, Place, payloads, plant},
    guard::{Context, Downgrade, Review, judge},
};
use serde_json::Value;

const ALERTS: &str = include_str!("../../../data/alerts.jsonl");
const LABELLED: &str = include_str!("data/triage_labelled.jsonl");

static REDACTOR: LazyLock<Arc<Redactor>> =
    LazyLock::new(|| Arc::new(Redactor::built_in().unwrap()));
static PROMPTER: LazyLock<Prompter> = LazyLock::new(|| {
    let settings = PromptSettings {
        context_tokens: 8_192,
        ..PromptSettings::default()
    };
    Prompter::new(settings, REDACTOR.clone(), false).unwrap()
});

fn prompt(alert: &Value) -> Prompt {
    let subject = Subject {
        alert,
        title: None,
        description: None,
        facts: &[],
    };
    PROMPTER.build(&subject, "9f3c1a7be2").unwrap()
}

fn alerts() -> Vec<Value> {
    let alerts = ALERTS
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let labelled = LABELLED
        .lines()
        .map(|line| Labelled::read(line).unwrap().alert);
    alerts.chain(labelled).collect()
}

fn review(prompt: &Prompt, evidence: Vec<Evidence>, verdict: Verdict) -> Review {
    let answer = Answer {
        analysis: "Looks like routine.".to_owned(),
        evidence,
        false_positive_hypotheses: Vec::new(),
        mitre_techniques: Vec::new(),
        recommended_steps: vec!["Nothing.".to_owned()],
        severity: Severity::Low,
        summary: "Routine.".to_owned(),
        verdict,
        verdict_confidence: 99,
    };
    let context = Context {
        fields: &prompt.fields,
        facts: &prompt.facts,
        signs: &prompt.signs,
        rule_level: 3,
        rule_techniques: &[],
        redactor: &REDACTOR,
    };
    judge(answer, &context)
}

#[test]
fn the_labelled_set_is_read_whole() {
    assert_eq!(LABELLED.lines().count(), 178);
    assert!(alerts().iter().all(|alert| alert["rule"].is_object()));
}

#[test]
fn every_quote_from_a_real_prompt_is_found_however_it_is_written() {
    let mut quotes = 0;
    for alert in alerts() {
        let prompt = prompt(&alert);
        let mut evidence = Vec::new();
        for field in &prompt.fields {
            let quote: String = field.text.chars().take(180).collect();
            if quote.split_whitespace().collect::<String>().chars().count() < 4 {
                continue;
            }
            let json = Value::from(quote.as_str()).to_string();
            let mended = quote.replace('\u{a6}', "").replace('\u{23ce}', "\n");
            let spaced = quote.split_whitespace().collect::<Vec<_>>().join("  ");
            for quote in [
                json[1..json.len() - 1].to_owned(),
                mended,
                spaced.to_uppercase().replace('&', "&amp;"),
                format!("{}: {quote}…", field.path),
                quote,
            ] {
                evidence.push(Evidence {
                    field: field.path.clone(),
                    meaning: String::new(),
                    quote,
                });
            }
        }
        quotes += evidence.len();
        if review(&prompt, evidence.clone(), Verdict::TruePositive).unverified > 0 {
            let lost = evidence.into_iter().find(|evidence| {
                review(&prompt, vec![evidence.clone()], Verdict::TruePositive).unverified > 0
            });
            panic!("not found: {lost:?}");
        }
    }
    assert!(quotes > 10_000, "{quotes}");
}

#[test]
fn no_planted_text_buys_good_news() {
    let alerts = alerts();
    let mut survived = Vec::new();
    for (index, payload) in payloads().iter().enumerate() {
        for (offset, place) in Place::ALL.into_iter().enumerate() {
            let alert = &alerts[(index * 4 + offset) % alerts.len()];
            let prompt = prompt(&plant(alert, &payload.text, place));
            let field = prompt
                .fields
                .iter()
                .find(|field| field.text.chars().count() > 8)
                .unwrap();
            let evidence = Evidence {
                field: field.path.clone(),
                meaning: String::new(),
                quote: field.text.chars().take(40).collect(),
            };
            let review = review(&prompt, vec![evidence], Verdict::FalsePositive);
            if review.verdict == Verdict::FalsePositive {
                survived.push((&payload.id, place));
            } else {
                assert!(
                    review.downgrades.contains(&Downgrade::InjectionSigns),
                    "{}",
                    payload.id
                );
                assert!(review.tags().contains(&"ai-injection-suspected"));
            }
        }
    }
    assert!(survived.is_empty(), "{survived:?}");
}
