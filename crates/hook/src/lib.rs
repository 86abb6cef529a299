//! What the hook and the daemon share: the socket frame, the spool file, and the hook's run itself.
//!
//! `alertbridge-hook` (the program integratord starts once per alert) is [`run`] and nothing else; the daemon uses
//! [`frame`] to serve the hook's socket and [`spool`] to drain what hooks left behind. Only the standard library is
//! used, because the process is started for every alert and its whole cost is its start.
//!
//! The promise: exit code 0 means the alert is durable, with the daemon or in the spool folder. Anything else is a
//! documented code (see [`run`]) and one line in `logs/integrations.log`.

pub mod frame;
mod log;
mod run;
pub mod settings;
pub mod spool;

pub use log::exit_on_panic;
pub use run::{
    EXIT_BAD_ALERT, EXIT_BUG, EXIT_NO_ALERT_FILE, EXIT_NOT_KEPT, EXIT_UNREADABLE_ALERT, run,
};
