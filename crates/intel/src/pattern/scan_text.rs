//! `LIKE` and `MATCHES`: tests that need the text itself.
//!
//! Patterns come from outside and run on every alert, so the engine is one that takes linear time, the programs are small, and
//! only ASCII has classes and cases (values are in ASCII where it matters: names are `xn--…`).

use regex_automata::{meta, util::syntax};

/// Longer expressions are refused.
const LONGEST: usize = 1024;
/// The compiled program, in bytes. A hostile `(a{1,99}){1,99}` fails here.
const LARGEST_PROGRAM: usize = 64 * 1024;
/// The lazily built automaton, in bytes for each thread.
const LARGEST_CACHE: usize = 64 * 1024;

/// A compiled `LIKE` or `MATCHES`.
#[derive(Clone, Debug)]
pub(crate) struct TextTest(meta::Regex);

impl TextTest {
    /// `MATCHES`: found anywhere in the value, without case.
    pub(super) fn matches(expression: &str) -> Option<Self> {
        if expression.len() > LONGEST {
            return None;
        }
        Self::built(expression)
    }

    /// `LIKE`: the whole value, `%` stands for any text and `_` for one character.
    pub(super) fn like(pattern: &str) -> Option<Self> {
        if pattern.len() > LONGEST {
            return None;
        }
        let mut expression = String::from("(?s)^");
        for c in pattern.chars() {
            match c {
                '%' => expression.push_str(".*"),
                '_' => expression.push('.'),
                c if c.is_ascii_alphanumeric() => expression.push(c),
                c => {
                    for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                        expression.push_str(&format!("\\x{byte:02x}"));
                    }
                }
            }
        }
        expression.push('$');
        // Each byte may have grown to four.
        Self::built(&expression)
    }

    fn built(expression: &str) -> Option<Self> {
        let syntax = syntax::Config::new()
            .case_insensitive(true)
            .unicode(false)
            .utf8(false)
            .nest_limit(32);
        meta::Builder::new()
            .syntax(syntax)
            .configure(
                meta::Config::new()
                    .utf8_empty(false)
                    .nfa_size_limit(Some(LARGEST_PROGRAM))
                    .onepass_size_limit(Some(LARGEST_PROGRAM))
                    .hybrid_cache_capacity(LARGEST_CACHE),
            )
            .build(expression)
            .ok()
            .map(Self)
    }

    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text.as_bytes())
    }
}
