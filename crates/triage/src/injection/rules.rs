//! The rules as data, made ready for use.

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use regex_automata::{meta, util::syntax};
use serde::Deserialize;

use super::fold::Folded;
use crate::SignKind;

const BUILT_IN: &str = include_str!("rules.toml");
/// Letters. A shorter phrase would be found by chance.
const SHORTEST: usize = 10;
/// ... unless it is of a script in which a character is a word, in bytes.
const SHORTEST_FOREIGN: usize = 6;
/// Bytes of memory for one set of expressions.
const LARGEST: usize = 8 << 20;

/// Rules that can't be used. Never seen once the tests have passed.
#[derive(Debug, thiserror::Error)]
pub enum InjectionRulesError {
    /// Not TOML, or a key that is not known.
    #[error("the rules for injections can't be read: {0}")]
    Format(#[from] toml::de::Error),
    /// One rule is wrong.
    #[error("injection rule `{rule}`: {why}")]
    Rule {
        /// Its text.
        rule: String,
        /// What is wrong with it.
        why: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    phrases: Vec<Phrases>,
    words: Vec<Pattern>,
    shown: Vec<Pattern>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Phrases {
    kind: String,
    list: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pattern {
    kind: String,
    pattern: String,
}

/// The rules, ready to be used.
#[derive(Debug)]
pub(super) struct Compiled {
    /// Over letters alone. The flag: written backwards or in ROT13.
    phrases: AhoCorasick,
    phrase_kinds: Vec<(SignKind, bool)>,
    words: meta::Regex,
    word_kinds: Vec<SignKind>,
    shown: meta::Regex,
    shown_kinds: Vec<SignKind>,
}

impl Compiled {
    pub fn built_in() -> Result<Self, InjectionRulesError> {
        let rules: Rules = toml::from_str(BUILT_IN)?;
        let mut phrases: Vec<String> = Vec::new();
        let mut phrase_kinds = Vec::new();
        for Phrases { kind, list } in &rules.phrases {
            let kind = sign(kind)?;
            for template in list {
                let before = phrases.len();
                for phrase in expanded(template) {
                    let letters = Folded::of(&phrase).letters;
                    let least = if letters.is_ascii() {
                        SHORTEST
                    } else {
                        SHORTEST_FOREIGN
                    };
                    // The shortest of several alternatives may be too short; the longer ones count.
                    if letters.len() < least {
                        continue;
                    }
                    if letters.is_ascii() && kind == SignKind::Instruction {
                        let rot13: String = phrase.chars().map(rot13).collect();
                        phrases.push(Folded::of(&rot13).letters);
                        phrase_kinds.push((kind, true));
                        phrases.push(letters.chars().rev().collect());
                        phrase_kinds.push((kind, true));
                    }
                    phrases.push(letters);
                    phrase_kinds.push((kind, false));
                }
                if phrases.len() == before {
                    return Err(fault(template, "is too short".to_owned()));
                }
            }
        }
        let phrases = AhoCorasickBuilder::new()
            .match_kind(MatchKind::Standard)
            .build(&phrases)
            .map_err(|error| fault("phrases", error.to_string()))?;
        let (words, word_kinds) = compiled(&rules.words, |pattern| {
            pattern
                .replace(r"\w", "[a-z0-9]")
                .replace(r"\b", r"(?-u:\b)")
        })?;
        let (shown, shown_kinds) = compiled(&rules.shown, |pattern| {
            format!(
                "(?i){}",
                pattern
                    .replace(r"\b", r"(?-u:\b)")
                    .replace(r"\s", "[ \t\r\n]")
            )
        })?;
        Ok(Self {
            phrases,
            phrase_kinds,
            words,
            word_kinds,
            shown,
            shown_kinds,
        })
    }

    /// Shows what is found: its kind, and the words.
    pub fn find(&self, folded: &Folded, see: &mut dyn FnMut(SignKind, String)) {
        for hit in self.shown.find_iter(&folded.shown) {
            see(
                self.shown_kinds[hit.pattern().as_usize()],
                folded.shown[hit.range()].to_owned(),
            );
        }
        for hit in self.words.find_iter(&folded.words) {
            see(
                self.word_kinds[hit.pattern().as_usize()],
                folded.words[hit.range()].to_owned(),
            );
        }
        for hit in self.phrases.find_iter(&folded.letters) {
            let (kind, coded) = self.phrase_kinds[hit.pattern().as_usize()];
            let kind = if coded { SignKind::Encoded } else { kind };
            see(kind, folded.letters[hit.range()].to_owned());
        }
    }
}

fn compiled(
    patterns: &[Pattern],
    written: impl Fn(&str) -> String,
) -> Result<(meta::Regex, Vec<SignKind>), InjectionRulesError> {
    let kinds = patterns
        .iter()
        .map(|pattern| sign(&pattern.kind))
        .collect::<Result<_, _>>()?;
    let texts: Vec<String> = patterns
        .iter()
        .map(|pattern| written(&pattern.pattern))
        .collect();
    let regex = meta::Builder::new()
        .configure(meta::Config::new().nfa_size_limit(Some(LARGEST)))
        .syntax(syntax::Config::new().multi_line(false))
        .build_many(&texts)
        .map_err(|error| fault("patterns", format!("{error:?}")))?;
    Ok((regex, kinds))
}

fn sign(kind: &str) -> Result<SignKind, InjectionRulesError> {
    [
        SignKind::Instruction,
        SignKind::Verdict,
        SignKind::Template,
        SignKind::Fence,
    ]
    .into_iter()
    .find(|sign| sign.as_str() == kind)
    .ok_or_else(|| fault(kind, "there is no such kind".to_owned()))
}

fn fault(rule: &str, why: String) -> InjectionRulesError {
    InjectionRulesError::Rule {
        rule: rule.to_owned(),
        why,
    }
}

fn rot13(letter: char) -> char {
    match letter {
        'a'..='m' | 'A'..='M' => char::from(letter as u8 + 13),
        'n'..='z' | 'N'..='Z' => char::from(letter as u8 - 13),
        other => other,
    }
}

/// `a (b|c) d` is `a b d` and `a c d`; brackets may stand in brackets.
fn expanded(template: &str) -> Vec<String> {
    let mut depth = 0;
    let mut open = None;
    for (at, letter) in template.char_indices() {
        match letter {
            '(' => {
                depth += 1;
                if depth == 1 {
                    open = Some(at);
                }
            }
            ')' => {
                depth -= 1;
                if let (0, Some(open)) = (depth, open) {
                    let before = &template[..open];
                    let rests = expanded(&template[at + 1..]);
                    return alternatives(&template[open + 1..at])
                        .into_iter()
                        .flat_map(expanded)
                        .flat_map(|choice| {
                            rests
                                .iter()
                                .map(move |rest| format!("{before}{choice}{rest}"))
                        })
                        .collect();
                }
            }
            _ => {}
        }
    }
    vec![template.to_owned()]
}

/// The parts between the `|` that stand in no bracket.
fn alternatives(text: &str) -> Vec<&str> {
    let mut depth = 0;
    text.split(|letter| {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        letter == '|' && depth == 0
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_are_alternatives() {
        assert_eq!(expanded("a (b|c (d|)) e"), ["a b e", "a c d e", "a c  e"]);
        assert_eq!(expanded("x"), ["x"]);
    }
}
