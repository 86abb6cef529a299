//! What stands in a note, in which order, and how much of each.

use std::fmt::Write as _;

use super::{
    MARKER, Provenance,
    layout::{Page, safe},
    origin,
    room::Room,
};
use crate::{
    InjectionSign, SignKind,
    guard::{Downgrade, Review},
};

pub(super) fn page(review: &Review, provenance: &Provenance, room: Room) -> Page {
    let mut page = Page::new(MARKER);
    page.line("machine-made, unverified: a hint for an analyst, not a decision");
    page.gap();
    verdict(&mut page, review);

    findings(&mut page, &review.signs, room);
    page.heading("AI SUMMARY");
    text(&mut page, &review.summary, room.summary);
    page.heading("LIKELY CAUSE OR SCENARIO");
    text(&mut page, &review.analysis, room.analysis);
    evidence(&mut page, review, room);
    techniques(&mut page, review);
    page.heading("RECOMMENDED NEXT STEPS");
    list(&mut page, &review.steps, room.steps, room.step);
    page.heading("FALSE POSITIVE CHECKS");
    list(&mut page, &review.hypotheses, 3, room.hypothesis);
    page.heading("CONFIDENCE");
    page.model("", &confidence(review));
    if room.shortened {
        page.gap();
        page.line("Some texts above are shortened to fit.");
    }
    origin::lines(&mut page, "Made by", provenance);
    page
}

fn verdict(page: &mut Page, review: &Review) {
    let mut line = format!("Verdict: {}", review.verdict.words());
    if review.verdict != review.said {
        let why: Vec<String> = review
            .downgrades
            .iter()
            .map(|downgrade| because(*downgrade, review))
            .collect();
        let _ = write!(
            line,
            " (the model said {}, which was not taken over: {})",
            review.said.words(),
            why.join("; ")
        );
    }
    page.line(&line);
    page.line(&format!(
        "Severity: {} by the model, rule level {}",
        review.severity.as_str(),
        review.rule_level
    ));
}

fn because(downgrade: Downgrade, review: &Review) -> String {
    match downgrade {
        Downgrade::HighLevel => format!("the rule has level {}", review.rule_level),
        Downgrade::InjectionSigns => "the alert contains text that addresses an AI".to_owned(),
        Downgrade::LowConfidence => format!("it was only {} of 100 sure", review.confidence),
        Downgrade::NoEvidence => "no quoted evidence could be verified".to_owned(),
    }
}

/// What somebody wrote for a model to read. It stands above everything the model said.
fn findings(page: &mut Page, signs: &[InjectionSign], room: Room) {
    if signs.is_empty() {
        return;
    }
    page.heading("FINDINGS");
    page.line("The alert contains text that addresses an AI; treated as evidence:");
    for sign in signs.iter().take(room.signs) {
        page.model(
            "- ",
            &format!(
                "field {}, {}: “{}”",
                safe(&sign.path, room.path),
                kind(sign.kind),
                safe(&sign.excerpt, room.quote)
            ),
        );
    }
    more(page, signs.len(), room.signs);
    page.line("It may have steered what the model says below.");
}

fn kind(kind: SignKind) -> &'static str {
    match kind {
        SignKind::Instruction => "an instruction",
        SignKind::Verdict => "a verdict",
        SignKind::Template => "a chat template's mark",
        SignKind::Fence => "the look of our own marker",
        SignKind::Invisible => "characters that can't be seen",
        SignKind::Encoded => "encoded text",
    }
}

fn evidence(page: &mut Page, review: &Review, room: Room) {
    page.heading("EVIDENCE");
    for evidence in review.evidence.iter().take(room.evidence) {
        page.model(
            "- ",
            &format!(
                "{}: “{}”",
                safe(&evidence.field, room.path),
                safe(&evidence.quote, room.quote)
            ),
        );
        page.model("  ", &safe(&evidence.meaning, room.meaning));
    }
    more(page, review.evidence.len(), room.evidence);
    match (review.evidence.is_empty(), review.unverified) {
        (true, _) => page.line("No quoted evidence could be verified."),
        (false, 0) => {}
        (false, 1) => page.line("1 quote was not found in the alert and is left out."),
        (false, count) => page.line(&format!(
            "{count} quotes were not found in the alert and are left out."
        )),
    }
}

fn techniques(page: &mut Page, review: &Review) {
    if review.techniques.is_empty() && review.unknown_techniques == 0 {
        return;
    }
    page.heading("MITRE ATT&CK");
    for technique in &review.techniques {
        page.model(
            "",
            &format!(
                "{} {}{}",
                safe(&technique.id, 9),
                technique.name,
                if technique.from_rule {
                    " (from rule)"
                } else {
                    " (the model's guess)"
                }
            ),
        );
    }
    match review.unknown_techniques {
        0 => {}
        1 => page.line("1 id that does not exist is left out."),
        count => page.line(&format!("{count} ids that do not exist are left out.")),
    }
}

/// Low, Medium or High, the number, and one reason. How sure a model is of what was not taken over says nothing.
fn confidence(review: &Review) -> String {
    let number = review.confidence;
    if let Some(downgrade) = review.downgrades.first() {
        return format!(
            "Low – the model is {number} of 100 sure of {}, but {}",
            review.said.words(),
            because(*downgrade, review)
        );
    }
    let word = match number {
        0..=39 => "Low",
        40..=74 => "Medium",
        _ => "High",
    };
    let found = review.evidence.len();
    let quotes = found + usize::try_from(review.unverified).unwrap_or_default();
    let reason = match (found, quotes) {
        (0, _) => "no quoted evidence could be verified".to_owned(),
        (1, 1) => "its quote was found in the alert".to_owned(),
        (found, quotes) if found == quotes => {
            format!("all {found} quotes were found in the alert")
        }
        (found, quotes) => format!("{found} of {quotes} quotes were found in the alert"),
    };
    format!("{word} ({number} of 100 by the model) – {reason}")
}

fn text(page: &mut Page, text: &str, most: usize) {
    let text = safe(text, most);
    page.model("", if text.is_empty() { "(nothing)" } else { &text });
}

fn list(page: &mut Page, items: &[String], items_most: usize, most: usize) {
    if items.is_empty() {
        page.model("", "(none)");
    }
    page.numbered(&items[..items.len().min(items_most)], most);
    more(page, items.len(), items_most);
}

fn more(page: &mut Page, all: usize, shown: usize) {
    if all > shown {
        page.model("", &format!("(and {} more)", all - shown));
    }
}
