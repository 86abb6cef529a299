//! `alertbridge triage show`: exactly what a model would be sent of an alert. Sends nothing.

use std::{path::Path, sync::Arc};

use alertbridge_alert::Alert;
use alertbridge_ledger::Ledger;
use alertbridge_triage::{PROMPT_VERSION, Prompt};
use serde::Serialize;
use serde_json::Value;

use super::{kept_intelligence, reviewer, section};
use crate::{
    cli, clock,
    commands::{answer, print_json, reader},
    config::Config,
    exit::Exit,
    failure::Failure,
    output,
    triage::{Facts, Material, TriageConfig},
};

/// Runs the command.
pub fn run(arguments: &cli::TriageShow) -> Result<Exit, Failure> {
    let (config, section) = section(&arguments.output.config)?;
    let reviewer = reviewer(&config, &section)?;
    let material = material(&config, &section, &arguments.what)?;
    let prompt = reviewer.prompt(&material, false).map_err(|error| {
        Failure::new(Exit::Unbalanced, format!("nothing would be sent: {error}"))
    })?;
    if arguments.output.json {
        print_json(&Shown::of(&prompt, reviewer.model().name()))?;
    } else {
        output::print(text(&prompt, reviewer.model().name(), &section))?;
    }
    Ok(Exit::Success)
}

/// From a file, or from the ledger with what its books say.
fn material(config: &Config, section: &TriageConfig, what: &str) -> Result<Material, Failure> {
    let path = Path::new(what);
    if path.is_file() {
        let text = std::fs::read(path).map_err(|error| Failure::io("read", path, &error))?;
        return of_file(&text).ok_or_else(|| {
            Failure::new(Exit::Config, format!("{what} holds no alert"))
                .remedy("one JSON object, as Wazuh writes it")
        });
    }
    let ledger = reader(config)?;
    let reference = match answer(ledger.trace(what))? {
        Some(_) => what.to_owned(),
        None => answer(ledger.reference_of("iris", what))?.unwrap_or_else(|| what.to_owned()),
    };
    let payload = answer(ledger.trace(&reference))?
        .and_then(|trace| trace.payload)
        .ok_or_else(|| {
            Failure::new(
                Exit::Config,
                format!("the ledger has no alert {what}, or not its bytes any more"),
            )
            .remedy(
                "give its reference, the id IRIS gave an alert of ours, or a file that is there; alerts of others are not kept here",
            )
        })?;
    let alert = Alert::parse(payload).map_err(|error| Failure::new(Exit::Io, error))?;
    let mut material = Material::of_alert(&alert);
    let ledger: Arc<dyn Ledger> = Arc::new(ledger);
    let intel = match &config.intel {
        Some(intel) => Some(kept_intelligence(intel, &ledger, &Arc::default())?),
        None => None,
    };
    let facts = Facts::new(ledger, intel, section.model.is_private());
    let adding = facts.add(&mut material, Some(alert.raw()), clock::now());
    super::super::super::runtime()?.block_on(adding);
    Ok(material)
}

/// The whole file as one alert, or its first line; a labelled line holds its alert under `alert`.
pub(super) fn of_file(text: &[u8]) -> Option<Material> {
    let first = text
        .split(|&byte| byte == b'\n')
        .find(|line| !line.trim_ascii().is_empty())?;
    let strictly = serde_json::from_slice(text).or_else(|_| serde_json::from_slice(first));
    if let Ok(value) = strictly {
        return Some(of_value(value));
    }
    // As the daemon reads it: lone surrogates and invalid UTF-8 are no reason to refuse an alert.
    let alert = Alert::parse(text).or_else(|_| Alert::parse(first));
    alert.ok().map(|alert| Material::of_alert(&alert))
}

/// An alert, bare or as a search in the indexer gives it.
pub(super) fn of_value(mut value: Value) -> Material {
    for wrapper in ["alert", "_source"] {
        if let Some(inner) = value.get_mut(wrapper).filter(|inner| inner.is_object()) {
            value = inner.take();
        }
    }
    let bytes = serde_json::to_vec(&value).unwrap_or_default();
    match Alert::parse(bytes) {
        Ok(alert) => Material::of_alert(&alert),
        Err(_) => Material {
            alert: value,
            ..Material::default()
        },
    }
}

/// For machines.
#[derive(Serialize)]
struct Shown<'a> {
    model: &'a str,
    prompt_version: &'a str,
    system: &'a str,
    user: &'a str,
    estimated_tokens: u32,
    fields_sent: usize,
    fields_of: usize,
    shortened: Vec<(&'a str, usize, usize)>,
    left_out: &'a [String],
    redacted: &'a [(String, u64)],
    injection: Vec<(&'a str, &'a str, &'a str)>,
}

impl<'a> Shown<'a> {
    fn of(prompt: &'a Prompt, model: &'a str) -> Self {
        Self {
            model,
            prompt_version: PROMPT_VERSION,
            system: &prompt.system,
            user: &prompt.user,
            estimated_tokens: prompt.estimated_tokens,
            fields_sent: prompt.cut.sent,
            fields_of: prompt.cut.of,
            shortened: prompt
                .cut
                .shortened
                .iter()
                .map(|one| (one.path.as_str(), one.kept, one.of))
                .collect(),
            left_out: &prompt.cut.left_out,
            redacted: &prompt.redacted,
            injection: prompt
                .signs
                .iter()
                .map(|sign| {
                    (
                        sign.path.as_str(),
                        sign.kind.as_str(),
                        sign.excerpt.as_str(),
                    )
                })
                .collect(),
        }
    }
}

fn text(prompt: &Prompt, model: &str, section: &TriageConfig) -> String {
    let mut lines = vec![
        format!(
            "to {model} at {}, prompt {PROMPT_VERSION}",
            section.model.url
        ),
        String::new(),
        "==== system ====".to_owned(),
        prompt.system.clone(),
        String::new(),
        "==== user ====".to_owned(),
        prompt.user.clone(),
        String::new(),
        "==== about it ====".to_owned(),
        format!(
            "about {} tokens of {}; {} kept for the answer",
            prompt.estimated_tokens, section.model.context_tokens, section.model.answer_tokens
        ),
        format!("{} of {} fields", prompt.cut.sent, prompt.cut.of),
    ];
    for one in &prompt.cut.shortened {
        lines.push(format!(
            "cut: {} ({} of {} characters kept)",
            one.path, one.kept, one.of
        ));
    }
    if !prompt.cut.left_out.is_empty() {
        lines.push(format!("left out: {}", prompt.cut.left_out.join(", ")));
    }
    for (kind, count) in &prompt.redacted {
        lines.push(format!("taken out: {kind} {count}"));
    }
    for sign in &prompt.signs {
        lines.push(format!(
            "written to steer a model ({}): {}: {}",
            sign.kind.as_str(),
            sign.path,
            sign.excerpt
        ));
    }
    lines.push(String::new());
    lines.join("\n")
}
