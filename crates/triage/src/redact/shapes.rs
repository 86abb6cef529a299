//! Rules by shape: what a token, a hash or a header looks like. Regular expressions in linear time that never cross a line.

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use regex_automata::{meta, util::captures::Captures, util::syntax};
use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind};
use serde::Deserialize;

use super::{edits::Edits, value::is_reference};

/// A compiled rule may take so much memory.
const LARGEST: usize = 1 << 20;

/// A rule as written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shape {
    /// To name it in messages, and to switch it off.
    pub name: String,
    /// What stands in the placeholder.
    pub kind: String,
    /// The regular expression; a group called `secret` narrows what is replaced.
    pub pattern: String,
    /// One of these stands in every text it matches, in any case. Without them the rule is tried on each text.
    #[serde(default)]
    pub words: Vec<String>,
    /// Whether a last look at a prompt refuses it.
    #[serde(default)]
    pub gate: bool,
    /// What the digits must add up to.
    #[serde(default)]
    pub check: Option<Check>,
    /// Leave out what only points to a secret (`$x`, a path).
    #[serde(default)]
    pub references: bool,
}

/// Numbers that prove themselves.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Check {
    /// A payment card: its issuer's range, and Luhn's sum.
    Card,
    /// ISO 13616: modulo 97 is 1.
    Iban,
}

impl Check {
    fn holds(self, text: &str, range: &std::ops::Range<usize>) -> bool {
        let value: String = text[range.clone()]
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect();
        match self {
            Self::Card => stands_alone(text, range) && is_card(&value),
            Self::Iban => is_iban(&value),
        }
    }
}

/// A number that is part of a longer one, of a time or an id is none of these.
fn stands_alone(text: &str, range: &std::ops::Range<usize>) -> bool {
    let joined = |byte: Option<&u8>| {
        byte.is_some_and(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'/')
        })
    };
    let bytes = text.as_bytes();
    !joined(bytes[..range.start].last())
        && !joined(bytes.get(range.end).filter(|byte| **byte != b'.'))
}

fn is_card(digits: &str) -> bool {
    let number = |length: usize| {
        digits
            .get(..length)
            .and_then(|start| start.parse::<u32>().ok())
            .unwrap_or(0)
    };
    let issuer = digits.starts_with('4')
        || matches!(number(2), 34 | 37 | 51..=55 | 65)
        || matches!(number(4), 2221..=2720 | 6011);
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit - b'0') * if place % 2 == 1 { 2 } else { 1 };
            if digit > 9 { digit - 9 } else { digit }
        })
        .sum();
    issuer && sum.is_multiple_of(10)
}

fn is_iban(code: &str) -> bool {
    let (Some(start), Some(rest)) = (code.get(..4), code.get(4..)) else {
        return false;
    };
    let remainder = rest
        .bytes()
        .chain(start.bytes())
        .fold(0_u32, |sum, byte| match byte {
            b'0'..=b'9' => (sum * 10 + u32::from(byte - b'0')) % 97,
            _ => (sum * 100 + u32::from(byte.to_ascii_uppercase() - b'A') + 10) % 97,
        });
    (15..=34).contains(&code.len()) && remainder == 1
}

#[derive(Debug)]
struct Compiled {
    shape: Shape,
    regex: meta::Regex,
    secret: Option<usize>,
}

/// All rules by shape.
#[derive(Debug)]
pub(super) struct Shapes {
    shapes: Vec<Compiled>,
    words: AhoCorasick,
    /// Which rules a word calls for.
    called: Vec<Vec<usize>>,
    always: Vec<usize>,
}

impl Shapes {
    /// Compiles them; an error names the rule.
    pub fn compile(shapes: Vec<Shape>) -> Result<Self, (String, String)> {
        let mut compiled = Vec::new();
        let (mut words, mut called, mut always) =
            (Vec::<String>::new(), Vec::<Vec<usize>>::new(), Vec::new());
        for (index, shape) in shapes.into_iter().enumerate() {
            let regex = regex(&shape.pattern).map_err(|why| (shape.name.clone(), why))?;
            if shape.words.is_empty() {
                always.push(index);
            }
            for word in &shape.words {
                let word = word.to_ascii_lowercase();
                match words.iter().position(|known| *known == word) {
                    Some(known) => called[known].push(index),
                    None => {
                        words.push(word);
                        called.push(vec![index]);
                    }
                }
            }
            let secret = regex
                .group_info()
                .to_index(regex_automata::PatternID::ZERO, "secret");
            compiled.push(Compiled {
                shape,
                regex,
                secret,
            });
        }
        let words = AhoCorasickBuilder::new()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .build(&words)
            .map_err(|error| ("words".to_owned(), error.to_string()))?;
        Ok(Self {
            shapes: compiled,
            words,
            called,
            always,
        })
    }

