//! Where indicators come from.
//!
//! A [`Provider`] keeps the local store like its source until it is told to stop. It never gives up: whatever goes wrong is shown as
//! [`SyncState::trouble`] with its remedy and tried again, while what was known before still matches. OpenCTI is the first one
//! ([`opencti::OpenCti`]), plain files the second ([`file::FileProvider`]); MISP can stand beside them.
//!
//! What holds for each provider:
//! * memory is bounded: one page, one batch of events, or one file (read whole, up to its limit), and one id list (16 bytes an
//!   indicator) once a day;
//! * the store's cursor moves only together with the changes that lie before it, so a crash repeats work and loses none;
//! * what can't be read is counted and logged, and never stops what comes behind it;
//! * time comes in through a [`Clock`]; waiting is tokio's, so tests can pause it.

mod backoff;
mod clock;
mod error;
mod fields;
pub mod file;
mod marking;
pub mod opencti;
mod state;
mod stix;
mod storing;

use std::{future::Future, pin::Pin, sync::Arc};

pub use clock::{Clock, Stop};
pub use error::{ErrorKind, ProviderError};
pub use state::{Phase, Progress, SyncState, Trouble};

use crate::IndicatorStore;

/// What [`Provider::sync`] returns.
pub type SyncFuture<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// A source of indicators.
pub trait Provider: Send + Sync {
    /// Its name in the configuration; part of each indicator's identity in the store.
    fn name(&self) -> &str;

    /// Keeps the store like the source, until `stop`. Ends on nothing else. Dropping the future is as good as a crash: nothing is
    /// lost, and the next start goes on where this one was.
    fn sync<'a>(
        &'a self,
        store: Arc<IndicatorStore>,
        progress: Progress,
        stop: Stop,
    ) -> SyncFuture<'a>;
}
