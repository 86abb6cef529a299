//! Triage: the program as it is run (daemon, `triage work`, commands) against stand-ins of IRIS and of a model's server.
#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod environment;
mod evaluation;
mod killed;
mod labelled;
mod model_down;
mod payloads;
mod people;
mod scene;
mod whole_way;
#[path = "../world/mod.rs"]
mod world;
