//! Where alerts go.
//!
//! A sink is told to deliver one alert and says what came of it; it never retries by itself. The whole language between a
//! sink and the delivery worker is [`Outcome`] and [`Presence`]; [`attempt`] is the one place that decides when to look.

mod amend;
mod attempt;
mod digest;
mod error;
mod filter;
mod intel;
pub mod iris;
mod review;
mod sink;
pub mod wazuh;

pub use amend::{Amended, Amendment, Block, Ending, Identity, Raise, TagChange, TagCondition};
pub use attempt::attempt;
pub use digest::{Continues, Digest, DigestKind, FieldSummary};
pub use error::SinkError;
pub use filter::TextFilter;
pub use intel::{IntelHit, Matched};
pub use review::{Page, Reviewable, SeenAlert};
pub use sink::{Change, Outcome, Outgoing, Presence, Proof, Scope, Sink, SinkFuture};
