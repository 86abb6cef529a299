//! HTTP to one model server: credentials, TLS, limits, and what kind of fault a failed request is.
//!
//! No redirects (the alert would follow one), no cookies, no proxy of the environment, nothing compressed (a compressed stream may
//! be held back by whoever compresses it), and a connection of its own for each request: llama-server promises to keep one open and
//! closes it after a streamed answer all the same, so that a question sent right after another is lost. What the server says in its
//! answers is read by the dialects.

mod stream;

use std::time::Duration;

use alertbridge_tls::Peer;
use reqwest::{
    Method, Response, Url,
    header::{AUTHORIZATION, CONTENT_TYPE, LOCATION, RETRY_AFTER},
};
use serde_json::Value;
use tokio::time::{Instant, timeout};

pub(crate) use self::stream::Stream;
use self::stream::{Limits, no_token, pause, too_long};
use super::{
    address,
    config::ModelConfig,
    config_error::ModelConfigError,
    credentials::Credentials,
    failure::{FailureClass, ModelError},
    question::Question,
    quote::quote,
};

/// Bytes of a whole answer: a list of models, or an error.
const WHOLE_LIMIT: usize = 4 << 20;
/// For a question that touches no model.
const LOOK_LIMIT: Duration = Duration::from_secs(15);
/// Seconds that any limit is at most: a day.
const LONGEST_LIMIT: u64 = 86_400;
/// No server's wish to be left alone is heeded beyond this.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3600);
const PEER: Peer<'_> = Peer {
    name: "the model server",
    secret: "the alerts and the key",
};

/// A client of one server.
#[derive(Debug)]
pub(crate) struct Http {
    client: reqwest::Client,
    base: Url,
    credentials: Credentials,
    limits: Limits,
}

/// A whole answer, whatever it is.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) retry_after: Option<Duration>,
    /// Where a redirect leads, without its query.
    pub(crate) location: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// An answer that comes piece by piece, or one that is not what was hoped for.
#[derive(Debug)]
pub(crate) enum Streamed {
    Refused(Answer),
    Stream(Stream),
}

impl Http {
    /// # Errors
    /// [`ModelConfigError`] where address, credentials or TLS settings can't be used.
    pub(crate) fn new(config: &ModelConfig) -> Result<Self, ModelConfigError> {
        let seconds = |seconds: u64| Duration::from_secs(seconds.clamp(1, LONGEST_LIMIT));
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(alertbridge_tls::client_config(&config.tls, &PEER)?)
            .user_agent(concat!("alertbridge/", env!("CARGO_PKG_VERSION")))
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .no_gzip()
            .no_proxy()
            .pool_max_idle_per_host(0)
            .connect_timeout(seconds(config.connect_timeout))
            .build()
            .map_err(|error| ModelConfigError::Client(alertbridge_tls::chain(&error)))?;
        Ok(Self {
            client,
            base: address::base(&config.url)?,
            credentials: Credentials::read(config)?,
            limits: Limits {
                first_byte: seconds(config.first_byte_timeout),
                idle: seconds(config.idle_timeout),
                whole: seconds(config.whole_timeout),
            },
        })
    }

    /// The address of an endpoint, for a text.
    pub(crate) fn endpoint(&self, path: &str) -> String {
        address::endpoint(&self.base, path)
    }

    /// A server's words, fit to be shown.
    pub(crate) fn quote(&self, text: &str, question: Option<&Question>) -> String {
        quote(text, &self.credentials, question)
    }

