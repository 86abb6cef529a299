//! The store's operations off the runtime's threads: they block on the disk.

use std::sync::Arc;

use super::{ErrorKind, ProviderError};
use crate::{Applied, Change, Cursor, FullSync, Indicator, IndicatorStore, IntelError};

/// Runs a store operation on a thread that may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, IntelError> + Send + 'static,
) -> Result<T, ProviderError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(|error| refused(&error)),
        Err(error) => Err(ProviderError::passing(
            ErrorKind::Store,
            format!("the work on the indicator store broke off: {error}"),
        )),
    }
}

pub(crate) async fn apply(
    store: &Arc<IndicatorStore>,
    changes: Vec<Change>,
    cursor: Option<Cursor>,
) -> Result<Applied, ProviderError> {
    let store = Arc::clone(store);
    blocking(move || store.apply(changes, cursor)).await
}

/// Pushes a page and makes it durable together with the place behind it.
pub(crate) async fn push(
    mut full: FullSync,
    page: Vec<Indicator>,
    cursor: String,
) -> Result<FullSync, ProviderError> {
    blocking(move || {
        for indicator in page {
            full.push(indicator)?;
        }
        full.checkpoint(&cursor)?;
        Ok(full)
    })
    .await
}

fn refused(error: &IntelError) -> ProviderError {
    let text = format!("the indicator store refuses: {error}");
    match error {
        IntelError::Io { .. } => ProviderError::passing(
            ErrorKind::Store,
            format!("{text}; is the disk full? It is tried again"),
        ),
        _ => ProviderError::operator(ErrorKind::Store, text),
    }
}
