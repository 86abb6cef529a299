//! What can be wrong with a matcher's text, where, and what was expected there.

use crate::{network::NetworkError, pattern::PatternError};

/// A text that is no matcher.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("matcher, column {column}: {kind}")]
pub struct MatcherError {
    /// Characters from the begin of the text, counted from 1.
    pub column: usize,
    /// What is wrong there.
    pub kind: MatcherErrorKind,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MatcherErrorKind {
    /// `in` with something that is no network.
    #[error(transparent)]
    BadNetwork(#[from] NetworkError),
    /// `=~` with something that is no regular expression.
    #[error(transparent)]
    BadPattern(#[from] PatternError),
    /// `==`, as programming languages write it.
    #[error("expected one `=` where `==` stands")]
    DoubleEquals,
    /// Nothing, `{}`, or blanks.
    #[error("expected a matcher such as `rule.id = 5710`, found none")]
    Empty,
    /// A field's name must stand here.
    #[error("expected a field such as rule.id (other names need double quotes), found {0}")]
    ExpectedField(Found),
    /// `<` and the like compare numbers.
    #[error("expected a number, found {0:?}; texts compare with =, !=, =~ and !~")]
    ExpectedNumber(String),
    /// One matcher stands where its text should hold only one.
    #[error("expected a single matcher, found a second one")]
    ExpectedOne,
    /// After a field.
    #[error(
        "expected =, !=, =~, !~, <, <=, >, >=, in, not in, exists or not exists, found {0} \
         (a value with blanks needs double quotes)"
    )]
    ExpectedOperator(Found),
    /// Between matchers.
    #[error("expected a comma, a blank or the end of the matchers, found {0}")]
    ExpectedSeparator(Found),
    /// After an operator.
    #[error("expected a value, found {0}; write \"\" for an empty one")]
    ExpectedValue(Found),
    /// A field of more than 256 bytes or of none.
    #[error("expected a field of 1 to 256 bytes")]
    FieldLength,
    /// A bare value may not hold this.
    #[error("expected a value in double quotes, because it holds {0}")]
    NeedsQuotes(Found),
    /// More than 16 KiB.
    #[error("expected at most 16 KiB, found {0} bytes; write several entries")]
    TooLong(usize),
    /// `{` without `}`.
    #[error("expected `}}` before the end of the text")]
    UnclosedBrace,
    /// `"` without its end.
    #[error("expected a closing double quote before the end of the text")]
    UnclosedQuote,
}

/// What stood there instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A character.
    Character(char),
    /// The end of the text.
    End,
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Character(character) => write!(f, "{:?}", character),
            Self::End => f.write_str("the end"),
        }
    }
}
