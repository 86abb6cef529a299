//! `[triage.model]`: which model is asked, where, and how long.

use std::path::PathBuf;

use alertbridge_tls::TlsConfig;
use secrecy::SecretString;
use serde::Deserialize;

use super::{address, config_error::ModelConfigError};

/// One model at one server.
///
/// ```
/// use alertbridge_triage::model::ModelConfig;
///
/// let config: ModelConfig =
///     serde_json::from_str(r#"{"url":"http://localhost:11434/api/generate","model":"phi4-mini"}"#).unwrap();
/// assert!(config.is_private());
/// assert_eq!(config.context_tokens, 8192);
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelConfig {
    /// The server's address, with or without the path of an endpoint.
    pub url: String,
    /// Which language the server speaks.
    pub dialect: Dialect,
    /// The model's name as the server knows it.
    pub model: String,
    /// Tokens that prompt and answer take together. Ollama is told them; other servers have their own, and this must not be larger.
    pub context_tokens: u32,
    /// Tokens of the answer at most.
    pub answer_tokens: u32,
    /// 0 for the same answer to the same question.
    pub temperature: f64,
    /// How long Ollama keeps the model loaded after a question: `30m`, seconds, or -1 for ever.
    pub keep_alive: String,
    /// Models of Ollama that run on ollama.com, default false: an alert would leave the house.
    pub allow_cloud: bool,
    /// Let the model think before it answers, default false: slower, and what it thinks is thrown away.
    pub thinking: bool,
    /// A key for `Authorization: Bearer`. Better in a file.
    pub api_key: Option<SecretString>,
    /// The file that holds it. Read at the start.
    pub api_key_file: Option<PathBuf>,
    /// A user for basic authentication, where a proxy wants one.
    pub user: Option<String>,
    /// That user's password.
    pub password: Option<SecretString>,
    /// The file that holds it. Read at the start.
    pub password_file: Option<PathBuf>,
    /// TLS.
    pub tls: TlsConfig,
    /// Seconds for a connection, from 1.
    pub connect_timeout: u64,
    /// Seconds until the first token, from 1: loading the model and reading the prompt come before it.
    pub first_byte_timeout: u64,
    /// Seconds between two tokens, from 1.
    pub idle_timeout: u64,
    /// Seconds for the whole answer, from 1.
    pub whole_timeout: u64,
}

/// The language of a model server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// Ollama's own: the only one in which the size of the context can be asked for.
    #[default]
    Ollama,
    /// What OpenAI made usual: llama-server, vLLM, LM Studio, and services.
    OpenAi,
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self {
            url: "http://localhost:11434".to_owned(),
            dialect: Dialect::default(),
            model: "phi4-mini:latest".to_owned(),
            context_tokens: 8192,
            answer_tokens: 1024,
            temperature: 0.0,
            keep_alive: "30m".to_owned(),
            allow_cloud: false,
            thinking: false,
            api_key: None,
            api_key_file: None,
            user: None,
            password: None,
            password_file: None,
            tls: TlsConfig::default(),
            connect_timeout: 5,
            first_byte_timeout: 300,
            idle_timeout: 60,
            whole_timeout: 600,
        }
    }
}

impl ModelConfig {
    /// Whether what is sent stays in the house: the address is this machine's, a private one or a local name, and no cloud may stand
    /// behind it. Where it does not stay, names and addresses are to be replaced first (facts/ai.md §4.1).
    ///
    /// An address that can't be read is not private. Names are not looked up: a name with a dot in it may lead anywhere.
    pub fn is_private(&self) -> bool {
        !self.allow_cloud
            && !is_cloud_name(&self.model)
            && address::base(&self.url).is_ok_and(|url| address::is_private(&url))
    }
}

