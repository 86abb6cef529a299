//! The API key: read once, kept secret.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use super::config::IrisConfig;
use crate::SinkError;

/// The `Authorization` header with the configured key, marked as sensitive so that no log shows it.
///
/// # Errors
/// [`SinkError`] where not exactly one source of the key is given, a file can't be read, or the key can't stand in a header.
pub(crate) fn authorization(config: &IrisConfig) -> Result<HeaderValue, SinkError> {
    let (name, key) = match (&config.key, &config.key_file, &config.key_credential) {
        (Some(key), None, None) => ("key", key.clone()),
        (None, Some(path), None) => ("key_file", read("key_file", path)?),
        (None, None, Some(name)) => (
            "key_credential",
            read(
                "key_credential",
                &credential(name, std::env::var_os("CREDENTIALS_DIRECTORY"))?,
            )?,
        ),
        (None, None, None) => {
            return Err(SinkError::value(
                "key_file",
                "is missing: name the file that holds the API key of IRIS (My settings > API key)",
            ));
        }
        _ => {
            return Err(SinkError::value(
                "key_file",
                "give only one of `key`, `key_file` and `key_credential`",
            ));
        }
    };
    let text = key.expose_secret().trim();
    if text.is_empty() {
        return Err(SinkError::value(
            name,
            "is empty; it must hold the API key of IRIS",
        ));
    }
    let mut header = HeaderValue::from_str(&format!("Bearer {text}")).map_err(|_| {
        SinkError::value(
            name,
            "holds characters that no API key has; it must hold the key alone, on one line",
        )
    })?;
    header.set_sensitive(true);
    Ok(header)
}

fn read(key: &str, path: &Path) -> Result<SecretString, SinkError> {
    let text = std::fs::read_to_string(path);
    text.map(SecretString::from)
        .map_err(|source| SinkError::File {
            key: key.to_owned(),
            path: path.to_owned(),
            source,
        })
}

fn credential(name: &str, folder: Option<OsString>) -> Result<PathBuf, SinkError> {
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        return Err(SinkError::value(
            "key_credential",
            "must be the plain name of a credential, as in LoadCredential=NAME:PATH",
        ));
    }
    match folder {
        Some(folder) => Ok(PathBuf::from(folder).join(name)),
        None => Err(SinkError::value(
            "key_credential",
            "there is no $CREDENTIALS_DIRECTORY: add LoadCredential= to the systemd unit, or use `key_file`",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str) -> Result<HeaderValue, SinkError> {
        authorization(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn exactly_one_source_of_the_key_is_accepted_and_none_is_ever_printed() {
        let header = of(r#"{"key":"s3cret\n"}"#).unwrap();
        assert_eq!(header.to_str().unwrap(), "Bearer s3cret");
        assert!(!format!("{header:?}").contains("s3cret"));
        assert!(of("{}").unwrap_err().to_string().contains("key_file"));
        assert!(
            of(r#"{"key":"a","key_file":"b"}"#)
                .unwrap_err()
                .to_string()
                .contains("only one")
        );
        let error = of(r#"{"key":"s3cret\nsecond"}"#).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"));
    }

    #[test]
    fn a_key_file_that_is_missing_or_empty_is_named() {
        assert!(
            of(r#"{"key_file":"/nowhere/key"}"#)
                .unwrap_err()
                .to_string()
                .contains("/nowhere/key")
        );
        let file = tempfile::NamedTempFile::new().unwrap();
        let json = serde_json::json!({"key_file": file.path()}).to_string();
        assert!(of(&json).unwrap_err().to_string().contains("empty"));
    }

    #[test]
    fn a_credential_is_a_plain_name_in_systemds_folder() {
        let folder = || Some(OsString::from("/run/credentials/alertbridge"));
        let path = credential("iris", folder()).unwrap();
        assert_eq!(path, Path::new("/run/credentials/alertbridge/iris"));
        for name in ["", "../iris", "/etc/shadow", ".hidden"] {
            assert!(credential(name, folder()).is_err(), "{name}");
        }
        assert!(
            credential("iris", None)
                .unwrap_err()
                .to_string()
                .contains("LoadCredential")
        );
    }
}
