//! One prompt, step by step.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    Prompt, PromptError, Prompter, Subject, estimate, flatten,
    flatten::Leaf,
    harmless::visible,
    identity,
    packing::Packing,
    system::SYSTEM,
    tree,
    worth::{self, Worth},
};
use crate::{PseudonymMap, Redactor, pseudonym::Pseudonyms};

/// Tokens of the user's message that are always there: the rule's number and level, the marker, the task.
pub(super) const LEAST_BUDGET: u32 = 240;
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
    let input_hash = identity::hash(
        &leaves,
        &lasting,
        &signs,
        &prompter.settings,
        prompter.pseudonyms,
    );

    let mut pseudonyms = PseudonymMap::default();
    if prompter.pseudonyms {
        let texts = leaves.iter().map(|leaf| (&*leaf.path, &*leaf.text));
        let names = Pseudonyms::collect(texts.chain(facts.iter().map(|fact| ("", &**fact))))
            .ok_or(PromptError::TooManyNames)?;
        alert = tree::rewrite(alert, &mut |name, text| match name {
            None if worth::is_form(text) => None,
            name => names.apply(name.unwrap_or_default(), text),
        });
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
    // The system's message is constant and clean: a test holds it to that.
    if let Some(finding) = redactor.scan(&user).into_iter().next() {
        return Err(PromptError::Secret { kind: finding.kind });
    }
    Ok(Prompt {
        system: SYSTEM.to_owned(),
        estimated_tokens: estimate::most(SYSTEM).saturating_add(packed.tokens),
        least_tokens: estimate::least(SYSTEM) + estimate::least(&user),
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
