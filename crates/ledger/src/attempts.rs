//! The words of a delivery's history, and how much of it all ledgers keep.

use crate::{AttemptTrace, Verdict};

/// So many of a delivery's first attempts are kept.
pub(crate) const FIRST: usize = 20;
/// And so many of its last.
pub(crate) const LAST: usize = 30;
/// A reason is kept up to so many characters.
const MOST_WHY: usize = 500;

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// The sink had it from an earlier attempt.
    Adopted,
    /// The sink can never take it.
    Dead,
    /// The sink has it.
    Delivered,
    /// The alert is closed, merged or deleted there.
    Ended,
    /// The sink can't take the count.
    GivenUp,
    /// It may have been taken.
    InDoubt,
    /// To be tried again.
    Retry,
    /// The count is to be told again.
    TellAgain,
    /// The sink shows the count.
    Told,
}

impl What {
    /// As [`AttemptTrace::what`] has it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Adopted => "adopted",
            Self::Dead => "dead",
            Self::Delivered => "delivered",
            Self::Ended => "ended",
            Self::GivenUp => "given up",
            Self::InDoubt => "in doubt",
            Self::Retry => "retry",
            Self::TellAgain => "tell again",
            Self::Told => "told",
        }
    }

    /// Of the count, which is told only after the alert was delivered.
    fn is_telling(word: &str) -> bool {
        let tellings = [Self::Ended, Self::GivenUp, Self::TellAgain, Self::Told];
        tellings.iter().any(|what| what.word() == word)
    }
}

/// What a settled delivery adds to its history: nothing where it was delivered, because that is told by the delivery itself, or
/// never sent.
pub(crate) fn of_verdict(verdict: &Verdict) -> Option<(What, &str)> {
    match verdict {
        Verdict::Delivered { .. } | Verdict::Returned => None,
        Verdict::Retry { why, doubt, .. } => {
            Some((if *doubt { What::InDoubt } else { What::Retry }, why))
        }
        Verdict::Dead { why } => Some((What::Dead, why)),
    }
}

/// The attempt that delivered it takes its place behind the others of the delivery, before what was told later.
pub(crate) fn with_delivered(
    mut history: Vec<AttemptTrace>,
    delivered: Option<(jiff::Timestamp, bool)>,
) -> Vec<AttemptTrace> {
    if let Some((at, adopted)) = delivered {
        let what = if adopted {
            What::Adopted
        } else {
            What::Delivered
        };
        let place = history
            .iter()
            .position(|attempt| What::is_telling(&attempt.what))
            .unwrap_or(history.len());
        history.insert(
            place,
            AttemptTrace {
                at,
                what: what.word().into(),
                why: String::new(),
            },
        );
    }
    history
}

/// A reason, cut to what is kept of it.
pub(crate) fn bounded(why: &str) -> &str {
    why.char_indices()
        .nth(MOST_WHY)
        .map_or(why, |(end, _)| why.get(..end).unwrap_or(why))
}
