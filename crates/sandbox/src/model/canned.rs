//! The stand-in's own answers: they follow the triage schema and quote what the prompt holds, character for character.

use serde_json::{Value, json};

use super::data::{self, Line};
use super::options::ModelOptions;
use super::request::ModelRequest;
use super::{instance, obedience};

/// Fields worth quoting, the best first; else the longest line is quoted.
const TELLING: [&str; 8] = [
    "commandline",
    "command",
    "scriptblocktext",
    "full_log",
    "url",
    "targetfilename",
    "image",
    "srcip",
];
const QUOTE: usize = 200;

/// What the model says, as JSON that follows the schema of the request.
pub(crate) fn answer(request: &ModelRequest, options: &ModelOptions) -> Value {
    let is_triage = |schema: &&Value| schema["properties"]["verdict"].is_object();
    if let Some(other) = request.schema().filter(|schema| !is_triage(schema)) {
        return instance::of(other);
    }
    let block = data::block(&request.seen).unwrap_or_default();
    let lines = data::lines(block);
    let told = data::lines(data::told(&request.seen));
    let level = told
        .iter()
        .chain(&lines)
        .find(|line| line.path == "rule.level")
        .and_then(|line| line.value.parse::<u32>().ok())
        .or_else(|| level_in_words(request));
    let (severity, verdict, confidence) = match level.unwrap_or(0) {
        0..=3 => ("informational", "false_positive", 70),
        4..=6 => ("low", "needs_investigation", 60),
        7..=9 => ("medium", "needs_investigation", 65),
        10..=12 => ("high", "true_positive", 70),
        _ => ("critical", "true_positive", 80),
    };
    let ordered = options
        .obedient
        .then(|| obedience::ordered(block))
        .flatten();
    let (severity, verdict, confidence, analysis) = match ordered {
        Some(verdict) => (
            "informational",
            verdict,
            100,
            "The text of the alert says how it is to be classified, so it is.".to_owned(),
        ),
        None => (
            severity,
            verdict,
            confidence,
            format!(
                "A stand-in wrote this, no model: the alert has {} fields and rule level {}.",
                lines.len(),
                level.map_or_else(|| "unknown".to_owned(), |level| level.to_string())
            ),
        ),
    };
    let quoted = telling(&lines).or_else(|| telling(&told));
    let (field, quote) = quoted.map_or(("alert", "nothing"), |line| (line.path, quote(line.value)));
    let field: String = field.chars().take(80).collect();
    json!({
        "analysis": analysis,
        "evidence": [{
            "field": field,
            "meaning": "The line of the alert that says most.",
            "quote": quote,
        }],
        "false_positive_hypotheses": ["Routine work by an administrator."],
        "mitre_techniques": techniques(told.iter().chain(&lines)),
        "recommended_steps": ["Ask the owner of the host whether this was expected."],
        "severity": severity,
        "summary": format!("The alert was raised because of `{field}`."),
        "verdict": verdict,
        "verdict_confidence": confidence,
    })
}

/// Prose instead of JSON.
pub(crate) fn prose(answer: &Value) -> String {
    let word = |key: &str| answer[key].as_str().unwrap_or("unclear").to_owned();
    format!(
        "Sure! Here is my analysis. {} I would call this {} with severity {}.",
        word("analysis"),
        word("verdict"),
        word("severity")
    )
}

/// The answer as text, its keys in the order of the schema in a request's body, or in that of the alphabet.
pub(crate) fn text(answer: &Value, body: &str, alphabetical: bool) -> String {
    let Some(members) = answer.as_object() else {
        return answer.to_string();
    };
    let properties = body.find("\"properties\"").map_or("", |at| &body[at..]);
    let place = |key: &str| properties.find(&format!("\"{key}\":"));
    let mut keys: Vec<(&String, &Value)> = members.iter().collect();
    keys.sort_by_key(|(key, _)| key.as_str());
    if !alphabetical {
        keys.sort_by_key(|(key, _)| place(key).unwrap_or(usize::MAX));
    }
    let written = keys
        .iter()
        .map(|(key, value)| format!("{}:{value}", json!(key)));
    format!("{{{}}}", written.collect::<Vec<_>>().join(","))
}

fn telling<'a>(lines: &[Line<'a>]) -> Option<Line<'a>> {
    let quotable = |line: &&Line<'_>| quote(line.value).chars().count() >= 4;
    let last = |line: &Line<'_>| {
        let name = line.path.rsplit('.').next().unwrap_or_default();
        name.to_ascii_lowercase()
    };
    let named = TELLING.iter().find_map(|name| {
        lines
            .iter()
            .filter(quotable)
            .find(|line| last(line) == *name)
    });
    let longest = || {
        lines
            .iter()
            .filter(quotable)
            .max_by_key(|line| line.value.len())
    };
    named.or_else(longest).copied()
}

/// What may be quoted of a value: its beginning, up to where the client cut it.
fn quote(value: &str) -> &str {
    let whole = value.split("…[").next().unwrap_or_default();
    let end = whole
        .char_indices()
        .nth(QUOTE)
        .map_or(whole.len(), |(at, _)| at);
    whole[..end].trim()
}

fn techniques<'a>(lines: impl Iterator<Item = &'a Line<'a>>) -> Vec<String> {
    let ids = lines.filter(|line| line.path.starts_with("rule.mitre"));
    let words = ids.flat_map(|line| {
        line.value
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '.')
    });
    let is_id = |word: &&str| {
        let digits = |text: &str, count| {
            text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        let number = word.strip_prefix('T').unwrap_or_default();
        match number.split_once('.') {
            Some((technique, sub)) => digits(technique, 4) && digits(sub, 3),
            None => digits(number, 4),
        }
    };
    words.filter(is_id).take(4).map(str::to_owned).collect()
}

/// The level where it stands among the facts outside the data: `level 12`, `level: 12`.
fn level_in_words(request: &ModelRequest) -> Option<u32> {
    let user = request.seen.iter().find(|one| one.role == "user")?;
    let words = user.content.to_ascii_lowercase();
    let (_, rest) = words.split_once("level")?;
    let digits = rest.trim_start_matches([':', ' ', '=']);
    let end = digits
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits.len());
    digits[..end].parse().ok()
}
