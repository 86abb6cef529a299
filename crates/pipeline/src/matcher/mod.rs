//! Matchers: Alertmanager's `name="value"` extended to the fields of an alert. The language is in `docs/matchers.md`.

mod error;
mod parse;
mod text;

use ipnet::IpNet;

pub use error::{MatcherError, MatcherErrorKind};

use crate::{
    field::{Field, HeadField},
    network::address,
    pattern::Pattern,
    view::AlertView,
};

/// One condition on one field.
///
/// ```
/// use alertbridge_pipeline::Matcher;
///
/// let matcher: Matcher = r"agent.name =~ web-\d+".parse().unwrap();
/// assert_eq!(matcher.to_string(), r#"agent.name =~ "web-\\d+""#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matcher {
    field: Field,
    test: Test,
}

/// Conditions that must all hold: what one text holds, with or without braces. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matchers(Vec<Matcher>);

/// What is asked of a field's values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    /// Any value is this text.
    Equal(String),
    /// No value is this text.
    NotEqual(String),
    /// Any value matches.
    Like(Pattern),
    /// No value matches.
    NotLike(Pattern),
    /// Any value is an address in one of the networks.
    Within(Vec<IpNet>),
    /// No value is.
    NotWithin(Vec<IpNet>),
    /// Any value is a number that compares so.
    Compare(Comparison, Number),
    /// There is something.
    Exists,
    /// There is nothing.
    Missing,
}

/// How numbers compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Less,
    AtMost,
    AtLeast,
    Greater,
}

/// A number and how it was written. Finite.
#[derive(Clone, Debug)]
pub(crate) struct Number {
    written: Box<str>,
    value: f64,
}

impl Matcher {
    /// `field = "text"`; `None` where the field is no name.
    pub fn equal(field: &str, text: &str) -> Option<Self> {
        let test = Test::Equal(text.to_owned());
        Field::new(field).map(|field| Self { field, test })
    }

    /// `field >= number`; `None` where the field is no name.
    pub fn at_least(field: &str, number: u32) -> Option<Self> {
        let number = Number {
            written: number.to_string().into(),
            value: f64::from(number),
        };
        let test = Test::Compare(Comparison::AtLeast, number);
        Field::new(field).map(|field| Self { field, test })
    }

    /// `field exists`; `None` where the field is no name.
    pub fn exists(field: &str) -> Option<Self> {
        let test = Test::Exists;
        Field::new(field).map(|field| Self { field, test })
    }

    /// `field =~ pattern`; `None` where the field is no name.
    pub(crate) fn like(field: &str, pattern: Pattern) -> Option<Self> {
        let test = Test::Like(pattern);
        Field::new(field).map(|field| Self { field, test })
    }

    /// `field in networks`; `None` where the field is no name.
    pub(crate) fn within(field: &str, networks: Vec<IpNet>) -> Option<Self> {
        let test = Test::Within(networks);
        Field::new(field).map(|field| Self { field, test })
    }

    /// Whether it holds for an alert that has nothing at the field. A comparison of `rule.level` counts as one that does: every
    /// alert has a level.
    pub(crate) fn matches_empty(&self) -> bool {
        match &self.test {
            Test::Equal(text) => text.is_empty(),
            Test::NotEqual(text) => !text.is_empty(),
            Test::Like(pattern) => pattern.matches(""),
            Test::NotLike(pattern) => !pattern.matches(""),
            Test::Within(_) => false,
            Test::Compare(..) | Test::Exists => self.field.head == Some(HeadField::RuleLevel),
            Test::Missing | Test::NotWithin(_) => true,
        }
    }

    /// The field it looks at.
    pub fn field(&self) -> &Field {
        &self.field
    }

    pub(crate) fn test(&self) -> &Test {
        &self.test
    }

    /// Whether the alert fulfils it.
    pub fn holds(&self, view: &AlertView<'_>) -> bool {
        let field = &self.field;
        match &self.test {
            Test::Equal(text) => view.any(field, |value| value == text),
            Test::NotEqual(text) => !view.any(field, |value| value == text),
            Test::Like(pattern) => view.any(field, |value| pattern.matches(value)),
            Test::NotLike(pattern) => !view.any(field, |value| pattern.matches(value)),
            Test::Within(networks) => view.any(field, |value| within(networks, value)),
            Test::NotWithin(networks) => !view.any(field, |value| within(networks, value)),
            Test::Compare(comparison, than) => {
                // Asked of every alert by nearly every gate, so not by way of text.
                if field.head == Some(HeadField::RuleLevel) {
                    return comparison.holds(f64::from(view.level()), than.value);
                }
                view.any(field, |value| {
                    number(value).is_some_and(|value| comparison.holds(value, than.value))
                })
            }
            Test::Exists => view.exists(field),
            Test::Missing => !view.exists(field),
        }
    }

    /// Levels below this one can't fulfil it; 0 where the level says nothing.
    pub(crate) fn lowest_level(&self) -> u32 {
        if self.field.head != Some(HeadField::RuleLevel) {
            return 0;
        }
        // `as` saturates at both ends.
        match &self.test {
            Test::Equal(text) => text.parse().unwrap_or(0),
            Test::Compare(Comparison::AtLeast | Comparison::Greater, than) => {
                than.value.floor() as u32
            }
            _ => 0,
        }
    }
}

impl Matchers {
    /// `None` where there is none: a set that would hold for every alert.
    pub fn new(matchers: Vec<Matcher>) -> Option<Self> {
        (!matchers.is_empty()).then_some(Self(matchers))
    }

    /// Whether the alert fulfils all of them.
    pub fn hold(&self, view: &AlertView<'_>) -> bool {
        self.0.iter().all(|matcher| matcher.holds(view))
    }

    /// The single matchers, as written.
    pub fn iter(&self) -> std::slice::Iter<'_, Matcher> {
        self.0.iter()
    }

    /// Whether an alert that has nothing at any of the fields fulfils them all: then they pick out next to nothing.
    pub(crate) fn match_empty(&self) -> bool {
        self.0.iter().all(Matcher::matches_empty)
    }

    /// Levels below this one can't fulfil them all.
    pub(crate) fn lowest_level(&self) -> u32 {
        let levels = self.0.iter().map(Matcher::lowest_level);
        levels.max().unwrap_or(0)
    }
}

impl<'a> IntoIterator for &'a Matchers {
    type Item = &'a Matcher;
    type IntoIter = std::slice::Iter<'a, Matcher>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Comparison {
    fn holds(self, value: f64, than: f64) -> bool {
        match self {
            Self::Less => value < than,
            Self::AtMost => value <= than,
            Self::AtLeast => value >= than,
            Self::Greater => value > than,
        }
    }
}

impl Number {
    /// `None` where the text is no finite number.
    pub(crate) fn new(written: &str) -> Option<Self> {
        Some(Self {
            value: number(written)?,
            written: written.trim().into(),
        })
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Eq for Number {}

/// A finite number in decimal: `5`, `-1.5`, `9.800000`, `1e3`. Not `inf` or `nan`, which are words in an alert.
fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let first = text.bytes().next()?;
    if !(first.is_ascii_digit() || matches!(first, b'-' | b'+' | b'.')) {
        return None;
    }
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

fn within(networks: &[IpNet], value: &str) -> bool {
    address(value).is_some_and(|address| networks.iter().any(|network| network.contains(&address)))
}
