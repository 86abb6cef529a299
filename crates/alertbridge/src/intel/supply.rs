//! Keeps the local copy like its sources, beside the alerts.
//!
//! Whatever happens here, alerts flow: a folder that can't be used is tried again, a source that broke off is begun again, and what
//! is wrong is an alarm.

use std::{sync::Arc, time::Duration};

use alertbridge_intel::provider::{Clock as IntelClock, Progress, Stop, SyncState};
use tokio::{sync::watch, task::JoinSet};
use tracing::{error, info, warn};

use super::{Intelligence, config::Source, standing::Watched};
use crate::clock::now;

/// Between two attempts to open the folder, or to begin a source that broke off.
const AGAIN: Duration = Duration::from_secs(30);

/// All sources of indicators.
pub struct Supply {
    intelligence: Arc<Intelligence>,
    sources: Vec<(Source, Progress)>,
    watched: Vec<Watched>,
}

impl Supply {
    /// Nothing runs yet.
    pub fn new(intelligence: Arc<Intelligence>, sources: Vec<Source>) -> Self {
        let mut watched = Vec::new();
        let sources = sources
            .into_iter()
            .map(|source| {
                let (progress, state) = Progress::new(IntelClock::new(now));
                watched.push(Watched {
                    name: source.provider.name().to_owned(),
                    interval: source.interval,
                    state,
                });
                (source, progress)
            })
            .collect();
        Self {
            intelligence,
            sources,
            watched,
        }
    }

    /// How the sources stand, to be looked at while they run.
    pub fn watched(&self) -> Vec<Watched> {
        self.watched.clone()
    }

    /// One source's states.
    pub fn states(&self) -> Vec<(String, watch::Receiver<SyncState>)> {
        self.watched
            .iter()
            .map(|one| (one.name.clone(), one.state.clone()))
            .collect()
    }

    /// Runs until told to stop.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        if !self.opened(&mut stop).await {
            return;
        }
        let mut running = JoinSet::new();
        for (source, progress) in self.sources {
            let (intelligence, stop) = (self.intelligence.clone(), stop.clone());
            running.spawn(keep(intelligence, source, progress, stop));
        }
        while running.join_next().await.is_some() {}
        // Without sources there is still nothing to end for.
        let _ = stop.wait_for(|stop| *stop).await;
    }

    /// Waits until the store is open; false when told to stop.
    async fn opened(&self, stop: &mut watch::Receiver<bool>) -> bool {
        let mut told = String::new();
        loop {
            let intelligence = self.intelligence.clone();
            let why = match tokio::task::spawn_blocking(move || intelligence.open()).await {
                Ok(Ok(_)) => return true,
                Ok(Err(why)) => why,
                Err(error) => format!("opening broke off: {error}"),
            };
            if why != told {
                error!(
                    why,
                    "threat intelligence can't be used; alerts flow without it"
                );
                told = why;
            }
            tokio::select! {
                () = tokio::time::sleep(AGAIN) => {}
                _ = stop.wait_for(|stop| *stop) => return false,
            }
        }
    }
}

/// Runs one source, again where it breaks off.
async fn keep(
    intelligence: Arc<Intelligence>,
    source: Source,
    progress: Progress,
    mut stop: watch::Receiver<bool>,
) {
    let provider = source.provider;
    let name = provider.name().to_owned();
    while !*stop.borrow() {
        let Some(store) = intelligence.store().cloned() else {
            return;
        };
        info!(
            source = name,
            place = source.place,
            "indicators are kept like their source"
        );
        let (provider, progress, told) = (provider.clone(), progress.clone(), stop.clone());
        let run =
            tokio::spawn(async move { provider.sync(store, progress, Stop::new(told)).await });
        if let Err(error) = run.await {
            error!(source = name, %error, "a source of indicators broke off");
        } else if !*stop.borrow() {
            warn!(source = name, "a source of indicators ended by itself");
        }
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
}
