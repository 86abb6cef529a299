//! What a test or the demo can choose about the pretended server.

use std::time::Duration;

use jiff::tz::TimeZone;

/// Permission bits of IRIS (facts §2).
pub mod permission {
    /// Every user has this one.
    pub const STANDARD_USER: u32 = 1;
    /// Sees every customer and may do everything.
    pub const SERVER_ADMINISTRATOR: u32 = 2;
    /// `GET /alerts/...`
    pub const ALERTS_READ: u32 = 4;
    /// Add, update, comment, escalate, merge.
    pub const ALERTS_WRITE: u32 = 8;
    /// Delete alerts.
    pub const ALERTS_DELETE: u32 = 16;
    /// Search across cases.
    pub const SEARCH_ACROSS_CASES: u32 = 32;
    /// `GET /manage/customers/list`
    pub const CUSTOMERS_READ: u32 = 64;
    /// Change customers.
    pub const CUSTOMERS_WRITE: u32 = 128;
}

/// Which ids the server gives to the severities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdOrder {
    /// A fresh 2.4 install: Medium is 1, Unspecified 2, and so on.
    Fresh24,
    /// Installed with 2.3 or older: 1 Unspecified to 6 Critical, ascending.
    UpTo23,
}

/// How the server shows itself on TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsKind {
    /// A good certificate, but a client must present one too, see `IrisSandbox::client_identity_pem`.
    ClientCertificateRequired,
    /// Signed by the sandbox's authority, but no longer valid.
    Expired,
    /// A good certificate signed by the sandbox's own authority, see `IrisSandbox::ca_pem`.
    OwnCa,
    /// A certificate that signed itself.
    SelfSigned,
}

/// One account and its API key.
#[derive(Debug, Clone)]
pub struct IrisUser {
    /// Id in the user table; the built-in administrator has 1.
    pub id: i64,
    /// Login and displayed name.
    pub login: String,
    /// API key; the account is found by it.
    pub key: String,
    /// Sum of the bits of [`permission`].
    pub permissions: u32,
    /// Customers the account is linked to; an administrator needs none.
    pub customers: Vec<i64>,
    /// Shown by `/user/whoami`.
    pub service_account: bool,
    /// An inactive account answers like an unknown key.
    pub active: bool,
}

impl IrisUser {
    /// The least an alert forwarder needs: read and write alerts of the given customers.
    pub fn minimal_service_account(id: i64, key: &str, customers: &[i64]) -> IrisUser {
        IrisUser {
            id,
            login: format!("service-{id}"),
            key: key.to_owned(),
            permissions: permission::STANDARD_USER
                | permission::ALERTS_READ
                | permission::ALERTS_WRITE,
            customers: customers.to_vec(),
            service_account: true,
            active: true,
        }
    }

    pub(crate) fn administrator(key: &str) -> IrisUser {
        IrisUser {
            id: 1,
            login: "administrator".to_owned(),
            key: key.to_owned(),
            permissions: 255,
            customers: Vec::new(),
            service_account: false,
            active: true,
        }
    }
}

/// Everything that can be chosen; `IrisOptions::default()` is a fresh v2.4.20 over plain HTTP.
#[derive(Debug, Clone)]
pub struct IrisOptions {
    /// Port on 127.0.0.1; none lets the system choose. A test that restarts a server passes the old one.
    pub port: Option<u16>,
    /// What `/api/versions` says; it also switches features off, e.g. `custom_conditions` before v2.4.17.
    pub version: String,
    /// Severity ids.
    pub ids: IdOrder,
    /// Customers by id and name.
    pub customers: Vec<(i64, String)>,
    /// Key of the built-in administrator; none makes one from the seed.
    pub administrator_key: Option<String>,
    /// Accounts beside the administrator.
    pub users: Vec<IrisUser>,
    /// TLS instead of plain HTTP.
    pub tls: Option<TlsKind>,
    /// Waited before each answer.
    pub latency: Duration,
    /// How long a brand-new tag is looked up but not yet committed: the width of the new-tag race.
    pub new_tag_window: Duration,
    /// An idle connection is closed without a word after this time (facts §8: 2 s).
    pub keep_alive: Duration,
    /// Time zone of the database session, in which event times with an offset are stored (facts §3).
    pub database_time_zone: TimeZone,
    /// Whether each state of each alert is kept, to be read back with `IrisSandbox::versions`. Takes memory with each change.
    pub keep_versions: bool,
    /// Seed of everything random: keys, uuids made here, faults by rate, list order.
    pub seed: u64,
}

impl Default for IrisOptions {
    fn default() -> IrisOptions {
        IrisOptions {
            port: None,
            version: "v2.4.20".to_owned(),
            ids: IdOrder::Fresh24,
            customers: vec![(1, "IrisInitialClient".to_owned())],
            administrator_key: None,
            users: Vec::new(),
            tls: None,
            latency: Duration::ZERO,
            new_tag_window: Duration::from_millis(2),
            keep_alive: Duration::from_secs(2),
            database_time_zone: TimeZone::UTC,
            keep_versions: false,
            seed: 0,
        }
    }
}

impl IrisOptions {
    /// The version as three numbers; what cannot be read counts as the newest.
    pub(crate) fn version_numbers(&self) -> (u32, u32, u32) {
        let mut parts = self
            .version
            .trim_start_matches('v')
            .split(['.', '-'])
            .map(str::parse::<u32>);
        match (parts.next(), parts.next(), parts.next()) {
            (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch))) => (major, minor, patch),
            _ => (u32::MAX, 0, 0),
        }
    }

    /// Ids of all accounts, the built-in administrator's first.
    pub(crate) fn all_user_ids(&self) -> impl Iterator<Item = i64> {
        std::iter::once(1).chain(self.users.iter().map(|user| user.id))
    }

    pub(crate) fn login_of(&self, id: i64) -> &str {
        let user = self.users.iter().find(|user| user.id == id);
        user.map_or("administrator", |user| user.login.as_str())
    }
}
