//! How good a model is at triage: what `alertbridge triage eval` counts. Pure statistics; who asks the model is elsewhere.
//!
//! - [`Labelled`]: alerts of which people know what they were.
//! - [`Outcome`]: what came of one of them, one line of JSON each, so that a run of hours goes on where it stopped.
//! - [`Report`]: what it says about the model, as JSON and as a table.
//! - [`payloads`] and [`plant`]: texts that try to steer a model, and the fields an attacker can write them into.

mod labelled;
mod measures;
mod outcome;
mod payloads;
mod plant;
mod report;
mod table;

pub use self::labelled::{Label, Labelled, LabelledFault};
pub use self::measures::{Decile, Matrix, Rates};
pub use self::outcome::{Outcome, Outcomes, flips};
pub use self::payloads::{Payload, payloads};
pub use self::plant::{Place, plant};
pub use self::report::{Injection, Report};
