//! Where alerts go.
//!
//! A sink is told to deliver one alert and says what came of it; it never retries by itself. The whole language between a
//! sink and the delivery worker is [`Outcome`] and [`Presence`]; [`attempt`] is the one place that decides when to look.

mod amend;
mod attempt;
mod digest;
mod error;
mod intel;
pub mod iris;
mod sink;
pub mod wazuh;

pub use amend::{Amended, Amendment, Block, Ending, Raise, TagChange};
pub use attempt::attempt;
pub use digest::{Continues, Digest, DigestKind, FieldSummary};
pub use error::SinkError;
pub use intel::{IntelHit, Matched};
pub use sink::{Change, Outcome, Outgoing, Presence, Proof, Scope, Sink, SinkFuture};
