//! One prompt, step by step.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    Cut, Prompt, PromptError, Prompter, Shortened, Subject, estimate, fit, flatten,
    flatten::Leaf,
    harmless::{harmless, visible},
    identity,
    repeats::Known,
    system::{SYSTEM, TASK},
    tree,
    worth::{self, Worth},
};
use crate::{PseudonymMap, Redactor, SentField, pseudonym::Pseudonyms};

/// Tokens of the user's message that are always there: the rule's number and level, the marker, the task.
pub(super) const LEAST_BUDGET: u32 = 240;
/// Tokens of the marker without its nonce, the task, and the words around the facts.
const FRAME: u32 = 72;
/// A core field is shortened further rather than left out where so many tokens are left.
const WORTH_SHORTENING: u32 = 60;
/// Paths of what was left out; the numbers tell of more.
const LEFT_OUT: usize = 64;
/// Fewer fields than this: the description of our own is told too.
const FEW: usize = 4;
const SIGNS: usize = 64;

pub(super) fn build(
    prompter: &Prompter,
    subject: &Subject<'_>,
    nonce: &str,
) -> Result<Prompt, PromptError> {
    if !(8..=64).contains(&nonce.len()) || !nonce.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(PromptError::Nonce);
    }
    let redactor = &*prompter.redactor;
    let mut counts = BTreeMap::new();
    let alert = flatten::unwrapped(subject.alert);
    let mut signs = prompter.injections.scan_alert(&alert, redactor);
    let mut alert = clean_tree(redactor, &alert, &mut counts);
    let mut leaves = flatten::leaves(&alert);
    let foreign = alert.get("rule").is_none_or(|rule| !rule.is_object());
    let mut own = Vec::new();
    for (path, text) in needed(subject, &leaves) {
        signs.extend(prompter.injections.scan_text(path, text, redactor));
        own.push(Leaf {
            path: path.to_owned(),
            text: clean(redactor, text, &mut counts),
        });
    }
    signs.truncate(SIGNS);
    let (mut facts, mut lasting) = (Vec::<String>::new(), Vec::<String>::new());
    for fact in subject.facts.iter().take(prompter.settings.facts) {
        let text = clean(
            redactor,
            &format!("{}: {}", fact.label, fact.text),
            &mut counts,
        );
        if !fact.passing {
            lasting.push(text.clone());
        }
        facts.push(text);
    }
    leaves.extend(own.iter().cloned());
    let input_hash = identity::hash(&leaves, &lasting, &prompter.settings, prompter.pseudonyms);

    let mut pseudonyms = PseudonymMap::default();
    if prompter.pseudonyms {
        let texts = leaves.iter().map(|leaf| (&*leaf.path, &*leaf.text));
        let names = Pseudonyms::collect(texts.chain(facts.iter().map(|fact| ("", &**fact))))
            .ok_or(PromptError::TooManyNames)?;
        alert = tree::rewrite(alert, &mut |name, text| names.apply(name, text));
        leaves = flatten::leaves(&alert);
        for mut leaf in own {
            leaf.text = names.apply(&leaf.path, &leaf.text).unwrap_or(leaf.text);
            leaves.push(leaf);
        }
        for fact in &mut facts {
            if let Some(text) = names.apply("", fact) {
                *fact = text;
            }
        }
        facts.extend(names.neighbours());
        pseudonyms = names.into_map();
    }

    let mut packed = Packing::new(prompter, nonce).pack(leaves, facts, foreign);
    let user = packed.message(nonce);
    let whole = format!("{SYSTEM}\n{user}");
    if let Some(finding) = redactor.scan(&whole).into_iter().next() {
        return Err(PromptError::Secret { kind: finding.kind });
    }
    Ok(Prompt {
        system: SYSTEM.to_owned(),
        estimated_tokens: estimate::most(SYSTEM).saturating_add(packed.tokens),
        least_tokens: estimate::least(&whole),
        user,
        fields: packed.told.into_iter().chain(packed.data).collect(),
        facts: packed.facts,
        cut: std::mem::take(&mut packed.cut),
        redacted: counts.into_iter().collect(),
        signs,
        input_hash,
        pseudonyms,
    })
}

/// Our own title and description, where the alert says too little itself.
fn needed<'a>(subject: &Subject<'a>, leaves: &[Leaf]) -> Vec<(&'static str, &'a str)> {
    let described = leaves.iter().any(|leaf| leaf.path == "rule.description");
    let few = leaves
        .iter()
        .filter(|leaf| worth::of(&leaf.path) != Worth::Never)
        .count()
        < FEW;
    let title = subject
        .title
        .filter(|_| !described)
        .map(|text| ("title", text));
    let description = subject
        .description
        .filter(|_| few)
        .map(|text| ("description", text));
    title.into_iter().chain(description).collect()
}

/// Redacted, without what can't be seen, and redacted again where that was between the letters of a secret's name.
fn clean_tree(redactor: &Redactor, alert: &Value, counts: &mut BTreeMap<String, u64>) -> Value {
    let redacted = redactor.redact_alert(alert);
    let mut hidden = false;
    let shown = tree::rewrite(redacted.value, &mut |_, text| {
        let shown = visible(text);
        hidden |= shown.is_some();
        shown
    });
    count(counts, redacted.found);
    if !hidden {
        return shown;
    }
    let again = redactor.redact_alert(&shown);
    count(counts, again.found);
    again.value
}

fn clean(redactor: &Redactor, text: &str, counts: &mut BTreeMap<String, u64>) -> String {
    let redacted = redactor.redact_text(text);
    count(counts, redacted.found);
    let Some(shown) = visible(&redacted.text) else {
        return redacted.text;
    };
    let again = redactor.redact_text(&shown);
    count(counts, again.found);
    again.text
}

