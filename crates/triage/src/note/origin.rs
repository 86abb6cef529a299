//! The lines that say where a note comes from.

use std::fmt::Write as _;

use super::{
    Provenance,
    layout::{Page, plain_word},
};

/// Only what is known: of a failure it may be next to nothing.
pub(super) fn lines(page: &mut Page, made_by: &str, provenance: &Provenance) {
    page.gap();
    let mut line = format!("{made_by} {}", plain_word(&provenance.model, 60));
    let words = [
        ("digest", provenance.digest.as_deref().map(short_digest), 12),
        ("prompt", Some(&*provenance.prompt_version), 20),
        ("input", Some(&*provenance.input_hash), 12),
    ];
    for (name, word, most) in words {
        if let Some(word) = word.filter(|word| !word.is_empty()) {
            let _ = write!(line, ", {name} {}", plain_word(word, most));
        }
    }
    if let (Some(prompt), Some(answer)) = (provenance.prompt_tokens, provenance.answer_tokens) {
        let _ = write!(line, ", {prompt} + {answer} tokens");
    }
    if let Some(seconds) = provenance.seconds.filter(|seconds| seconds.is_finite()) {
        let _ = write!(line, ", {:.0} s", seconds.max(0.0));
    }
    let _ = write!(line, ", job {}", provenance.job);
    page.line(&line);

    let mut parts = Vec::new();
    if provenance.fields_total > 0 {
        parts.push(format!(
            "{} of {} fields seen",
            provenance.fields_seen, provenance.fields_total
        ));
    }
    match provenance.secrets_redacted {
        0 => {}
        1 => parts.push("1 secret redacted before it was asked".to_owned()),
        count => parts.push(format!("{count} secrets redacted before it was asked")),
    }
    if let Some(alert) = provenance.same_as {
        parts.push(format!(
            "same as alert #{alert}: the model was not asked again"
        ));
    }
    page.line(&parts.join(", "));
}

/// Without the name of the hash.
fn short_digest(digest: &str) -> &str {
    digest.strip_prefix("sha256:").unwrap_or(digest)
}
