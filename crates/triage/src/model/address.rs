//! A server's address: what is written in a configuration, and whether it is in the house.

use std::net::{IpAddr, Ipv6Addr};

use reqwest::Url;
use url::Host;

use super::config_error::ModelConfigError;

/// Endpoints people write into a configuration although the base is meant, longest first.
const ENDPOINTS: [&str; 9] = [
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/models",
    "/api/generate",
    "/api/version",
    "/api/chat",
    "/api/tags",
    "/api",
    "/v1",
];

/// The base of a base URL or of an endpoint's, without a slash at its end.
///
/// # Errors
/// [`ModelConfigError`] where it is no address of HTTP, or holds what belongs elsewhere.
pub(crate) fn base(text: &str) -> Result<Url, ModelConfigError> {
    let problem = |what: &str| {
        ModelConfigError::value(
            "url",
            format!("{what}; write it as http://localhost:11434 or https://models.example"),
        )
    };
    if text.trim().is_empty() {
        return Err(problem("is missing"));
    }
    let mut url =
        Url::parse(text.trim()).map_err(|error| problem(&format!("is no address ({error})")))?;
    if !["http", "https"].contains(&url.scheme()) || url.host_str().is_none() {
        return Err(problem("must begin with https:// or http://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(problem(
            "holds a user or password; they belong into `user` and `password_file`",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(problem("must not hold ? or #"));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    let base = ENDPOINTS
        .iter()
        .find_map(|endpoint| path.strip_suffix(endpoint))
        .unwrap_or(&path);
    url.set_path(base.trim_end_matches('/'));
    Ok(url)
}

/// The address of an endpoint below a base.
pub(crate) fn endpoint(base: &Url, path: &str) -> String {
    format!("{}{path}", base.as_str().trim_end_matches('/'))
}

/// Whether an address is this machine's, a private network's, or a name that only a local resolver knows.
pub(crate) fn is_private(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => is_private_address(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => is_private_address(IpAddr::V6(address)),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            name == "localhost"
                || name.ends_with(".localhost")
                || name.ends_with(".local")
                || (!name.contains('.') && !name.is_empty())
        }
        None => false,
    }
}

fn is_private_address(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => {
            v6 == Ipv6Addr::LOCALHOST || v6.is_unique_local() || v6.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_and_its_base_mean_the_same() {
        for (text, chat) in [
            ("http://h:11434", "http://h:11434/api/chat"),
            ("http://h:11434/", "http://h:11434/api/chat"),
            ("http://h:11434/api/generate", "http://h:11434/api/chat"),
            (" http://h:11434/api/chat/ ", "http://h:11434/api/chat"),
            ("https://ollama.com/api", "https://ollama.com/api/chat"),
            (
                "http://h:8080/v1/chat/completions",
                "http://h:8080/api/chat",
            ),
            ("https://p.example/ai/v1", "https://p.example/ai/api/chat"),
            ("https://p.example/ai", "https://p.example/ai/api/chat"),
        ] {
            assert_eq!(endpoint(&base(text).unwrap(), "/api/chat"), chat, "{text}");
        }
        for text in [
            "",
            "h:11434",
            "ftp://h",
            "http://u:p@h",
            "http://h/?a=1",
            "http://h/#x",
        ] {
            assert!(base(text).is_err(), "{text}");
        }
    }

    #[test]
    fn private_is_what_no_stranger_can_answer_for() {
        for text in [
            "http://localhost:1",
            "http://ollama:11434",
            "http://ollama.:11434",
            "http://gpu.local",
            "http://127.8.9.1",
            "http://10.1.2.3",
            "http://172.31.0.1",
            "http://192.168.7.7",
            "http://[::1]:11434",
            "http://[fd00::5]",
            "http://[fe80::1]",
            "http://[::ffff:10.0.0.1]",
        ] {
            assert!(is_private(&base(text).unwrap()), "{text}");
        }
        for text in [
            "http://api.example.com",
            "http://8.8.8.8",
            "http://172.32.0.1",
            "http://[2001:4860::8888]",
            "http://[::ffff:8.8.8.8]",
            "http://localhost.example.com",
        ] {
            assert!(!is_private(&base(text).unwrap()), "{text}");
        }
    }
}
