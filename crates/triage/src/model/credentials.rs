//! The key or password a server wants, read once and kept secret.

use std::path::Path;

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use super::{config::ModelConfig, config_error::ModelConfigError};

/// What goes into `Authorization`, and what no error text may repeat.
#[derive(Clone, Debug, Default)]
pub(crate) struct Credentials {
    pub(crate) header: Option<HeaderValue>,
    secret: Option<SecretString>,
}

impl Credentials {
    /// # Errors
    /// [`ModelConfigError`] where a file can't be read, where two kinds are given, or where a header can't hold them.
    pub(crate) fn read(config: &ModelConfig) -> Result<Self, ModelConfigError> {
        let key = secret(
            "api_key",
            "api_key_file",
            config.api_key.as_ref(),
            config.api_key_file.as_deref(),
        )?;
        let password = secret(
            "password",
            "password_file",
            config.password.as_ref(),
            config.password_file.as_deref(),
        )?;
        let (place, text, secret) = match (key, &config.user, password) {
            (None, None, None) => return Ok(Self::default()),
            (Some(key), None, None) => ("api_key", format!("Bearer {}", key.expose_secret()), key),
            (None, Some(user), Some(password)) if !user.contains(':') && !user.is_empty() => {
                let both = format!("{user}:{}", password.expose_secret());
                (
                    "password",
                    format!("Basic {}", STANDARD.encode(both)),
                    password,
                )
            }
            (None, Some(_), Some(_)) => {
                return Err(ModelConfigError::value(
                    "user",
                    "must not be empty and must not hold a colon",
                ));
            }
            (None, _, _) => {
                return Err(ModelConfigError::value(
                    "user",
                    "`user` and `password_file` are given together or not at all",
                ));
            }
            (Some(_), _, _) => {
                return Err(ModelConfigError::value(
                    "api_key_file",
                    "give either a key or `user` and `password_file`: both stand in the same header",
                ));
            }
        };
        let mut header = HeaderValue::from_str(&text).map_err(|_| {
            ModelConfigError::value(
                place,
                "holds characters that no key has; it must hold the key alone, on one line",
            )
        })?;
        header.set_sensitive(true);
        Ok(Self {
            header: Some(header),
            secret: Some(secret),
        })
    }

    /// Takes the secret out of a text that a server wrote.
    pub(crate) fn hide_in(&self, text: &str) -> String {
        match &self.secret {
            Some(secret) if text.contains(secret.expose_secret()) => {
                text.replace(secret.expose_secret(), "[the configured secret]")
            }
            _ => text.to_owned(),
        }
    }
}

fn secret(
    key: &'static str,
    file_key: &'static str,
    inline: Option<&SecretString>,
    file: Option<&Path>,
) -> Result<Option<SecretString>, ModelConfigError> {
    let (place, text) = match (inline, file) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            return Err(ModelConfigError::value(
                file_key,
                format!("give only one of `{key}` and `{file_key}`"),
            ));
        }
        (Some(inline), None) => (key, inline.clone()),
        (None, Some(path)) => {
            let read = std::fs::read_to_string(path).map(SecretString::from);
            let text = read.map_err(|source| ModelConfigError::File {
                key: file_key,
                path: path.to_owned(),
                source,
            })?;
            (file_key, text)
        }
    };
    let text = text.expose_secret().trim();
    if text.is_empty() {
        return Err(ModelConfigError::value(
            place,
            "is empty; leave the key out where the server wants none",
        ));
    }
    Ok(Some(SecretString::from(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: serde_json::Value) -> Result<Credentials, ModelConfigError> {
        Credentials::read(&serde_json::from_value(json).unwrap())
    }

    #[test]
    fn a_key_goes_as_bearer_and_a_user_as_basic_and_neither_is_printed() {
        let key = of(serde_json::json!({"api_key": "s3cret\n"})).unwrap();
        assert_eq!(
            key.header.as_ref().unwrap().to_str().unwrap(),
            "Bearer s3cret"
        );
        assert!(!format!("{key:?}").contains("s3cret"));
        assert_eq!(
            key.hide_in("wrong key s3cret"),
            "wrong key [the configured secret]"
        );
        let basic = of(serde_json::json!({"user": "ab", "password": "s3cret"})).unwrap();
        let header = basic.header.as_ref().unwrap();
        assert_eq!(header.to_str().unwrap(), "Basic YWI6czNjcmV0");
        assert!(!format!("{basic:?}").contains("czNjcmV0"));
        assert!(of(serde_json::json!({})).unwrap().header.is_none());
    }

    #[test]
    fn what_contradicts_itself_or_can_not_be_read_is_refused_by_its_key() {
        for (json, key) in [
            (
                serde_json::json!({"api_key": "a", "api_key_file": "/b"}),
                "api_key_file",
            ),
            (
                serde_json::json!({"api_key": "a", "user": "u", "password": "p"}),
                "api_key_file",
            ),
            (serde_json::json!({"user": "u"}), "user"),
            (serde_json::json!({"user": "u:v", "password": "p"}), "user"),
            (serde_json::json!({"api_key": " \n"}), "api_key"),
            (serde_json::json!({"api_key": "s3cret\nx"}), "api_key"),
            (
                serde_json::json!({"password_file": "/nowhere/at/all", "user": "u"}),
                "/nowhere",
            ),
        ] {
            let text = of(json).unwrap_err().to_string();
            assert!(text.contains(key) && !text.contains("s3cret"), "{text}");
        }
    }
}
