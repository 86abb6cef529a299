//! Starting and stopping a pretended model server, and looking into it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::counts::ModelCounts;
use super::faults::ModelFaults;
use super::options::ModelOptions;
use super::request::{ModelMessage, ModelRequest, RequestLog};
use super::server;
use super::state::State;

/// Why a sandbox could not start.
#[derive(Debug, thiserror::Error)]
pub enum ModelSandboxError {
    /// The port is taken or the system allows no listening socket.
    #[error(
        "the sandbox cannot listen on {address}: {source}; choose another port, or none at all"
    )]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// A pretended model server on loopback. Dropping it stops it.
#[derive(Debug)]
pub struct ModelSandbox {
    shared: Arc<Shared>,
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

/// What every request sees.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: ModelOptions,
    pub(crate) faults: ModelFaults,
    pub(crate) counts: watch::Sender<ModelCounts>,
    /// Changes when what is held goes on.
    pub(crate) releases: watch::Sender<u64>,
    pub(crate) started: Instant,
    places: Arc<Semaphore>,
    state: Mutex<State>,
    requests: Mutex<RequestLog>,
}

impl Shared {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a request and gives it a number.
    pub(crate) fn log(&self, request: ModelRequest) -> usize {
        let requests = self.requests.lock();
        requests
            .unwrap_or_else(PoisonError::into_inner)
            .push(request)
    }

    /// What the model got to see of a request.
    pub(crate) fn saw(&self, number: usize, seen: &[ModelMessage]) {
        let requests = self.requests.lock();
        requests
            .unwrap_or_else(PoisonError::into_inner)
            .saw(number, seen);
    }

    /// Waits for a place among the questions that are worked on.
    pub(crate) async fn place(&self) -> Result<OwnedSemaphorePermit, io::Error> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        place.map_err(io::Error::other)
    }
}

impl ModelSandbox {
    /// Binds a loopback port and serves until stopped or dropped. Must run inside a tokio runtime.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn start(options: ModelOptions) -> Result<ModelSandbox, ModelSandboxError> {
        let asked = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port.unwrap_or(0)));
        let listen_error = |source| ModelSandboxError::Listen {
            address: asked,
            source,
        };
        let listener = TcpListener::bind(asked).await.map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;
        let shared = Arc::new(Shared {
            faults: ModelFaults::default(),
            counts: watch::Sender::new(ModelCounts::default()),
            releases: watch::Sender::new(0),
            started: Instant::now(),
            places: Arc::new(Semaphore::new(options.parallel.max(1))),
            state: Mutex::default(),
            requests: Mutex::default(),
            options,
        });
        let accepting = tokio::spawn(server::accept(listener, Arc::clone(&shared)));
        Ok(ModelSandbox {
            shared,
            address,
            accepting,
        })
    }

    /// Base URL without a final slash.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The port, for starting another one at the same place later.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// What shall go wrong.
    pub fn faults(&self) -> &ModelFaults {
        &self.shared.faults
    }

    /// What goes on.
    pub fn counts(&self) -> ModelCounts {
        *self.shared.counts.borrow()
    }

    /// Waits until the counts are so.
    pub async fn until(&self, mut are_so: impl FnMut(&ModelCounts) -> bool) -> ModelCounts {
        let mut counts = self.shared.counts.subscribe();
        // The sender lives as long as the sandbox.
        match counts.wait_for(|counts| are_so(counts)).await {
            Ok(counts) => *counts,
            Err(_) => self.counts(),
        }
    }

    /// Lets everything go on that a fault holds now.
    pub fn release(&self) {
        self.shared.releases.send_modify(|count| *count += 1);
    }

    /// All requests, the oldest first; of a long run only the latest 10,000.
    pub fn requests(&self) -> Vec<ModelRequest> {
        let requests = self.shared.requests.lock();
        requests.unwrap_or_else(PoisonError::into_inner).all()
    }

    /// The requests that asked the model something.
    pub fn questions(&self) -> Vec<ModelRequest> {
        let mut requests = self.requests();
        requests.retain(ModelRequest::is_question);
        requests
    }

    /// The model that is loaded, and for how many tokens.
    pub fn loaded(&self) -> Option<(String, u64)> {
        let mut state = self.shared.state();
        state
            .loaded()
            .map(|loaded| (loaded.model.clone(), loaded.context))
    }

    /// Stops taking connections, cuts the open ones, and waits until that is done.
    pub async fn stop(mut self) {
        self.accepting.abort();
        // An aborted task reports its abort; there is nothing else to hear.
        let _aborted = (&mut self.accepting).await;
    }
}

impl Drop for ModelSandbox {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
