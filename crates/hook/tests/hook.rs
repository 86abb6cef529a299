//! The real binary against every kind of daemon, disk and input that facts/wazuh.md §1 knows of.

#![expect(
    clippy::unwrap_used,
    reason = "a test helper that fails is a test that fails"
)]

#[path = "hook/world.rs"]
mod world;

#[path = "hook/argv.rs"]
mod argv;
#[path = "hook/bugs.rs"]
mod bugs;
#[path = "hook/daemons.rs"]
mod daemons;
#[path = "hook/disks.rs"]
mod disks;
#[path = "hook/inputs.rs"]
mod inputs;
