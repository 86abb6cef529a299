//! Where alerts go.
//!
//! A sink is told to deliver one alert and says what came of it; it never retries by itself. The whole language between a
//! sink and the delivery worker is [`Outcome`] and [`Presence`].

mod sink;

pub use sink::{Change, Outcome, Outgoing, Presence, Proof, Scope, Sink, SinkFuture};
