//! Threat intelligence: hits go to IRIS and back to Wazuh, whatever is down meanwhile, with the daemon as a process.
#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod events;
mod faults;
mod live;
mod matching;
mod samples;
mod scene;
mod sightings;
#[path = "../world/mod.rs"]
mod world;
