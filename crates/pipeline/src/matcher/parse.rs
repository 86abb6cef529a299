//! Reads matchers from text.
//!
//! ```text
//! matchers = "{" [ list ] "}" | list            at least one matcher
//! list     = matcher { ( "," | blank ) matcher } [ "," ]
//! matcher  = field ( "=" | "!=" | "=~" | "!~" | "<" | "<=" | ">" | ">=" ) value
//!          | field [ "not" | "!" ] "in" value { "," value }
//!          | field [ "not" | "!" ] "exists"
//! field    = letters, digits, _ - . @ $ # (no digit first) | quoted
//! value    = anything but blanks , { } " = < > ~          | quoted
//! quoted   = "…" with \" \\ \n; any other backslash stands for itself
//! ```
//! The list of `in` goes on behind a comma as long as what follows looks like an address: begins with a digit or holds a `:`.

use std::borrow::Cow;

use ipnet::IpNet;

use super::{
    Comparison, Matcher, Matchers, Number, Test,
    error::{Found, MatcherError, MatcherErrorKind as Kind},
};
use crate::{field::Field, network::network, pattern::Pattern};

/// Bytes of a text.
const LONGEST: usize = 16 * 1024;

/// Reads a whole text.
pub(super) fn matchers(text: &str) -> Result<Matchers, MatcherError> {
    let mut parser = Parser { text, at: 0 };
    if text.len() > LONGEST {
        return Err(parser.error(Kind::TooLong(text.len())));
    }
    parser.blanks();
    let braced = parser.eat("{");
    let mut matchers = Vec::new();
    loop {
        parser.blanks();
        match parser.found() {
            Found::End if braced => return Err(parser.error(Kind::UnclosedBrace)),
            Found::Character('}') if braced => break,
            Found::End => break,
            Found::Character(_) => {}
        }
        matchers.push(parser.matcher()?);
        parser.separator(braced)?;
    }
    let end = parser.at;
    if braced {
        parser.eat("}");
        parser.blanks();
        if parser.found() != Found::End {
            return Err(parser.error(Kind::ExpectedSeparator(parser.found())));
        }
    }
    Matchers::new(matchers).ok_or_else(|| parser.error_at(end, Kind::Empty))
}

/// May a field stand without quotes?
pub(super) fn is_bare_field(path: &str) -> bool {
    path.chars().all(is_field_character) && !path.starts_with(|first: char| first.is_numeric())
}

fn is_field_character(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-' | '.' | '@' | '$' | '#')
}

struct Parser<'a> {
    text: &'a str,
    /// Byte; always at a character's begin.
    at: usize,
}

impl<'a> Parser<'a> {
    fn matcher(&mut self) -> Result<Matcher, MatcherError> {
        let field = self.field()?;
        self.blanks();
        let test = self.test()?;
        Ok(Matcher { field, test })
    }

    fn field(&mut self) -> Result<Field, MatcherError> {
        let begin = self.at;
        let path = match self.found() {
            Found::Character('"') => self.quoted()?,
            Found::Character(first) if is_field_character(first) && !first.is_numeric() => {
                Cow::Borrowed(self.run(is_field_character))
            }
            other => return Err(self.error(Kind::ExpectedField(other))),
        };
        Field::new(&path).ok_or_else(|| self.error_at(begin, Kind::FieldLength))
    }

