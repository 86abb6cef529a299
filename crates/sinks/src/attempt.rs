//! One attempt to deliver, with the look-ups that keep it from doubling or losing an alert.
//!
//! The delivery worker calls this for every sink, so that no sink decides for itself when to look.
//! - In doubt (an earlier attempt ended without a clear answer) the sink is asked before anything is sent again.
//! - A `Never` is final only after the sink was asked once: an answer that sounds like a refusal may hide a stored alert.

use crate::{Outcome, Outgoing, Presence, Sink};

/// Delivers once. `doubt`: an earlier attempt may have been taken.
///
/// The outcome is never a [`Outcome::Never`] for an alert the sink holds, and nothing is sent while a doubt can be looked up
/// but was not.
pub async fn attempt(sink: &dyn Sink, outgoing: &Outgoing, doubt: bool) -> Outcome {
    if doubt {
        match sink.look_up(outgoing).await {
            Presence::Present(proof) => return Outcome::AlreadyThere(proof),
            Presence::Failed(outcome) => return unsettled(outcome),
            Presence::Absent | Presence::Unknowable => {}
        }
    }
    let refusal = match sink.deliver(outgoing).await {
        Outcome::Never { why } => why,
        outcome => return outcome,
    };
    match sink.look_up(outgoing).await {
        Presence::Present(proof) => Outcome::AlreadyThere(proof),
        Presence::Failed(outcome) => unsettled(outcome),
        Presence::Absent | Presence::Unknowable => Outcome::Never { why: refusal },
    }
}

/// What a failed look-up leaves: the doubt stays, so nothing final may come of it. A pause keeps its meaning; who calls must
/// keep the doubt over it.
fn unsettled(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Paused { .. } => outcome,
        Outcome::Retry { why, .. } | Outcome::Unknown { why } => Outcome::Unknown { why },
        other => Outcome::Unknown {
            why: format!("the look-up broke its promise with {other:?}"),
        },
    }
}
