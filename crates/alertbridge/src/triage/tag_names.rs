//! `[triage.tags]`: what the tags are called by which people and other tools see how far a review is.

use alertbridge_sinks::iris::keeps_tag;
use alertbridge_triage::guard;
use serde::Deserialize;

/// Bytes.
const LONGEST_TAG: usize = 64;

/// `[triage.tags]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TagNames {
    /// Waits for the model.
    pub pending: String,
    /// The model reads it.
    pub processing: String,
    /// Done.
    pub reviewed: String,
    /// Given up; the note says why.
    pub failed: String,
    /// Left out because it is too old.
    pub skipped: String,
    /// Set by people: hands off.
    pub skip: String,
    /// Set by people: the review was right.
    pub agree: String,
    /// Set by people: the review was wrong.
    pub disagree: String,
}

impl Default for TagNames {
    fn default() -> Self {
        Self {
            pending: "ai-pending".into(),
            processing: "ai-processing".into(),
            reviewed: "ai-reviewed".into(),
            failed: "ai-failed".into(),
            skipped: "ai-skipped".into(),
            skip: "ai-skip".into(),
            agree: "ai-agree".into(),
            disagree: "ai-disagree".into(),
        }
    }
}

impl TagNames {
    fn all(&self) -> [(&'static str, &str); 8] {
        [
            ("pending", &self.pending),
            ("processing", &self.processing),
            ("reviewed", &self.reviewed),
            ("failed", &self.failed),
            ("skipped", &self.skipped),
            ("skip", &self.skip),
            ("agree", &self.agree),
            ("disagree", &self.disagree),
        ]
    }

    /// What can be said against them: each is one tag that IRIS keeps as it is, none is another's, none tells a verdict.
    pub(super) fn check(&self) -> Result<(), String> {
        let all = self.all();
        for (at, (key, name)) in all.iter().enumerate() {
            let is_clean = !name.is_empty() && name.len() <= LONGEST_TAG && keeps_tag(name);
            if !is_clean {
                return Err(format!(
                    "`triage.tags.{key}` must be one tag that IRIS keeps as it is: no comma, quote, `&`, `<`, `>`, control character or \
                     character that can't be seen, no blank at its ends, at most {LONGEST_TAG} bytes"
                ));
            }
            if guard::TAGS.iter().any(|tag| tag.eq_ignore_ascii_case(name)) {
                return Err(format!(
                    "`triage.tags.{key}` is the name of a tag that tells a verdict; give it another"
                ));
            }
            if let Some((other, _)) = all[..at]
                .iter()
                .find(|(_, one)| one.eq_ignore_ascii_case(name))
            {
                return Err(format!(
                    "`triage.tags.{key}` and `triage.tags.{other}` are the same"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_that_would_be_mistaken_for_others_are_refused() {
        for (text, says) in [
            ("pending = \"a,b\"", "pending"),
            ("pending = \"\"", "pending"),
            ("failed = \"ai-pending\"", "the same"),
            ("skip = \"AI-SKIPPED\"", "the same"),
            ("skip = \"a\\\"b\"", "skip"),
            ("skip = \"it's\"", "skip"),
            ("skip = \"a`b\"", "skip"),
            ("skip = \"a&b\"", "skip"),
            ("skip = \"a\\tb\"", "skip"),
            ("skip = \"a\\u202Eb\"", "skip"),
            ("agree = \"AI-verdict:benign\"", "verdict"),
        ] {
            let tags: TagNames = toml::from_str(text).unwrap();
            assert!(tags.check().unwrap_err().contains(says), "{text}");
        }
        assert_eq!(TagNames::default().check(), Ok(()));
        let cyrillic: TagNames = toml::from_str("skip = \"ии пропуск\"").unwrap();
        assert_eq!(cyrillic.check(), Ok(()));
    }
}