    fn test(&mut self) -> Result<Test, MatcherError> {
        let begin = self.at;
        if self.eat("==") {
            return Err(self.error_at(begin, Kind::DoubleEquals));
        }
        if self.eat("=~") {
            return self.pattern().map(Test::Like);
        }
        if self.eat("!~") {
            return self.pattern().map(Test::NotLike);
        }
        if self.eat("!=") {
            return Ok(Test::NotEqual(self.value()?.into_owned()));
        }
        if self.eat("=") {
            return Ok(Test::Equal(self.value()?.into_owned()));
        }
        // Longer ones first.
        let comparisons = [
            ("<=", Comparison::AtMost),
            (">=", Comparison::AtLeast),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        for (operator, comparison) in comparisons {
            if self.eat(operator) {
                return self
                    .number()
                    .map(|number| Test::Compare(comparison, number));
            }
        }
        let not = self.eat("!") || self.eat_word("not");
        if not {
            self.blanks();
        }
        if self.eat_word("exists") {
            return Ok(if not { Test::Missing } else { Test::Exists });
        }
        if self.eat_word("in") {
            let networks = self.networks()?;
            return Ok(match not {
                true => Test::NotWithin(networks),
                false => Test::Within(networks),
            });
        }
        Err(self.error(Kind::ExpectedOperator(self.found())))
    }

    fn pattern(&mut self) -> Result<Pattern, MatcherError> {
        self.blanks();
        let begin = self.at;
        let source = self.value()?;
        Pattern::new(&source).map_err(|error| self.error_at(begin, error.into()))
    }

    fn number(&mut self) -> Result<Number, MatcherError> {
        self.blanks();
        let begin = self.at;
        let text = self.value()?;
        Number::new(&text)
            .ok_or_else(|| self.error_at(begin, Kind::ExpectedNumber(text.into_owned())))
    }

    fn networks(&mut self) -> Result<Vec<IpNet>, MatcherError> {
        let mut networks = Vec::new();
        loop {
            self.blanks();
            let begin = self.at;
            let value = self.value()?;
            for one in value.split(',') {
                let network =
                    network(one.trim()).map_err(|error| self.error_at(begin, error.into()))?;
                networks.push(network);
            }
            if !self.another_address() {
                return Ok(networks);
            }
        }
    }

    /// Goes past a comma that an address follows.
    fn another_address(&mut self) -> bool {
        let rest = self.text[self.at..].trim_start();
        let Some(rest) = rest.strip_prefix(',') else {
            return false;
        };
        let rest = rest.trim_start();
        let word: &str = rest.split(is_no_value_character).next().unwrap_or(rest);
        if word.starts_with(|first: char| first.is_ascii_digit()) || word.contains(':') {
            self.at = self.text.len() - rest.len();
            return true;
        }
        false
    }

    fn value(&mut self) -> Result<Cow<'a, str>, MatcherError> {
        self.blanks();
        if self.found() == Found::Character('"') {
            return self.quoted();
        }
        let value = self.run(|character| !is_no_value_character(character));
        match self.found() {
            found if value.is_empty() => Err(self.error(Kind::ExpectedValue(found))),
            found @ Found::Character('{' | '"' | '=' | '<' | '>' | '~') => {
                Err(self.error(Kind::NeedsQuotes(found)))
            }
            _ => Ok(Cow::Borrowed(value)),
        }
    }

    fn quoted(&mut self) -> Result<Cow<'a, str>, MatcherError> {
        let begin = self.at;
        let content = &self.text[begin + 1..];
        let mut text = String::new();
        let mut characters = content.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.at = begin + 1 + at + 1;
                    return Ok(Cow::Owned(text));
                }
                '\\' => match characters.next_if(|(_, next)| matches!(next, '"' | '\\' | 'n')) {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, escaped)) => text.push(escaped),
                    None => text.push('\\'),
                },
                _ => text.push(character),
            }
        }
        Err(self.error_at(begin, Kind::UnclosedQuote))
    }

    /// Between matchers: blanks, one comma, or the end.
    fn separator(&mut self, braced: bool) -> Result<(), MatcherError> {
        let begin = self.at;
        self.blanks();
        let separated = self.eat(",") || self.at > begin;
        match self.found() {
            Found::End => Ok(()),
            Found::Character('}') if braced => Ok(()),
            _ if separated => Ok(()),
            found => Err(self.error(Kind::ExpectedSeparator(found))),
        }
    }

    fn blanks(&mut self) {
        self.run(char::is_whitespace);
    }

    /// Goes past the characters that fit.
    fn run(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        let rest = &self.text[self.at..];
        let length = rest
            .find(|character| !fits(character))
            .unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn eat(&mut self, token: &str) -> bool {
        let is_next = self.text[self.at..].starts_with(token);
        if is_next {
            self.at += token.len();
        }
        is_next
    }

    /// A word that ends where it ends: `in`, not the begin of `index`.
    fn eat_word(&mut self, word: &str) -> bool {
        let is_next = self.text[self.at..]
            .strip_prefix(word)
            .is_some_and(|rest| !rest.starts_with(is_field_character));
        if is_next {
            self.at += word.len();
        }
        is_next
    }

    fn found(&self) -> Found {
        let next = self.text[self.at..].chars().next();
        next.map_or(Found::End, Found::Character)
    }

    fn error(&self, kind: Kind) -> MatcherError {
        self.error_at(self.at, kind)
    }

    fn error_at(&self, at: usize, kind: Kind) -> MatcherError {
        MatcherError {
            column: self.text[..at].chars().count() + 1,
            kind,
        }
    }
}

fn is_no_value_character(character: char) -> bool {
    character.is_whitespace() || matches!(character, ',' | '{' | '}' | '"' | '=' | '<' | '>' | '~')
}
