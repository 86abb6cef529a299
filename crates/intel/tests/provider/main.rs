//! Providers against the stand-in for OpenCTI, against small scripted servers, and with files.
//!
//! Time is paused: whatever waits (intervals, retries, heartbeats, a day) is over at once, in the right order.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod context;
mod files;
mod lookup;
mod scripted;
mod sightings;
mod stream;
mod sync;
mod tls;
mod trouble;
mod world;
