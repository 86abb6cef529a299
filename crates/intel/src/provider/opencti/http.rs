//! HTTP to one OpenCTI: TLS, limits, and what kind of fault a failed request is.
//!
//! No redirects (the token would follow one), no cookies, no proxy of the environment. A User-Agent that stays the same, because
//! OpenCTI counts requests by address and User-Agent (facts/opencti.md §1). What is not OpenCTI's answer (a proxy's page, a login
//! form) is told apart here; what OpenCTI says in its answers is read in [`super::refusal`].

use std::time::Duration;

use alertbridge_tls::Peer;
use reqwest::{
    Response, StatusCode, Url,
    header::{
        ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER,
    },
};

use super::{
    config::OpenCtiConfig,
    token::{Token, TokenPlace},
};
use crate::provider::{ErrorKind, ProviderError, fields};

const PEER: Peer<'_> = Peer {
    name: "OpenCTI",
    secret: "the token",
};
/// No server's wish to be left alone is heeded beyond this.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// A client of one OpenCTI with one token.
#[derive(Debug)]
pub(crate) struct Client {
    /// For questions: compressed, with a time limit for the whole answer.
    questions: reqwest::Client,
    /// For the live stream: neither.
    streams: reqwest::Client,
    token: Token,
    base: Url,
    response_limit: usize,
}

impl Client {
    /// # Errors
    /// [`ProviderError`] where url, token or TLS settings can't be used.
    pub(crate) fn new(config: &OpenCtiConfig, token: TokenPlace) -> Result<Self, ProviderError> {
        let base = base_url(&config.url)?;
        let token = Token::read(token)?;
        let build = |builder: reqwest::ClientBuilder| {
            builder.build().map_err(|error| {
                ProviderError::operator(
                    ErrorKind::Config,
                    format!(
                        "the HTTP client can't be built: {}",
                        alertbridge_tls::chain(&error)
                    ),
                )
            })
        };
        let timeout = Duration::from_secs(config.timeout.max(1));
        Ok(Self {
            questions: build(builder(config)?.gzip(true).timeout(timeout))?,
            streams: build(builder(config)?.no_gzip())?,
            token,
            base,
            response_limit: config.response_limit.max(64 * 1024),
        })
    }

