//! Starting and stopping a pretended server, and looking into it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::auth;
use crate::faults::{Edit, Faults, Moment};
use crate::options::{IrisOptions, IrisUser};
use crate::requests::{RequestLine, RequestLog};
use crate::server;
use crate::store::{Store, StoredAlert};
use crate::tls::{TlsError, TlsIdentity};
use crate::update;

/// Why a sandbox could not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
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
    /// The certificates could not be made.
    #[error("the sandbox cannot make its certificates: {0}")]
    Tls(#[from] TlsError),
}

/// A pretended DFIR-IRIS on loopback. Dropping it stops it.
#[derive(Debug)]
pub struct IrisSandbox {
    shared: Arc<Shared>,
    address: SocketAddr,
    identity: Option<TlsIdentity>,
    accepting: JoinHandle<()>,
}

/// What every request sees.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: IrisOptions,
    key: String,
    pub(crate) faults: Faults,
    pub(crate) users: RwLock<Vec<IrisUser>>,
    pub(crate) started: Instant,
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
}

impl IrisSandbox {
    /// Binds a loopback port and serves until stopped or dropped. Must run inside a tokio runtime.
    ///
    /// # Errors
    /// When the port is taken or the certificates cannot be made.
    pub async fn start(options: IrisOptions) -> Result<IrisSandbox, SandboxError> {
        let identity = options.tls.map(TlsIdentity::make).transpose()?;
        let asked = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port.unwrap_or(0)));
        let listen_error = |source| SandboxError::Listen {
            address: asked,
            source,
        };
        let listener = TcpListener::bind(asked).await.map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;
        let mut random = fastrand::Rng::with_seed(options.seed);
        let made_key = format!("{:032x}{:032x}", random.u128(..), random.u128(..));
        let key = options.administrator_key.clone().unwrap_or(made_key);
        let shared = Arc::new(Shared {
            users: RwLock::new(auth::accounts(&options, &key)),
            faults: Faults::new(random.u64(..)),
            store: Mutex::new(Store::new(random.u64(..))),
            requests: Mutex::new(RequestLog::default()),
            started: Instant::now(),
            key,
            options,
        });
        let acceptor = identity.as_ref().map(TlsIdentity::acceptor);
        let accepting = tokio::spawn(server::accept(listener, acceptor, Arc::clone(&shared)));
        Ok(IrisSandbox {
            shared,
            address,
            identity,
            accepting,
        })
    }

    /// Base URL without a final slash.
    pub fn url(&self) -> String {
        let scheme = if self.identity.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}", self.address)
    }

    /// The port, for starting another one at the same place later.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// API key of the built-in administrator.
    pub fn key(&self) -> &str {
        &self.shared.key
    }

    /// Every stored alert in order of creation.
    pub fn alerts(&self) -> Vec<StoredAlert> {
        let store = self.shared.store();
        store
            .alerts
            .values()
            .map(|alert| store.snapshot(alert, &self.shared.options))
            .collect()
    }

    /// What an alert looked like after each change, the oldest first, where [`IrisOptions::keep_versions`] is set. Merging and
    /// escalating add none.
    pub fn versions(&self, alert_id: i64) -> Vec<StoredAlert> {
        self.shared.store().versions.of(alert_id)
    }

    /// A person deletes an alert now, as in the web page. False where there is none.
    pub fn delete(&self, alert_id: i64) -> bool {
        self.shared.store().delete(alert_id)
    }

    /// How many alerts are stored.
    pub fn alert_count(&self) -> usize {
        self.shared.store().alerts.len()
    }

    /// The latest requests, oldest first; of a very long run only the last 100,000.
    pub fn requests(&self) -> Vec<RequestLine> {
        self.shared.requests().lines()
    }

    /// How many requests for this path were answered with this status, over the whole run.
    pub fn request_count(&self, path: &str, status: u16) -> u64 {
        self.shared.requests().count(path, status)
    }

    /// Faults on demand.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// A person changes these columns of an alert now (`{"alert_note": "…"}`), as in the web page; nothing else is changed.
    pub fn edit(&self, alert_id: i64, user_id: i64, columns: &Value) {
        let edit = Edit::new(alert_id, user_id, columns, Moment::Read);
        let mut store = self.shared.store();
        update::edit_by_person(&self.shared, &mut store, edit);
    }

    /// Changes the permissions of the account with this key; a client that keeps cookies will not notice.
    pub fn set_permissions(&self, key: &str, permissions: u32) {
        let mut users = self
            .shared
            .users
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        for user in users.iter_mut().filter(|user| user.key == key) {
            user.permissions = permissions;
        }
    }

    /// Certificate of the authority a client should trust, in PEM; none over plain HTTP. For
    /// `TlsKind::SelfSigned` it is the server's own certificate.
    pub fn ca_pem(&self) -> Option<&str> {
        self.identity
            .as_ref()
            .map(|identity| identity.ca_pem.as_str())
    }

    /// A client certificate followed by its key, in PEM, that `TlsKind::ClientCertificateRequired` accepts.
    pub fn client_identity_pem(&self) -> Option<&str> {
        self.identity
            .as_ref()
            .map(|identity| identity.client_pem.as_str())
    }

    /// The server's own certificate in DER, for tests of pinning; none over plain HTTP.
    pub fn server_certificate_der(&self) -> Option<&[u8]> {
        self.identity
            .as_ref()
            .map(|identity| identity.server_der.as_slice())
    }

    /// Closes the port and every connection, and waits until that is done.
    pub async fn stop(mut self) {
        self.accepting.abort();
        // An aborted task reports its abort; there is nothing else to hear.
        let _aborted = (&mut self.accepting).await;
    }
}

impl Drop for IrisSandbox {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
