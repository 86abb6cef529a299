//! OpenCTI as a provider (facts/opencti.md §4).
//!
//! First the whole list by pages; then, with a live stream configured, each change within seconds, else a question for what has changed
//! at every interval; once a day the list of ids, to find what was deleted. Three dialects cover 5.1 to today's versions.
//!
//! What the token's user may not see is not there, without a word from the server: markings above its clearance, other
//! organisations. [`OpenCti::check`] and [`super::SyncState::hint`] say what can be known of that.
//!
//! * [`OpenCti`]: keeps the local copy.
//! * [`LiveLookup`]: asks OpenCTI itself about values, cached and limited in time.
//! * [`SightingClient`]: tells OpenCTI what was seen, with a token of its own.

mod check;
mod config;
mod cut;
mod events;
mod filters;
mod graphql;
mod http;
mod listen;
mod lookup;
mod node;
mod pages;
mod place;
mod poison;
mod queries;
mod reconcile;
mod refusal;
mod sightings;
mod sse;
mod sync;
mod token;
mod version;

use std::{sync::Arc, time::Duration};

pub use check::Finding;
pub use config::{LiveConfig, Mode, OpenCtiConfig, SightingConfig, TlsConfig};
pub use lookup::{Asked, Context, Found, LiveLookup, Looked};
pub use sightings::{Sighting, SightingClient, SightingId};

use self::{graphql::Session, http::Client, refusal::Need, token::TokenPlace};
use super::{Progress, Provider, ProviderError, Stop, SyncFuture};
use crate::IndicatorStore;

/// Keeps a local copy of an OpenCTI's indicators.
#[derive(Debug)]
pub struct OpenCti {
    name: String,
    session: Session,
    config: Settings,
}

/// What the sync needs of the configuration, checked.
#[derive(Debug)]
struct Settings {
    page_size: u32,
    poll: Duration,
    reconcile: Duration,
    timeout: Duration,
    stream: Option<Stream>,
}

/// A live stream.
#[derive(Debug)]
struct Stream {
    id: String,
    url: String,
}

impl OpenCti {
    /// A provider with this name in the configuration. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ProviderError`] where a value of the configuration can't be used; its text names the key.
    pub fn new(name: &str, config: &OpenCtiConfig) -> Result<Self, ProviderError> {
        let client = Client::new(config, read_token(config))?;
        let settings = Settings::of(config, client.base())?;
        Ok(Self {
            name: name.to_owned(),
            session: Session::new(client, Need::Read),
            config: settings,
        })
    }
}

impl Provider for OpenCti {
    fn name(&self) -> &str {
        &self.name
    }

    fn sync<'a>(
        &'a self,
        store: Arc<IndicatorStore>,
        progress: Progress,
        stop: Stop,
    ) -> SyncFuture<'a> {
        Box::pin(sync::run(self, store, progress, stop))
    }
}

/// Where the token for reading is kept.
fn read_token(config: &OpenCtiConfig) -> TokenPlace {
    TokenPlace {
        prefix: "token",
        token: config.token.clone(),
        file: config.token_file.clone(),
        credential: config.token_credential.clone(),
    }
}

impl Settings {
    fn of(config: &OpenCtiConfig, base: &str) -> Result<Self, ProviderError> {
        if !(1..=5000).contains(&config.page_size) {
            return Err(ProviderError::config(
                "page_size",
                "must be from 1 to 5000; OpenCTI gives no more at once",
            ));
        }
        Ok(Self {
            page_size: config.page_size,
            poll: Duration::from_secs(config.poll_interval.max(1)),
            reconcile: Duration::from_secs(config.reconcile_interval.max(60)),
            timeout: Duration::from_secs(config.timeout.max(1)),
            stream: stream(config, base)?,
        })
    }
}

fn stream(config: &OpenCtiConfig, base: &str) -> Result<Option<Stream>, ProviderError> {
    let Some(id) = &config.stream else {
        return match config.stream_url {
            Some(_) => Err(ProviderError::config(
                "stream_url",
                "needs `stream`, the id of the live stream",
            )),
            None => Ok(None),
        };
    };
    let id = id.trim();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if id.is_empty() || !id.bytes().all(plain) {
        return Err(ProviderError::config(
            "stream",
            "must be the id of a live stream (Data > Data sharing > Live streams), like 4f8b5b0e-…",
        ));
    }
    if id == "live" {
        return Err(ProviderError::config(
            "stream",
            "`live` is the raw stream, which only administrators may read; make a live stream and write its id",
        ));
    }
    let url = match &config.stream_url {
        None => format!("{base}/stream/{id}"),
        Some(url) => {
            let origin = |url: &str| url::Url::parse(url).map(|url| url.origin());
            let same = matches!((origin(url), origin(base)), (Ok(a), Ok(b)) if a == b);
            if !same {
                return Err(ProviderError::config(
                    "stream_url",
                    "must be an address at the same host and port as `url`: the token is sent there",
                ));
            }
            url.trim().to_owned()
        }
    };
    Ok(Some(Stream {
        id: id.to_owned(),
        url,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(json: &str) -> Result<OpenCti, ProviderError> {
        OpenCti::new("cti", &serde_json::from_str(json).unwrap())
    }

    #[test]
    fn values_that_can_not_work_are_refused_at_once_by_name() {
        for (json, key) in [
            (r#"{"token":"t"}"#, "`url`"),
            (r#"{"url":"https://cti.example"}"#, "`token_file`"),
            (
                r#"{"url":"https://cti.example","token":"t","page_size":0}"#,
                "`page_size`",
            ),
            (
                r#"{"url":"https://cti.example","token":"t","page_size":9000}"#,
                "`page_size`",
            ),
            (
                r#"{"url":"https://cti.example","token":"t","stream":"live"}"#,
                "administrators",
            ),
            (
                r#"{"url":"https://cti.example","token":"t","stream":"a/../b"}"#,
                "`stream`",
            ),
            (
                r#"{"url":"https://cti.example","token":"t","stream_url":"https://cti.example/x"}"#,
                "`stream_url`",
            ),
            (
                r#"{"url":"https://cti.example","token":"t","stream":"a","stream_url":"https://evil.example/x"}"#,
                "same host",
            ),
            (
                r#"{"url":"https://cti.example","token":"t","tls":{"ca_file":"/nowhere/ca.pem"}}"#,
                "/nowhere/ca.pem",
            ),
        ] {
            let error = provider(json).unwrap_err().to_string();
            assert!(error.contains(key), "{json}: {error}");
        }
    }

    #[test]
    fn a_provider_never_prints_its_token() {
        let provider = provider(
            r#"{"url":"https://cti.example/base/","token":"s3cret-token","stream":"4f8b"}"#,
        )
        .unwrap();
        assert!(!format!("{provider:?}").contains("s3cret"));
        assert_eq!(
            provider.config.stream.unwrap().url,
            "https://cti.example/base/stream/4f8b"
        );
    }
}
