//! Why a pattern can't match.

/// Why a pattern, or a part of it, can't match. The numbers are on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Reason {
    /// `yara`, `sigma`, …
    PatternType = 1,
    /// No STIX pattern.
    Syntax = 2,
    /// The pattern, or the number of its values.
    TooLarge = 3,
    /// Only negated tests: nearly every alert would match.
    Negation = 4,
    /// `FOLLOWEDBY`.
    FollowedBy = 5,
    /// `WITHIN`, `START … STOP`.
    Window = 6,
    /// `REPEATS`.
    Repeats = 7,
    /// Compares what alerts do not carry.
    Object = 8,
    /// `<`, `>`, `ISSUPERSET`, …
    Operator = 9,
    /// The value is none of the kind its object has.
    Value = 10,
    /// A regular expression with errors, or too large.
    Regex = 11,
    /// Neither a pattern nor values.
    Nothing = 12,
}

impl Reason {
    const ALL: [Self; 12] = [
        Self::PatternType,
        Self::Syntax,
        Self::TooLarge,
        Self::Negation,
        Self::FollowedBy,
        Self::Window,
        Self::Repeats,
        Self::Object,
        Self::Operator,
        Self::Value,
        Self::Regex,
        Self::Nothing,
    ];

    /// The reason with this number; `None` for 0 and unknown ones.
    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| *reason as u8 == number)
    }

    /// For the operator, and as a name of counters.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::PatternType => "the pattern is not of type stix",
            Self::Syntax => "the pattern is no valid STIX pattern",
            Self::TooLarge => "the pattern is too large",
            Self::Negation => "the pattern only excludes values",
            Self::FollowedBy => "FOLLOWEDBY needs several events",
            Self::Window => "WITHIN and START/STOP need several events",
            Self::Repeats => "REPEATS needs several events",
            Self::Object => "the pattern compares what alerts do not carry",
            Self::Operator => "the pattern uses an operator that is not supported",
            Self::Value => "the pattern compares with a value of another kind",
            Self::Regex => "the pattern's regular expression is invalid or too large",
            Self::Nothing => "there is neither a pattern nor a value",
        }
    }
}