impl ModelConfig {
    /// # Errors
    /// [`ModelConfigError`] for a value that makes no sense by itself or beside another.
    pub(crate) fn check(&self) -> Result<(), ModelConfigError> {
        let bad = |key, problem: &str| Err(ModelConfigError::value(key, problem));
        let url = address::base(&self.url)?;
        if self.model.trim().is_empty() {
            return bad(
                "model",
                "is missing; name it as the server does, e.g. `phi4-mini:latest`",
            );
        }
        if self.dialect == Dialect::Ollama && !self.allow_cloud {
            let of_ollama = |host: &str| host == "ollama.com" || host.ends_with(".ollama.com");
            if url.host_str().is_some_and(of_ollama) {
                return bad(
                    "url",
                    "alerts would be sent to ollama.com; if that is allowed, set `allow_cloud = true`",
                );
            }
        }
        if !self.allow_cloud && is_cloud_name(&self.model) {
            return bad(
                "model",
                "this model runs on ollama.com, alerts would be sent there; name a local model, or set `allow_cloud = true`",
            );
        }
        if !(512..=4_194_304).contains(&self.context_tokens) {
            return bad("context_tokens", "must be from 512 to 4194304");
        }
        if self.answer_tokens < 64 || self.answer_tokens > self.context_tokens / 2 {
            return bad(
                "answer_tokens",
                "must be from 64 to half of `context_tokens`",
            );
        }
        if !(0.0..=2.0).contains(&self.temperature) {
            return bad("temperature", "must be from 0 to 2");
        }
        if !is_duration(&self.keep_alive) {
            return bad(
                "keep_alive",
                "must be a time like `30m`, `1h30m`, a number of seconds, or -1 for ever",
            );
        }
        Ok(())
    }
}

/// Whether Go reads it as a duration, or it is a number of seconds.
fn is_duration(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    if text.is_empty() || !text.starts_with(|c: char| c.is_ascii_digit()) {
        return false;
    }
    if text.parse::<u32>().is_ok() {
        return true;
    }
    let mut rest = text;
    while !rest.is_empty() {
        let number = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let unit = number.trim_start_matches(|c: char| c.is_ascii_lowercase());
        let name = &number[..number.len() - unit.len()];
        if number.len() == rest.len() || !["ms", "s", "m", "h"].contains(&name) {
            return false;
        }
        rest = unit;
    }
    true
}

/// Whether a model's name says that ollama.com runs it: `…:cloud`, `…-cloud` (facts/ai.md §1.8).
pub(crate) fn is_cloud_name(model: &str) -> bool {
    let name = model.trim().to_ascii_lowercase();
    let name = name.strip_suffix(":latest").unwrap_or(&name);
    name.ends_with(":cloud") || name.ends_with("-cloud")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_refused_by_name_and_no_secret_is_ever_printed() {
        let error = serde_json::from_str::<ModelConfig>(r#"{"modell":"phi4-mini"}"#).unwrap_err();
        assert!(error.to_string().contains("modell"));
        let config: ModelConfig =
            serde_json::from_str(r#"{"api_key":"s3cret","password":"s3cret"}"#).unwrap();
        assert!(!format!("{config:?}").contains("s3cret"));
    }

    #[test]
    fn only_an_address_in_the_house_is_private_and_a_cloud_model_never_is() {
        let with = |url: &str, model: &str, allow_cloud| ModelConfig {
            url: url.to_owned(),
            model: model.to_owned(),
            allow_cloud,
            ..ModelConfig::default()
        };
        assert!(with("http://127.0.0.1:11434", "phi4-mini", false).is_private());
        assert!(!with("http://127.0.0.1:11434", "gpt-oss:120b-cloud", false).is_private());
        assert!(!with("http://127.0.0.1:11434", "kimi-k2:Cloud", false).is_private());
        assert!(!with("http://127.0.0.1:11434", "phi4-mini", true).is_private());
        assert!(!with("https://api.example.com", "phi4-mini", false).is_private());
        assert!(!with("nonsense", "phi4-mini", false).is_private());
    }

    #[test]
    fn a_value_that_makes_no_sense_is_refused_by_its_key() {
        for (json, key) in [
            (r#"{"url":""}"#, "url"),
            (
                r#"{"url":"https://ollama.com/api","model":"gpt-oss:120b"}"#,
                "allow_cloud",
            ),
            (r#"{"model":" "}"#, "model"),
            (r#"{"model":"gpt-oss:120b-cloud"}"#, "allow_cloud"),
            (r#"{"context_tokens":100}"#, "context_tokens"),
            (r#"{"context_tokens":1024}"#, "answer_tokens"),
            (r#"{"temperature":3.0}"#, "temperature"),
            (r#"{"keep_alive":"soon"}"#, "keep_alive"),
            (r#"{"keep_alive":"30"}"#, ""),
            (r#"{"keep_alive":"-1"}"#, ""),
            (r#"{"keep_alive":"1h30m"}"#, ""),
            (r#"{"model":"gpt-oss:120b-cloud","allow_cloud":true}"#, ""),
            ("{}", ""),
        ] {
            let config: ModelConfig = serde_json::from_str(json).unwrap();
            match config.check() {
                Ok(()) => assert_eq!(key, "", "{json}"),
                Err(error) => {
                    let text = error.to_string();
                    assert!(!key.is_empty() && text.contains(key), "{json}: {text}");
                }
            }
        }
    }
}