    /// Finds what has one of the shapes; with `gate`, only of those a prompt must never have.
    pub fn find(&self, text: &str, gate: bool, edits: &mut Edits) {
        let mut wanted = vec![false; self.shapes.len()];
        for &index in &self.always {
            wanted[index] = true;
        }
        for hit in self.words.find_overlapping_iter(text) {
            for &index in &self.called[hit.pattern().as_usize()] {
                wanted[index] = true;
            }
        }
        let wanted = self
            .shapes
            .iter()
            .zip(wanted)
            .filter_map(|(shape, wanted)| wanted.then_some(shape));
        for rule in wanted.filter(|rule| rule.shape.gate || !gate) {
            rule.find(text, edits);
        }
    }
}

impl Compiled {
    fn find(&self, text: &str, edits: &mut Edits) {
        let mut found = |range: std::ops::Range<usize>| {
            let value = &text[range.clone()];
            let checked = self
                .shape
                .check
                .is_none_or(|check| check.holds(text, &range));
            if checked
                && super::edits::placeholder(value) != value.len()
                && !(self.shape.references && is_reference(value))
            {
                edits.secret(range, &self.shape.kind);
            }
        };
        match self.secret {
            None => self
                .regex
                .find_iter(text)
                .for_each(|hit| found(hit.range())),
            Some(group) => self
                .regex
                .captures_iter(text)
                // A form without the group is replaced whole.
                .filter_map(|captures: Captures| {
                    captures.get_group(group).or_else(|| captures.get_group(0))
                })
                .for_each(|span| found(span.range())),
        }
    }
}

fn regex(pattern: &str) -> Result<meta::Regex, String> {
    let syntax = syntax::Config::new().multi_line(true).crlf(true);
    let hir = syntax::parse_with(pattern, &syntax).map_err(|error| error.to_string())?;
    if hir.properties().minimum_len().unwrap_or(0) == 0 {
        return Err("it matches the empty text".to_owned());
    }
    let hir = within_lines(hir)?;
    meta::Builder::new()
        .configure(meta::Config::new().nfa_size_limit(Some(LARGEST)))
        .build_from_hir(&hir)
        .map_err(|error| error.to_string())
}

/// The same expression without line ends in its classes: `[^"]` then stops at the end of the line.
fn within_lines(hir: Hir) -> Result<Hir, String> {
    let ends = || {
        ClassUnicode::new([
            ClassUnicodeRange::new('\n', '\n'),
            ClassUnicodeRange::new('\r', '\r'),
        ])
    };
    Ok(match hir.into_kind() {
        HirKind::Empty => Hir::empty(),
        HirKind::Look(look) => Hir::look(look),
        HirKind::Literal(literal) if literal.0.iter().any(|byte| matches!(byte, b'\n' | b'\r')) => {
            return Err("it must not match a line end".to_owned());
        }
        HirKind::Literal(literal) => Hir::literal(literal.0),
        HirKind::Class(Class::Unicode(mut class)) => {
            class.difference(&ends());
            Hir::class(Class::Unicode(class))
        }
        HirKind::Class(Class::Bytes(class)) => match class.to_unicode_class() {
            Some(mut class) => {
                class.difference(&ends());
                Hir::class(Class::Unicode(class))
            }
            None => return Err("it must not match bytes that are no text".to_owned()),
        },
        HirKind::Repetition(mut repetition) => {
            repetition.sub = Box::new(within_lines(*repetition.sub)?);
            Hir::repetition(repetition)
        }
        HirKind::Capture(mut capture) => {
            capture.sub = Box::new(within_lines(*capture.sub)?);
            Hir::capture(capture)
        }
        HirKind::Concat(parts) => Hir::concat(
            parts
                .into_iter()
                .map(within_lines)
                .collect::<Result<_, _>>()?,
        ),
        HirKind::Alternation(parts) => Hir::alternation(
            parts
                .into_iter()
                .map(within_lines)
                .collect::<Result<_, _>>()?,
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_rule_crosses_a_line() {
        for pattern in [r#"a[^"]*b"#, r"a\s*b", r"a(?s:.)*b", r"a\W+b"] {
            let regex = regex(pattern).unwrap();
            assert!(regex.is_match("a b"), "{pattern}");
            assert!(
                !regex.is_match("a\nb") && !regex.is_match("a\r\nb"),
                "{pattern}"
            );
        }
        assert!(regex("a\\nb").is_err());
        assert!(regex("a*").is_err());
        assert!(regex("(").is_err());
    }
}