fn count(counts: &mut BTreeMap<String, u64>, found: Vec<(String, u64)>) {
    for (kind, number) in found {
        *counts.entry(kind).or_default() += number;
    }
}

/// The user's message while it is filled.
struct Packing<'a> {
    prompter: &'a Prompter,
    nonce: &'a str,
    budget: u32,
    tokens: u32,
    told: Vec<SentField>,
    data: Vec<SentField>,
    facts: Vec<String>,
    cut: Cut,
}

impl<'a> Packing<'a> {
    fn new(prompter: &'a Prompter, nonce: &'a str) -> Self {
        Self {
            prompter,
            nonce,
            budget: prompter.budget,
            tokens: FRAME + 2 * estimate::most(nonce),
            told: Vec::new(),
            data: Vec::new(),
            facts: Vec::new(),
            cut: Cut::default(),
        }
    }

    fn pack(mut self, leaves: Vec<Leaf>, facts: Vec<String>, foreign: bool) -> Self {
        let mut known = Known::default();
        let mut fields: Vec<(Worth, Leaf)> = Vec::new();
        let mut logs = Vec::new();
        for leaf in leaves {
            let worth = worth::of(&leaf.path);
            if worth == Worth::Log {
                logs.push(leaf);
                continue;
            }
            known.add(&leaf.path);
            known.add(&leaf.text);
            if worth != Worth::Never && !worth::is_empty(&leaf.text) {
                fields.push((worth, leaf));
            }
        }
        for Leaf { path, text } in logs {
            if let Some(text) = known.news(&text) {
                known.add(&text);
                fields.push((Worth::Log, Leaf { path, text }));
            }
        }
        fields.sort_by_key(|(worth, leaf)| {
            (
                *worth,
                if *worth == Worth::Other {
                    leaf.text.len()
                } else {
                    0
                },
            )
        });
        self.cut.of = fields.len();
        let first_data = fields.partition_point(|(worth, _)| matches!(worth, Worth::Told(_)));
        let data = fields.split_off(first_data);
        for (worth, leaf) in fields {
            self.field(worth, leaf, foreign);
        }
        self.our_facts(facts);
        for (worth, leaf) in data {
            self.field(worth, leaf, foreign);
        }
        self
    }

    fn field(&mut self, worth: Worth, leaf: Leaf, foreign: bool) {
        let line = harmless(worth::one_hash(&leaf.path, &leaf.text), self.nonce);
        let path = if leaf.path.contains(self.nonce) {
            leaf.path.replace(self.nonce, "_")
        } else {
            leaf.path
        };
        let mut limit = worth.limit(&self.prompter.settings, foreign);
        let mut short = fit::shorten(&line, limit);
        let mut cost = cost(&path, short.as_ref().map_or(&line, |short| &short.text));
        // What is told before the data must leave room for them.
        let room = match worth {
            Worth::Told(_) => self.budget - self.budget / 4,
            _ => self.budget,
        };
        let left = room.saturating_sub(self.tokens);
        if cost > left
            && left >= WORTH_SHORTENING
            && matches!(worth, Worth::Told(_) | Worth::Core(..) | Worth::Log)
        {
            // 1.5 bytes a token at the worst; the path and the note need room, too.
            limit = (left as usize * 3 / 2).saturating_sub(path.len() + 40);
            short = fit::shorten(&line, limit);
            cost = self::cost(&path, short.as_ref().map_or(&line, |short| &short.text));
        }
        if cost > left {
            if self.cut.left_out.len() < LEFT_OUT {
                self.cut.left_out.push(path);
            }
            return;
        }
        self.tokens += cost;
        self.cut.sent += 1;
        let text = match short {
            Some(short) => {
                self.cut.shortened.push(Shortened {
                    path: path.clone(),
                    kept: short.kept,
                    of: short.of,
                });
                short.text
            }
            None => line,
        };
        let sent = SentField { path, text };
        if matches!(worth, Worth::Told(_)) {
            self.told.push(sent);
        } else {
            self.data.push(sent);
        }
    }

    /// At most a quarter of the room.
    fn our_facts(&mut self, facts: Vec<String>) {
        let most = self
            .tokens
            .saturating_add(self.budget.saturating_sub(self.tokens) / 4);
        for fact in facts {
            let line = harmless(&fact, self.nonce);
            let line = fit::shorten(&line, self.prompter.settings.fact_bytes)
                .map_or(line, |short| short.text);
            let cost = cost("", &line);
            if self.tokens.saturating_add(cost) <= most {
                self.tokens += cost;
                self.facts.push(line);
            }
        }
    }

    fn message(&self, nonce: &str) -> String {
        let mut message = String::from("Facts:\n");
        for field in &self.told {
            message.push_str(&format!("{}: {}\n", field.path, field.text));
        }
        for fact in &self.facts {
            message.push_str(&format!("- {fact}\n"));
        }
        if self.cut.sent < self.cut.of {
            message.push_str(&format!(
                "{} of {} fields are shown.\n",
                self.cut.sent, self.cut.of
            ));
        }
        message.push_str(&format!("<<<DATA {nonce}>>>\n"));
        for field in &self.data {
            message.push_str(&format!("{}: {}\n", field.path, field.text));
        }
        message.push_str(&format!("<<<END {nonce}>>>\n{TASK}\n"));
        message
    }
}

/// Tokens of one line.
fn cost(path: &str, text: &str) -> u32 {
    estimate::most(path)
        .saturating_add(estimate::most(text))
        .saturating_add(2)
}