    /// Asks for something that touches no model.
    ///
    /// # Errors
    /// [`ModelError`] where there is no whole answer; one with another status than 200 is none of these.
    pub(crate) async fn look(
        &self,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, ModelError> {
        self.whole_answer(path, body, LOOK_LIMIT).await
    }

    /// Asks for something that may have to load the model.
    ///
    /// # Errors
    /// [`ModelError`] where there is no whole answer.
    pub(crate) async fn load(&self, path: &str, body: &Value) -> Result<Answer, ModelError> {
        self.whole_answer(path, Some(body), self.limits.first_byte)
            .await
    }

    async fn whole_answer(
        &self,
        path: &str,
        body: Option<&Value>,
        limit: Duration,
    ) -> Result<Answer, ModelError> {
        let asked = async {
            let response = self.send(path, body).await?;
            self.read(response).await
        };
        timeout(limit, asked).await.unwrap_or_else(|_| {
            Err(ModelError::new(
                FailureClass::TimeoutFirstByte,
                format!(
                    "the model server did not answer {path} within {} s",
                    limit.as_secs()
                ),
            ))
        })
    }

    /// Sends a question whose answer comes piece by piece.
    ///
    /// # Errors
    /// [`ModelError`] where nothing came back.
    pub(crate) async fn stream(&self, path: &str, body: &Value) -> Result<Streamed, ModelError> {
        let started = Instant::now();
        let sent = self.send(path, Some(body));
        let response = match timeout(self.limits.first_byte.min(self.limits.whole), sent).await {
            Ok(response) => response?,
            Err(_) if self.limits.whole < self.limits.first_byte => {
                return Err(too_long(self.limits.whole));
            }
            Err(_) => return Err(no_token(self.limits.first_byte)),
        };
        if response.status() != reqwest::StatusCode::OK {
            let read = timeout(self.limits.idle, self.read(response)).await;
            return read
                .unwrap_or_else(|_| Err(pause(self.limits.idle)))
                .map(Streamed::Refused);
        }
        Ok(Streamed::Stream(Stream::new(
            response,
            started,
            self.limits,
        )))
    }

    async fn send(&self, path: &str, body: Option<&Value>) -> Result<Response, ModelError> {
        let method = body.map_or(Method::GET, |_| Method::POST);
        let mut request = self.client.request(method, self.endpoint(path));
        if let Some(header) = &self.credentials.header {
            request = request.header(AUTHORIZATION, header.clone());
        }
        if let Some(body) = body {
            request = request
                .header(CONTENT_TYPE, "application/json")
                .body(body.to_string());
        }
        request.send().await.map_err(|error| fault(&error))
    }

    async fn read(&self, mut response: Response) -> Result<Answer, ModelError> {
        let location = header(&response, LOCATION.as_str());
        let location = self
            .base
            .join(&location)
            .ok()
            .filter(|_| !location.is_empty());
        let mut answer = Answer {
            status: response.status().as_u16(),
            content_type: header(&response, CONTENT_TYPE.as_str()),
            retry_after: header(&response, RETRY_AFTER.as_str())
                .trim()
                .parse::<u64>()
                .ok()
                .map(|seconds| Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER)),
            location: location
                .map(|url| format!("{}{}", url.origin().ascii_serialization(), url.path())),
            body: Vec::new(),
        };
        while let Some(chunk) = response.chunk().await.map_err(|error| fault(&error))? {
            if answer.body.len() + chunk.len() > WHOLE_LIMIT {
                return Err(ModelError::new(
                    FailureClass::NotTheServer,
                    format!("an answer of the model server is longer than {WHOLE_LIMIT} bytes"),
                ));
            }
            answer.body.extend_from_slice(&chunk);
        }
        Ok(answer)
    }
}

impl Answer {
    /// The body as JSON, where it is some.
    pub(crate) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// Whether it is a page for people, as proxies and portals send it.
    pub(crate) fn is_page(&self) -> bool {
        self.content_type.starts_with("text/html") || self.body.trim_ascii_start().starts_with(b"<")
    }
}

fn header(response: &Response, name: &str) -> String {
    let value = response.headers().get(name);
    value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned()
}

fn fault(error: &reqwest::Error) -> ModelError {
    if let Some(remedy) = alertbridge_tls::cause(error).and_then(alertbridge_tls::remedy) {
        return ModelError::new(FailureClass::Misconfigured, remedy);
    }
    let why = alertbridge_tls::chain(error);
    if error.is_builder() {
        let text = format!("the request can't be made: {why}");
        return ModelError::new(FailureClass::Misconfigured, text);
    }
    let text = if error.is_connect() {
        format!("the model server can't be reached: {why}; does it run, and is `url` right?")
    } else {
        format!("the connection to the model server broke: {why}")
    };
    ModelError::new(FailureClass::Connect, text)
}
