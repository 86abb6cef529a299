//! Regular expressions of matchers: linear time, bounded size, always the whole value.

use std::{fmt, sync::Arc};

use regex_automata::meta;
use regex_syntax::hir::{Hir, Look};

/// Characters of a pattern.
const LONGEST: usize = 4096;
/// Groups within groups.
const DEEPEST: u32 = 64;
/// Bytes of the compiled program. `\w{100}` fits, `\w{1000}` does not.
const LARGEST: usize = 2 * 1024 * 1024;
/// Bytes of the cache one search may fill.
const CACHE: usize = 256 * 1024;

/// A regular expression that must match a value from its first to its last character, as Alertmanager's do. A dot matches
/// a line end too. Cheap to clone.
#[derive(Clone)]
pub struct Pattern {
    source: Arc<str>,
    hir: Arc<Hir>,
    regex: Arc<meta::Regex>,
}

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Not in the language of the `regex` crate.
    #[error("bad regular expression: {why} (at its character {column})")]
    Syntax {
        /// What is wrong.
        why: String,
        /// Counted from 1, within the pattern.
        column: usize,
    },
    /// It would take too much memory.
    #[error(
        "regular expression too large when compiled (more than 2 MiB): use smaller repetition counts"
    )]
    TooLarge,
    /// Longer than 4,096 characters.
    #[error(
        "regular expression too long (more than 4,096 characters): split it into several matchers"
    )]
    TooLong,
}

impl Pattern {
    /// # Errors
    /// [`PatternError`], which tells what to change.
    pub fn new(source: &str) -> Result<Self, PatternError> {
        if source.chars().nth(LONGEST).is_some() {
            return Err(PatternError::TooLong);
        }
        let hir = regex_syntax::ParserBuilder::new()
            .dot_matches_new_line(true)
            .nest_limit(DEEPEST)
            .build()
            .parse(source)
            .map_err(|error| syntax_error(&error))?;
        // Anchored as a tree: text put around the source would change what an open group or a comment in it means.
        let whole = Hir::concat(vec![
            Hir::look(Look::Start),
            hir.clone(),
            Hir::look(Look::End),
        ]);
        let limits = meta::Config::new()
            .nfa_size_limit(Some(LARGEST))
            .onepass_size_limit(Some(CACHE))
            .hybrid_cache_capacity(CACHE);
        let regex = meta::Builder::new()
            .configure(limits)
            .build_from_hir(&whole)
            .map_err(|_| PatternError::TooLarge)?;
        Ok(Self {
            source: source.into(),
            hir: Arc::new(hir),
            regex: Arc::new(regex),
        })
    }

    /// Whether the whole text matches.
    pub fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// As the operator wrote it.
    pub fn source(&self) -> &str {
        &self.source
    }

    pub(crate) fn hir(&self) -> &Hir {
        &self.hir
    }
}

fn syntax_error(error: &regex_syntax::Error) -> PatternError {
    let (why, column) = match error {
        regex_syntax::Error::Parse(error) => (error.kind().to_string(), error.span().start.column),
        regex_syntax::Error::Translate(error) => {
            (error.kind().to_string(), error.span().start.column)
        }
        other => (other.to_string().replace('\n', " "), 1),
    };
    PatternError::Syntax { why, column }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pattern").field(&self.source).finish()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Pattern {}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Pattern::new(pattern).unwrap().matches(text)
    }

    #[test]
    fn a_pattern_must_match_the_whole_value() {
        assert!(matches("web-.*", "web-01"));
        assert!(!matches("web-", "web-01"));
        assert!(!matches("eb-.*", "web-01"));
        assert!(matches("a|ab", "ab"));
        assert!(matches(".*failed.*", "first line\nlogin failed\nlast line"));
    }

    #[test]
    fn nothing_in_a_pattern_escapes_its_anchors() {
        assert!(Pattern::new("a)|(b").is_err());
        assert!(!matches("(?x)a # comment", "ab"));
        assert!(matches("(?x)a # comment", "a"));
        assert!(!matches("(?m)^a$", "a\nb"));
    }

    #[test]
    fn patterns_of_hostile_size_are_refused_and_say_why() {
        assert_eq!(
            Pattern::new(r"((\w{200}){200}){200}"),
            Err(PatternError::TooLarge)
        );
        assert_eq!(
            Pattern::new(&"a".repeat(LONGEST + 1)),
            Err(PatternError::TooLong)
        );
        let nested = "(".repeat(1000) + &")".repeat(1000);
        assert!(matches!(
            Pattern::new(&nested),
            Err(PatternError::Syntax { .. })
        ));
        assert_eq!(
            Pattern::new("web-(").unwrap_err().to_string(),
            "bad regular expression: unclosed group (at its character 5)"
        );
    }
}
