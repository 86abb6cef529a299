//! The rules as data: the built-in ones in `rules.toml`, and what an operator adds in the same form.

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use serde::Deserialize;

use super::{
    commands::{Commands, Program},
    names::Names,
    shapes::{Shape, Shapes},
};

const BUILT_IN: &str = include_str!("rules.toml");

/// Rules that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// Not TOML, or a key that is not known.
    #[error("the redaction rules can't be read: {0}")]
    Format(#[from] toml::de::Error),
    /// One rule is wrong.
    #[error("redaction rule `{rule}`: {why}")]
    Rule {
        /// Its name.
        rule: String,
        /// What is wrong with it.
        why: String,
    },
}

/// What to redact. See `docs/redaction.md` for the form.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Names of shapes that are not wanted.
    #[serde(default)]
    disable: Vec<String>,
    #[serde(default)]
    names: Vec<NameRule>,
    #[serde(default)]
    never_names: Vec<String>,
    #[serde(default)]
    shapes: Vec<Shape>,
    #[serde(default)]
    programs: Vec<Program>,
}

/// Names of fields, variables and switches under which secrets stand.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NameRule {
    kind: String,
    /// Only as the whole name.
    #[serde(default)]
    whole: Vec<String>,
    /// As the last words of a name.
    #[serde(default)]
    last: Vec<String>,
    /// Even as the end of a word.
    #[serde(default)]
    suffix: Vec<String>,
}

/// The rules, ready to be used.
#[derive(Debug)]
pub(super) struct Compiled {
    pub names: Names,
    pub stems: AhoCorasick,
    pub shapes: Shapes,
    pub commands: Commands,
}

impl Rules {
    /// The built-in rules alone.
    ///
    /// # Errors
    /// Never, once the tests have passed.
    pub fn built_in() -> Result<Self, RulesError> {
        Ok(toml::from_str(BUILT_IN)?)
    }

    /// The built-in rules and those of an operator's file.
    ///
    /// # Errors
    /// [`RulesError`] where the text is not in the form of `docs/redaction.md`.
    pub fn with(text: &str) -> Result<Self, RulesError> {
        let mut rules = Self::built_in()?;
        let own: Self = toml::from_str(text)?;
        for name in &own.disable {
            if !rules.shapes.iter().any(|shape| shape.name == *name) {
                let why = "is to be disabled, but there is none of this name".to_owned();
                return Err(RulesError::Rule {
                    rule: name.clone(),
                    why,
                });
            }
        }
        rules.disable = own.disable;
        rules.names.extend(own.names);
        rules.never_names.extend(own.never_names);
        rules.shapes.extend(own.shapes);
        rules.programs.extend(own.programs);
        Ok(rules)
    }

    pub(super) fn compile(self) -> Result<Compiled, RulesError> {
        let fault = |rule: &str, why: String| RulesError::Rule {
            rule: rule.to_owned(),
            why,
        };
        let kinds = self.names.iter().map(|rule| (&rule.kind, &rule.kind));
        let kinds = kinds
            .chain(self.shapes.iter().map(|rule| (&rule.name, &rule.kind)))
            .chain(
                self.programs
                    .iter()
                    .filter_map(|rule| Some((rule.names.first()?, &rule.kind))),
            );
        for (rule, kind) in kinds {
            let letters = kind
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
            if !letters || !(1..=32).contains(&kind.len()) {
                return Err(fault(
                    rule,
                    format!("the kind `{kind}` must be 1 to 32 of a-z, 0-9 and _"),
                ));
            }
        }
        let mut names = Names::default();
        for rule in &self.names {
            let empty = |name: &&String| !name.bytes().any(|byte| byte.is_ascii_alphanumeric());
            if let Some(name) = rule
                .whole
                .iter()
                .chain(&rule.last)
                .chain(&rule.suffix)
                .find(empty)
            {
                return Err(fault(
                    &rule.kind,
                    format!("the name `{name}` has no letter"),
                ));
            }
            rule.whole
                .iter()
                .for_each(|name| names.add_whole(name, &rule.kind));
            rule.last
                .iter()
                .for_each(|name| names.add_last(name, &rule.kind));
            rule.suffix
                .iter()
                .for_each(|name| names.add_suffix(name, &rule.kind));
        }
        self.never_names
            .iter()
            .for_each(|name| names.add_never(name));
        let stems = AhoCorasickBuilder::new()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::LeftmostLongest)
            .build(names.stems())
            .map_err(|error| fault("names", error.to_string()))?;
        let mut commands = Commands::default();
        self.programs
            .into_iter()
            .for_each(|program| commands.add(program));
        let wanted = self
            .shapes
            .into_iter()
            .filter(|shape| !self.disable.contains(&shape.name));
        let shapes = Shapes::compile(wanted.collect()).map_err(|(rule, why)| fault(&rule, why))?;
        Ok(Compiled {
            names,
            stems,
            shapes,
            commands,
        })
    }
}
