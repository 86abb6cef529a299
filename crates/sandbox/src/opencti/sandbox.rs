//! Starting and stopping a pretended OpenCTI, filling it, and looking into it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use hyper::header::HeaderValue;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::events::{EventId, EventKind};
use super::faults::OpenCtiFaults;
use super::model::{StixIdentity, StixIndicator, StixObservable, Tlp};
use super::options::{OpenCtiOptions, OpenCtiRights, OpenCtiStream, OpenCtiUser};
use super::requests::{OpenCtiRequest, RequestLog};
use super::schema::{PlatformSchema, SchemaError};
use super::server;
use super::store::{Store, StoredSighting};

/// Why a sandbox could not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenCtiSandboxError {
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
    /// The schema of the release is broken.
    #[error(transparent)]
    Schema(#[from] SchemaError),
}

/// A pretended OpenCTI on loopback. Dropping it stops it.
#[derive(Debug)]
pub struct OpenCtiSandbox {
    shared: Arc<Shared>,
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

/// What every request sees.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: OpenCtiOptions,
    pub(crate) schema: PlatformSchema,
    pub(crate) faults: OpenCtiFaults,
    pub(crate) started: Instant,
    pub(crate) streams: RwLock<Vec<OpenCtiStream>>,
    /// Changes with every event.
    pub(crate) news: watch::Sender<u64>,
    /// Changes when every stream shall be cut.
    pub(crate) cuts: watch::Sender<u64>,
    users: RwLock<Vec<OpenCtiUser>>,
    store: Mutex<Store>,
    requests: Mutex<RequestLog>,
}

impl Shared {
    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn requests(&self) -> MutexGuard<'_, RequestLog> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The account of a valid bearer token. Since 7.260224 it must be allowed to use tokens; that it is nobody
    /// else, rather than refused in other words, is inferred.
    pub(crate) fn user_of(&self, authorization: Option<&HeaderValue>) -> Option<OpenCtiUser> {
        let token = authorization?.to_str().ok()?.strip_prefix("Bearer ")?;
        let users = self.users.read().unwrap_or_else(PoisonError::into_inner);
        let user = users.iter().find(|user| user.token == token)?;
        let needs_right = self.options.version.has_token_system();
        let may_use = !needs_right || user.rights.use_token || user.rights.bypass;
        (may_use && !user.token_expired).then(|| user.clone())
    }
}

