//! Matchers to text and back: what `Display` writes, `FromStr` reads as the same matchers. In configuration they are strings.

use std::{fmt, str::FromStr};

use serde::de::{self, Deserialize, Deserializer, Visitor};

use super::{
    Comparison, Matcher, Matchers, Test,
    error::{MatcherError, MatcherErrorKind},
    parse,
};

impl FromStr for Matchers {
    type Err = MatcherError;

    fn from_str(text: &str) -> Result<Self, MatcherError> {
        parse::matchers(text)
    }
}

impl FromStr for Matcher {
    type Err = MatcherError;

    fn from_str(text: &str) -> Result<Self, MatcherError> {
        let Matchers(mut matchers) = parse::matchers(text)?;
        match matchers.pop() {
            Some(matcher) if matchers.is_empty() => Ok(matcher),
            _ => Err(MatcherError {
                column: 1,
                kind: MatcherErrorKind::ExpectedOne,
            }),
        }
    }
}

impl fmt::Display for Matchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = self.0.as_slice() {
            return only.fmt(f);
        }
        f.write_str("{")?;
        for (index, matcher) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            matcher.fmt(f)?;
        }
        f.write_str("}")
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.field.path();
        if parse::is_bare_field(path) {
            f.write_str(path)?;
        } else {
            Quoted(path).fmt(f)?;
        }
        match &self.test {
            Test::Equal(text) => write!(f, " = {}", Quoted(text)),
            Test::NotEqual(text) => write!(f, " != {}", Quoted(text)),
            Test::Like(pattern) => write!(f, " =~ {}", Quoted(pattern.source())),
            Test::NotLike(pattern) => write!(f, " !~ {}", Quoted(pattern.source())),
            Test::Within(networks) => list(f, " in ", networks),
            Test::NotWithin(networks) => list(f, " not in ", networks),
            Test::Compare(comparison, number) => {
                let operator = match comparison {
                    Comparison::Less => "<",
                    Comparison::AtMost => "<=",
                    Comparison::AtLeast => ">=",
                    Comparison::Greater => ">",
                };
                write!(f, " {operator} {}", number.written)
            }
            Test::Exists => f.write_str(" exists"),
            Test::Missing => f.write_str(" not exists"),
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, operator: &str, items: &[impl fmt::Display]) -> fmt::Result {
    f.write_str(operator)?;
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(",")?;
        }
        item.fmt(f)?;
    }
    Ok(())
}

/// A text in double quotes.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        let mut rest = self.0;
        while let Some(at) = rest.find(['"', '\\', '\n']) {
            let (before, from) = rest.split_at(at);
            f.write_str(before)?;
            f.write_str(match from.as_bytes()[0] {
                b'"' => "\\\"",
                b'\\' => "\\\\",
                _ => "\\n",
            })?;
            rest = &from[1..];
        }
        f.write_str(rest)?;
        f.write_str("\"")
    }
}

impl<'de> Deserialize<'de> for Matchers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Matchers;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("matchers as a text, such as \"rule.level >= 8\"")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Matchers, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}
