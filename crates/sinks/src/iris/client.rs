//! HTTP to one IRIS: the key, TLS, limits, and what kind of fault a failed request is.
//!
//! No cookies (a cookie caches permissions, facts/iris.md §2), no redirects (the key would follow one), no proxy of the
//! environment, and no connection idle for 2 s (IRIS closes it without a word, facts/iris.md §8).

use std::time::Duration;

use alertbridge_tls::Peer;
use bytes::Bytes;
use reqwest::{
    Method, Url,
    header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER},
};

use super::{config::IrisConfig, key};
use crate::SinkError;

const PEER: Peer<'_> = Peer {
    name: "IRIS",
    secret: "the API key",
};
/// IRIS closes a connection that was idle for 2 s.
const IDLE: Duration = Duration::from_millis(1500);
/// No server's wish to be left alone is heeded beyond this.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// One answer, whatever it is.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) location: Option<String>,
    pub(crate) body: Vec<u8>,
    /// The body was longer than the limit; `body` is its beginning.
    pub(crate) truncated: bool,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The operator must mend something: certificate, address.
    Misconfigured(String),
    /// The request was not sent.
    NotSent(String),
    /// The request may have been sent, and done.
    Unclear(String),
}

/// A client of one IRIS.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    /// Without a slash at its end.
    base: String,
    response_limit: usize,
}

impl Client {
    /// # Errors
    /// [`SinkError`] where url, key or TLS settings can't be used.
    pub(crate) fn new(config: &IrisConfig) -> Result<Self, SinkError> {
        let base = base_url(&config.url)?;
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, key::authorization(config)?);
        // The lists and the filter answer 404 in JSON only to a JSON client (facts/iris.md §4).
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(alertbridge_tls::client_config(&config.tls, &PEER)?)
            .user_agent(concat!("alertbridge/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .no_gzip()
            .no_proxy()
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(config.requests_in_flight.max(1))
            .timeout(Duration::from_secs(config.timeout.max(1)))
            .connect_timeout(Duration::from_secs(config.connect_timeout.max(1)));
        if let Some(proxy) = &config.proxy {
            let proxy = reqwest::Proxy::all(proxy).map_err(|_| {
                SinkError::value(
                    "proxy",
                    "must be the address of an HTTP proxy, http://host:port",
                )
            })?;
            builder = builder.proxy(proxy);
        }
        let http = builder
            .build()
            .map_err(|error| SinkError::Client(alertbridge_tls::chain(&error)))?;
        Ok(Self {
            http,
            base,
            response_limit: config.response_limit.max(64 * 1024),
        })
    }

    /// The address of a page of this IRIS.
    pub(crate) fn page(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub(crate) async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Answer, Fault> {
        self.send(Method::GET, path, query, Bytes::new()).await
    }

    pub(crate) async fn post(&self, path: &str, body: Bytes) -> Result<Answer, Fault> {
        self.send(Method::POST, path, &[], body).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Answer, Fault> {
        let url = Url::parse_with_params(&self.page(path), query)
            .map_err(|error| Fault::Misconfigured(format!("`url` can't be used: {error}")))?;
        let url_text = if query.is_empty() {
            self.page(path)
        } else {
            url.to_string()
        };
        let mut request = self.http.request(method, url_text);
        if !body.is_empty() {
            request = request.body(body);
        }
        let mut response = request.send().await.map_err(|error| fault(&error))?;
        let header = |name| {
            response
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned)
        };
        let retry_after = header(RETRY_AFTER).and_then(|text| wish(&text, header(DATE).as_deref()));
        let mut answer = Answer {
            status: response.status().as_u16(),
            content_type: header(CONTENT_TYPE).unwrap_or_default(),
            retry_after,
            location: header(LOCATION),
            body: Vec::new(),
            truncated: false,
        };
        while let Some(chunk) = response.chunk().await.map_err(|error| fault(&error))? {
            let room = self.response_limit - answer.body.len();
            if chunk.len() > room {
                answer.body.extend_from_slice(&chunk[..room]);
                answer.truncated = true;
                break;
            }
            answer.body.extend_from_slice(&chunk);
        }
        Ok(answer)
    }
}

/// The base of a base URL or of the full URL of an integration block.
fn base_url(text: &str) -> Result<String, SinkError> {
    let problem = |what: &str| {
        SinkError::value(
            "url",
            format!("{what}; write it as https://iris.example or https://iris.example/alerts/add"),
        )
    };
    if text.trim().is_empty() {
        return Err(problem("is missing"));
    }
    let url =
        Url::parse(text.trim()).map_err(|error| problem(&format!("is no address ({error})")))?;
    if !["http", "https"].contains(&url.scheme()) || url.host_str().is_none() {
        return Err(problem("must begin with https:// or http://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(problem(
            "holds a user or password; the key belongs into `key_file`",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(problem("must not hold ? or #"));
    }
    let text = url.as_str().trim_end_matches('/');
    let base = text.strip_suffix("/alerts/add").unwrap_or(text);
    Ok(base.trim_end_matches('/').to_owned())
}

/// `Retry-After` in seconds, or as a date to be compared with the answer's own `Date`, so that no clock is needed.
fn wish(retry_after: &str, date: Option<&str>) -> Option<Duration> {
    let wish = match retry_after.trim().parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let read = |text: &str| {
                jiff::fmt::rfc2822::parse(text)
                    .ok()
                    .map(|time| time.timestamp())
            };
            Duration::try_from(read(retry_after)?.duration_since(read(date?)?)).ok()?
        }
    };
    Some(wish.min(LONGEST_RETRY_AFTER))
}

fn fault(error: &reqwest::Error) -> Fault {
    let why = alertbridge_tls::chain(error);
    if let Some(remedy) = alertbridge_tls::cause(error).and_then(alertbridge_tls::remedy) {
        return Fault::Misconfigured(remedy);
    }
    if error.is_builder() {
        return Fault::Misconfigured(format!("the request can't be made: {why}"));
    }
    if error.is_connect() {
        return Fault::NotSent(format!("IRIS can't be reached: {why}"));
    }
    if error.is_timeout() {
        return Fault::Unclear("IRIS did not answer in time".to_owned());
    }
    Fault::Unclear(format!("the connection to IRIS broke: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_url_of_an_integration_block_and_a_base_url_mean_the_same() {
        for (text, expected) in [
            ("https://iris/alerts/add", "https://iris"),
            ("https://iris:8443/", "https://iris:8443"),
            ("https://proxy/iris/alerts/add/", "https://proxy/iris"),
        ] {
            assert_eq!(base_url(text).unwrap(), expected);
        }
        for text in [
            "",
            "iris",
            "ftp://iris",
            "https://user:pw@iris",
            "https://iris/?cid=1",
        ] {
            assert!(base_url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn retry_after_is_understood_as_seconds_and_as_a_date() {
        assert_eq!(wish("7", None), Some(Duration::from_secs(7)));
        let date = Some("Sat, 21 Nov 2026 08:00:00 GMT");
        assert_eq!(
            wish("Sat, 21 Nov 2026 08:00:30 GMT", date),
            Some(Duration::from_secs(30))
        );
        assert_eq!(wish("Sat, 21 Nov 2026 07:00:00 GMT", date), None);
        assert_eq!(wish("99999999", None), Some(LONGEST_RETRY_AFTER));
        assert_eq!(wish("soon", None), None);
    }
}