impl OpenCtiSandbox {
    /// Binds a loopback port and serves until stopped or dropped. Must run inside a tokio runtime.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn start(options: OpenCtiOptions) -> Result<OpenCtiSandbox, OpenCtiSandboxError> {
        let options = options.completed();
        let asked = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port.unwrap_or(0)));
        let listen_error = |source| OpenCtiSandboxError::Listen {
            address: asked,
            source,
        };
        let listener = TcpListener::bind(asked).await.map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;
        let shared = Arc::new(Shared {
            schema: PlatformSchema::of(options.version)?,
            faults: OpenCtiFaults::default(),
            started: Instant::now(),
            streams: RwLock::new(options.streams.clone()),
            news: watch::Sender::new(0),
            cuts: watch::Sender::new(0),
            users: RwLock::new(options.users.clone()),
            store: Mutex::new(Store::new(options.synthetic, options.events_kept)),
            requests: Mutex::default(),
            options,
        });
        let accepting = tokio::spawn(server::accept(listener, Arc::clone(&shared)));
        Ok(OpenCtiSandbox {
            shared,
            address,
            accepting,
        })
    }

    /// Base URL without a final slash, with the base path.
    pub fn url(&self) -> String {
        format!("http://{}{}", self.address, self.shared.options.base_path)
    }

    /// The port, for starting another one at the same place later.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Token of the first account.
    pub fn token(&self) -> &str {
        let first = self.shared.options.users.first();
        first.map_or("", |user| user.token.as_str())
    }

    /// Id of the first stream.
    pub fn stream_id(&self) -> &str {
        let first = self.shared.options.streams.first();
        first.map_or("", |stream| stream.id.as_str())
    }

    /// Faults on demand.
    pub fn faults(&self) -> &OpenCtiFaults {
        &self.shared.faults
    }

    /// Adds indicators that were there before the event log began. One with the id of another replaces it.
    pub fn load_indicators(&self, indicators: impl IntoIterator<Item = StixIndicator>) {
        let mut store = self.shared.store();
        for indicator in indicators {
            store.load(indicator);
        }
    }

    /// Creates an indicator, or replaces the one with its internal id, as it is; the stream tells of it.
    pub fn put_indicator(&self, indicator: StixIndicator) -> EventId {
        let id = self.shared.store().put(indicator);
        self.announce();
        id
    }

    /// Changes an indicator (internal or STIX id) and its `updated_at`; the stream tells of it. None if there is none.
    pub fn update_indicator(
        &self,
        id: &str,
        change: impl FnOnce(&mut StixIndicator),
    ) -> Option<EventId> {
        let id = self.shared.store().update(id, change)?;
        self.announce();
        Some(id)
    }

    /// Deletes an indicator; the stream tells of it. None if there is none.
    pub fn delete_indicator(&self, id: &str) -> Option<EventId> {
        let id = self.shared.store().delete(id)?;
        self.announce();
        Some(id)
    }

    /// Merges the sources into the target, with one event for all; the sources are gone. None if there is no target.
    pub fn merge_indicators(&self, target: &str, sources: &[&str]) -> Option<EventId> {
        let id = self.shared.store().merge(target, sources)?;
        self.announce();
        Some(id)
    }

    /// An indicator by internal or STIX id.
    pub fn indicator(&self, id: &str) -> Option<StixIndicator> {
        let found = self.shared.store().indicator(id)?;
        Some(StixIndicator::clone(&found))
    }

    /// How many indicators there are, made-up ones included.
    pub fn indicator_count(&self) -> u64 {
        self.shared.store().indicator_count()
    }

    /// Creates or replaces an observable. Indicators point to it, see [`StixIndicator::observables`].
    pub fn put_observable(&self, observable: StixObservable) {
        let mut store = self.shared.store();
        let id = observable.id.clone();
        store.observables.insert(id, Arc::new(observable));
    }

    /// Deletes an observable by internal id; whether there was one.
    pub fn delete_observable(&self, id: &str) -> bool {
        self.shared.store().observables.remove(id).is_some()
    }

    /// Adds an identity.
    pub fn put_identity(&self, identity: StixIdentity) {
        self.shared.store().identities.push(identity);
    }

    /// Every identity, also those that clients added.
    pub fn identities(&self) -> Vec<StixIdentity> {
        self.shared.store().identities.clone()
    }

    /// Every sighting clients reported, in order.
    pub fn sightings(&self) -> Vec<StoredSighting> {
        self.shared.store().sightings.clone()
    }

    /// Sends an event of any kind with any data on every stream: for what no honest server sends.
    pub fn put_raw_event(&self, event: &str, data: Value) -> EventId {
        let kind = EventKind::Raw(event.to_owned(), data);
        let id = self
            .shared
            .store()
            .events
            .push(kind, None, None, Vec::new());
        self.announce();
        id
    }

    /// Forgets all events but the newest, as Redis does when the stream is too long.
    pub fn trim_events(&self, keep: usize) {
        self.shared.store().events.trim(keep);
    }

    /// How many events are remembered.
    pub fn event_count(&self) -> usize {
        self.shared.store().events.len()
    }

    /// Id of the latest event.
    pub fn last_event_id(&self) -> EventId {
        self.shared.store().events.last_id()
    }

    /// Cuts every open stream.
    pub fn cut_streams(&self) {
        self.shared.cuts.send_modify(|count| *count += 1);
    }

    /// Stops a stream, so that it answers 410, or starts it again.
    pub fn set_stream_running(&self, id: &str, running: bool) {
        let mut streams = self
            .shared
            .streams
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        for stream in streams.iter_mut().filter(|stream| stream.id == id) {
            stream.running = running;
        }
    }

    /// Lets a token expire, or makes it valid again.
    pub fn set_token_expired(&self, token: &str, expired: bool) {
        self.change_user(token, |user| user.token_expired = expired);
    }

    /// Changes what the account of this token may do.
    pub fn set_rights(&self, token: &str, rights: OpenCtiRights) {
        self.change_user(token, |user| user.rights = rights);
    }

    /// Changes what the account of this token sees.
    pub fn set_highest_marking(&self, token: &str, highest: Tlp) {
        self.change_user(token, |user| user.highest_marking = highest);
    }

    /// The latest requests, oldest first; of a long run only the last 10,000.
    pub fn requests(&self) -> Vec<OpenCtiRequest> {
        self.shared.requests().lines()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.shared.requests().clear();
    }

    /// Closes the port and every connection, and waits until that is done.
    pub async fn stop(mut self) {
        self.accepting.abort();
        // An aborted task reports its abort; there is nothing else to hear.
        let _aborted = (&mut self.accepting).await;
    }

    fn announce(&self) {
        self.shared.news.send_modify(|count| *count += 1);
    }

    fn change_user(&self, token: &str, change: impl Fn(&mut OpenCtiUser)) {
        let mut users = self
            .shared
            .users
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        users
            .iter_mut()
            .filter(|user| user.token == token)
            .for_each(change);
    }
}

impl Drop for OpenCtiSandbox {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