    /// The console's address without a slash at its end.
    pub(crate) fn base(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// The token may have been replaced where it is kept.
    pub(crate) fn refresh_token(&self) {
        self.token.refresh();
    }

    /// Sends a GraphQL request and reads the whole answer; `limit` is for this one request where it is shorter than the usual one.
    /// An answer with another status than 200 is handed back too where it is JSON: GraphQL errors can stand in it.
    ///
    /// # Errors
    /// [`ProviderError`] where nobody answered, or not OpenCTI did.
    pub(crate) async fn graphql(
        &self,
        body: String,
        limit: Option<Duration>,
    ) -> Result<Vec<u8>, ProviderError> {
        let url = format!("{}/graphql", self.base());
        let mut request = self
            .questions
            .post(url)
            .header(AUTHORIZATION, self.token.header())
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json")
            // Else a user who has a draft open would be asked inside that draft (facts/opencti.md §1).
            .header("opencti-draft-id", "")
            .body(body);
        if let Some(limit) = limit {
            request = request.timeout(limit);
        }
        let mut response = request.send().await.map_err(|error| fault(&error))?;
        let mut bytes = Vec::new();
        let json = header(&response, &CONTENT_TYPE).is_some_and(|kind| kind.contains("json"));
        if response.status() != StatusCode::OK && !json {
            return Err(self.not_ok(&response));
        }
        while let Some(chunk) = response.chunk().await.map_err(|error| fault(&error))? {
            if bytes.len() + chunk.len() > self.response_limit {
                return Err(ProviderError::passing(
                    ErrorKind::Answer,
                    format!(
                        "an answer of OpenCTI is longer than `response_limit` ({} bytes)",
                        self.response_limit
                    ),
                ));
            }
            bytes.extend_from_slice(&chunk);
        }
        if bytes.trim_ascii_start().starts_with(b"<") {
            return Err(web_page());
        }
        let is_graphql = bytes
            .windows(8)
            .any(|part| part == b"\"errors\"" || part.starts_with(b"\"data\""));
        if response.status() != StatusCode::OK && !is_graphql {
            return Err(self.not_ok(&response));
        }
        Ok(bytes)
    }

    /// Opens the live stream at `url`; its body has no end.
    ///
    /// # Errors
    /// [`ProviderError`] where there is no stream to be had.
    pub(crate) async fn stream(
        &self,
        url: &str,
        headers: &[(&'static str, String)],
        limit: Duration,
    ) -> Result<Response, ProviderError> {
        let mut request = self
            .streams
            .get(url)
            .header(AUTHORIZATION, self.token.header())
            .header(ACCEPT, "text/event-stream");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let response = tokio::time::timeout(limit, request.send())
            .await
            .map_err(|_| timeout())?
            .map_err(|error| fault(&error))?;
        let events = header(&response, &CONTENT_TYPE)
            .is_some_and(|kind| kind.starts_with("text/event-stream"));
        match response.status() {
            StatusCode::OK if events => Ok(response),
            StatusCode::OK => Err(web_page()),
            StatusCode::UNAUTHORIZED => Err(ProviderError::operator(
                ErrorKind::Stream,
                "OpenCTI refuses the live stream (401): the id in `stream` is unknown, or the token's user lacks the capability \
                 \"Access data sharing\" (TAXIIAPI), or may not see this stream; meanwhile OpenCTI is asked at intervals",
            )),
            StatusCode::GONE => Err(ProviderError::operator(
                ErrorKind::Stream,
                "the live stream is stopped (410): start it in Data > Data sharing > Live streams; meanwhile OpenCTI is asked \
                 at intervals",
            )),
            StatusCode::NOT_FOUND => Err(ProviderError::operator(
                ErrorKind::Stream,
                "there is no live stream at this address (404): check `stream`; meanwhile OpenCTI is asked at intervals",
            )),
            _ => Err(self.not_ok(&response)),
        }
    }

    /// What an answer means that is neither 200 nor GraphQL.
    fn not_ok(&self, response: &Response) -> ProviderError {
        let status = response.status();
        let number = status.as_u16();
        let foreign = |text: String| ProviderError::operator(ErrorKind::NotTheServer, text);
        match number {
            300..=399 => {
                let target = header(response, &LOCATION)
                    .and_then(|to| self.base.join(&to).ok())
                    .map_or_else(|| "another address".to_owned(), |url| {
                        format!("{}{}", url.origin().ascii_serialization(), url.path())
                    });
                foreign(format!(
                    "`url` leads elsewhere ({number}, to {target}); redirects are not followed, so that the token goes nowhere else: \
                     write OpenCTI's final address into `url`"
                ))
            }
            401 | 407 => foreign(format!(
                "a proxy in front of OpenCTI asks for a login of its own ({number}; OpenCTI itself never does here); let it pass \
                 requests with a Bearer token"
            )),
            403 => foreign(
                "a proxy or firewall in front of OpenCTI blocks the request (403); let this machine pass".to_owned(),
            ),
            404 | 405 => foreign(format!(
                "there is no OpenCTI at `url` ({number} for {}/graphql); is the base path right?",
                self.base()
            )),
            413 => ProviderError::operator(
                ErrorKind::NotTheServer,
                "a proxy in front of OpenCTI finds the request too large (413); let it pass bodies of 1 MB",
            ),
            429 => {
                let wish = header(response, &RETRY_AFTER)
                    .and_then(|text| wish(&text, header(response, &DATE).as_deref()));
                ProviderError::passing(
                    ErrorKind::Busy,
                    "OpenCTI or its proxy finds that we ask too often (429); waiting",
                )
                .wait(Some(wish.unwrap_or(Duration::from_secs(10))))
            }
            500..=599 => {
                let wish = header(response, &RETRY_AFTER)
                    .and_then(|text| wish(&text, header(response, &DATE).as_deref()));
                ProviderError::passing(
                    ErrorKind::Busy,
                    format!("OpenCTI or its proxy has a fault ({number}); it is tried again"),
                )
                .wait(wish)
            }
            _ => foreign(format!(
                "not OpenCTI answers at `url` but something else ({number}); check the address"
            )),
        }
    }
}

fn builder(config: &OpenCtiConfig) -> Result<reqwest::ClientBuilder, ProviderError> {
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(alertbridge_tls::client_config(&config.tls, &PEER)?)
        .user_agent(concat!("alertbridge/", env!("CARGO_PKG_VERSION")))
        .http1_only()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(Duration::from_secs(config.connect_timeout.max(1)));
    if let Some(proxy) = &config.proxy {
        let proxy = reqwest::Proxy::all(proxy).map_err(|_| {
            ProviderError::config(
                "proxy",
                "must be the address of an HTTP proxy, http://host:port",
            )
        })?;
        builder = builder.proxy(proxy);
    }
    Ok(builder)
}

/// The console's address; that of its GraphQL endpoint means the same.
fn base_url(text: &str) -> Result<Url, ProviderError> {
    let problem = |what: &str| {
        ProviderError::config(
            "url",
            format!("{what}; write it as https://opencti.example"),
        )
    };
    if text.trim().is_empty() {
        return Err(problem("is missing"));
    }
    let text = text.trim().trim_end_matches('/');
    let text = text.strip_suffix("/graphql").unwrap_or(text);
    let url = Url::parse(text).map_err(|error| problem(&format!("is no address ({error})")))?;
    if !["http", "https"].contains(&url.scheme()) || url.host_str().is_none() {
        return Err(problem("must begin with https:// or http://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(problem(
            "holds a user or password; a token belongs into `token_file`",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(problem("must not hold ? or #"));
    }
    Ok(url)
}

fn header(response: &Response, name: &HeaderName) -> Option<String> {
    let value: &HeaderValue = response.headers().get(name)?;
    value.to_str().ok().map(str::to_owned)
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

fn web_page() -> ProviderError {
    ProviderError::passing(
        ErrorKind::NotTheServer,
        "a web page came instead of OpenCTI's answer: a proxy's maintenance or login page stands in front of it, or `url` lacks \
         the base path; it is tried again",
    )
}

fn timeout() -> ProviderError {
    ProviderError::passing(ErrorKind::Timeout, "OpenCTI did not answer in time")
}

/// What a failed connection means.
pub(crate) fn fault(error: &reqwest::Error) -> ProviderError {
    if let Some(remedy) = alertbridge_tls::cause(error).and_then(alertbridge_tls::remedy) {
        return ProviderError::operator(ErrorKind::Tls, remedy);
    }
    let why = fields::clean(&alertbridge_tls::chain(error), 300).unwrap_or_default();
    if error.is_builder() {
        return ProviderError::operator(
            ErrorKind::Config,
            format!("the request can't be made: {why}"),
        );
    }
    if error.is_timeout() {
        return timeout();
    }
    if error.is_connect() {
        return ProviderError::passing(
            ErrorKind::Unreachable,
            format!("OpenCTI can't be reached: {why}"),
        );
    }
    ProviderError::passing(
        ErrorKind::Unreachable,
        format!("the connection to OpenCTI broke: {why}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_console_and_its_graphql_endpoint_mean_the_same() {
        for (text, expected) in [
            ("https://cti.example/", "https://cti.example/"),
            ("https://cti.example/graphql", "https://cti.example/"),
            (
                " https://proxy.example/cti/graphql/ ",
                "https://proxy.example/cti",
            ),
        ] {
            assert_eq!(base_url(text).unwrap().as_str(), expected);
        }
        for text in [
            "",
            "cti",
            "ftp://cti.example",
            "https://u:p@cti.example",
            "https://cti.example/?a=1",
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
