//! Tests of the follower against a writer that behaves like analysisd and an intake in memory.
//!
//! Most tests run the follower step by step in the test's own thread (`Rig`), so they need no waiting and no sleeping.

mod beginning;
mod catching_up;
mod delivering;
mod law;
mod line_ends;
mod replacement;
mod rig;
mod rotation;
mod thread;
