//! Where alerts come from.
//!
//! A source reads records and hands them to an [`Intake`] in batches, together with the [`Checkpoint`] that says how far it
//! has read. It goes on (answers the hook, moves its position) only when the intake's receipt says the batch is durable:
//! the checkpoint is stored in the very transaction that records what became of the batch's alerts.

mod follower;
pub mod hook_socket;
mod intake;
pub mod spool;

pub use follower::{
    Begin, CheckpointError, DEFAULT_ALERTS_JSON, DEFAULT_LINE_LIMIT, Follower, FollowerConfig,
    FollowerError, FollowerHandle, FollowerSnapshot, FollowerStatus, Stop,
};
pub use intake::{Batch, Checkpoint, Intake, Receipt, Record, Rejected};
