//! Where alerts go.
//!
//! A sink is told to deliver one alert and says what came of it; it never retries by itself. The whole language between a
//! sink and the delivery worker is [`Outcome`] and [`Presence`]; [`attempt`] is the one place that decides when to look.

mod attempt;
mod error;
pub mod iris;
mod sink;

pub use attempt::attempt;
pub use error::SinkError;
pub use sink::{Change, Outcome, Outgoing, Presence, Proof, Scope, Sink, SinkFuture};
