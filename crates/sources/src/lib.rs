//! Where alerts come from.
//!
//! A source reads records and hands them to an [`Intake`] in batches, together with the [`Checkpoint`] that says how far it
//! has read. It goes on (answers the hook, moves its position) only when the intake's receipt says the batch is durable:
//! the checkpoint is stored in the very transaction that records what became of the batch's alerts.

mod intake;

pub use intake::{Batch, Checkpoint, Intake, Receipt, Record, Rejected};
