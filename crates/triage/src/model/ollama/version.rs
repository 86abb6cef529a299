//! Ollama's version, as far as its behaviour depends on it (facts/ai.md §1.3 to §1.5).

/// `0.12.4` of `0.12.4-rc1`. Builds of one's own call themselves 0.0.0 and are taken for unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(u32, u32, u32);

impl Version {
    /// A JSON schema as `format`.
    pub(crate) const KNOWS_SCHEMAS: Version = Version(0, 5, 0);
    /// `truncate` and `shift`.
    pub(crate) const REFUSES_LONG_PROMPTS: Version = Version(0, 12, 4);
    /// `prompt_eval_count` holds the tokens the server had ready from before, too.
    pub(crate) const COUNTS_ALL_TOKENS: Version = Version(0, 30, 0);

    /// None where it is no version.
    pub(crate) fn parse(text: &str) -> Option<Version> {
        let text = text.trim().trim_start_matches('v');
        let numbers = text.split(['-', '+']).next()?;
        let mut parts = numbers.split('.').map(|part| part.parse::<u32>().ok());
        let version = Version(
            parts.next()??,
            parts.next()??,
            parts.next().unwrap_or(Some(0))?,
        );
        (version != Version(0, 0, 0)).then_some(version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let of = |text| Version::parse(text);
        assert!(of("0.9.10") < of("0.12.4-rc1"));
        assert_eq!(of("v0.12.4"), Some(Version::REFUSES_LONG_PROMPTS));
        assert_eq!(of("0.33.0-rc2"), Some(Version(0, 33, 0)));
        assert_eq!(of("1.0"), Some(Version(1, 0, 0)));
        for text in ["", "0.0.0", "main", "1", "1.x.2"] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
