//! A stand-in for OpenCTI, a store, and a provider between the two.

use std::{sync::Arc, time::Duration};

use alertbridge_intel::{
    Indicator, IndicatorStore, StoreOptions,
    provider::{
        Clock, Progress, Provider, Stop, SyncState,
        opencti::{OpenCti, OpenCtiConfig},
    },
};
use alertbridge_sandbox::{OpenCtiOptions, OpenCtiSandbox, StixIndicator, synthetic_indicator};
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, timeout},
};

/// The provider's name.
pub const NAME: &str = "cti";
/// Longer than anything here takes, on the paused clock.
const LONG: Duration = Duration::from_secs(3 * 24 * 3600);

pub struct World {
    pub sandbox: OpenCtiSandbox,
    pub store: Arc<IndicatorStore>,
    _folder: TempDir,
}

/// A provider at work.
pub struct Running {
    pub state: watch::Receiver<SyncState>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl World {
    pub async fn of(options: OpenCtiOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = IndicatorStore::open(folder.path(), StoreOptions::default()).unwrap();
        Self {
            sandbox: OpenCtiSandbox::start(options).await.unwrap(),
            store: Arc::new(store),
            _folder: folder,
        }
    }

    pub async fn new() -> Self {
        Self::of(OpenCtiOptions::default()).await
    }

    /// Puts in made-up indicators that were there before.
    pub fn load(&self, count: u64) {
        self.sandbox
            .load_indicators((0..count).map(synthetic_indicator));
    }

    pub fn config(&self, more: Value) -> OpenCtiConfig {
        config(&self.sandbox.url(), self.sandbox.token(), more)
    }

    pub fn run(&self, more: Value) -> Running {
        self.run_with(&self.config(more))
    }

    pub fn run_with(&self, config: &OpenCtiConfig) -> Running {
        Running::start(OpenCti::new(NAME, config).unwrap(), &self.store)
    }

    pub fn get(&self, id: &str) -> Option<Indicator> {
        self.store.get(NAME, id).unwrap()
    }

    pub fn count(&self) -> u64 {
        let status = self.store.status();
        status
            .providers
            .get(NAME)
            .map_or(0, |provider| provider.indicators)
    }

    /// Waits until the store is as wanted.
    pub async fn until(&self, wanted: impl Fn(&Self) -> bool) {
        let wait = async {
            while !wanted(self) {
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
        };
        timeout(LONG, wait).await.unwrap();
    }

    /// Variables of the requests for a root field, in order.
    pub fn asked(&self, root: &str) -> Vec<Value> {
        let requests = self.sandbox.requests().into_iter();
        requests
            .filter(|request| request.root_fields.iter().any(|field| field == root))
            .map(|request| request.variables)
            .collect()
    }
}

pub fn config(url: &str, token: &str, more: Value) -> OpenCtiConfig {
    let mut config = json!({"url": url, "token": token});
    for (key, value) in more.as_object().unwrap() {
        config[key] = value.clone();
    }
    serde_json::from_value(config).unwrap()
}

/// A domain as an indicator.
pub fn domain(name: &str) -> StixIndicator {
    StixIndicator::of_value("Domain-Name", name)
}

/// A clock that goes with tokio's.
pub fn clock() -> Clock {
    let start = Instant::now();
    let base: Timestamp = "2026-11-21T08:00:00Z".parse().unwrap();
    Clock::new(move || base + start.elapsed())
}

impl Running {
    pub fn start(provider: impl Provider + 'static, store: &Arc<IndicatorStore>) -> Self {
        let (progress, state) = Progress::new(clock());
        let (stop, stopping) = watch::channel(false);
        let store = Arc::clone(store);
        let task =
            tokio::spawn(async move { provider.sync(store, progress, Stop::new(stopping)).await });
        Self { state, stop, task }
    }

    /// Waits for a state.
    pub async fn until(&mut self, wanted: impl FnMut(&SyncState) -> bool) -> SyncState {
        let state = timeout(LONG, self.state.wait_for(wanted)).await.unwrap();
        state.unwrap().clone()
    }

    /// Waits until all is well for the first time.
    pub async fn synced(&mut self) -> SyncState {
        self.until(|state| state.last_success.is_some() && state.trouble.is_none())
            .await
    }

    /// Waits for trouble and returns its text.
    pub async fn trouble(&mut self) -> alertbridge_intel::provider::Trouble {
        let state = self.until(|state| state.trouble.is_some()).await;
        state.trouble.unwrap()
    }

    pub async fn stop(self) {
        self.stop.send(true).unwrap();
        self.task.await.unwrap();
    }

    /// As a crash would.
    pub async fn kill(self) {
        self.task.abort();
        let _aborted = self.task.await;
    }
}
