//! The API token: read from where it is kept, and again when the server refuses it; never printed.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::{PoisonError, RwLock},
};

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use crate::provider::ProviderError;

/// Where a token is kept, as the configuration says it.
#[derive(Clone, Debug)]
pub(crate) struct TokenPlace {
    /// What the keys are called below their section: `token` or `sightings.token`.
    pub(crate) prefix: &'static str,
    pub(crate) token: Option<SecretString>,
    pub(crate) file: Option<PathBuf>,
    pub(crate) credential: Option<String>,
}

/// A token, ready for the `Authorization` header.
#[derive(Debug)]
pub(crate) struct Token {
    place: TokenPlace,
    header: RwLock<HeaderValue>,
}

impl Token {
    /// # Errors
    /// [`ProviderError`] where not exactly one place is given, a file can't be read, or the token can't stand in a header.
    pub(crate) fn read(place: TokenPlace) -> Result<Self, ProviderError> {
        let header = RwLock::new(place.read()?);
        Ok(Self { place, header })
    }

    /// `Bearer …`, marked as sensitive.
    pub(crate) fn header(&self) -> HeaderValue {
        let header = self.header.read().unwrap_or_else(PoisonError::into_inner);
        header.clone()
    }

    /// Reads it anew, for it may have been replaced; a place that can't be read leaves the old one.
    pub(crate) fn refresh(&self) {
        if let Ok(header) = self.place.read() {
            *self.header.write().unwrap_or_else(PoisonError::into_inner) = header;
        }
    }
}

impl TokenPlace {
    fn key(&self, ending: &str) -> String {
        format!("{}{ending}", self.prefix)
    }

    fn read(&self) -> Result<HeaderValue, ProviderError> {
        let (key, token) = match (&self.token, &self.file, &self.credential) {
            (Some(token), None, None) => (self.key(""), token.clone()),
            (None, Some(path), None) => (self.key("_file"), read(&self.key("_file"), path)?),
            (None, None, Some(name)) => {
                let key = self.key("_credential");
                let path = credential(&key, name, std::env::var_os("CREDENTIALS_DIRECTORY"))?;
                (key.clone(), read(&key, &path)?)
            }
            (None, None, None) => {
                return Err(ProviderError::config(
                    &self.key("_file"),
                    "is missing: name the file that holds the API token of OpenCTI (Profile > API access)",
                ));
            }
            _ => {
                return Err(ProviderError::config(
                    &self.key("_file"),
                    "give the token in one place only: inline, as `_file` or as `_credential`",
                ));
            }
        };
        let text = token.expose_secret().trim();
        if text.is_empty() {
            return Err(ProviderError::config(
                &key,
                "is empty; it must hold the API token of OpenCTI",
            ));
        }
        let mut header = HeaderValue::from_str(&format!("Bearer {text}")).map_err(|_| {
            ProviderError::config(
                &key,
                "holds characters that no token has; it must hold the token alone, on one line",
            )
        })?;
        header.set_sensitive(true);
        Ok(header)
    }
}

fn read(key: &str, path: &Path) -> Result<SecretString, ProviderError> {
    std::fs::read_to_string(path)
        .map(SecretString::from)
        .map_err(|error| ProviderError::unreadable(key, path, &error))
}

fn credential(key: &str, name: &str, folder: Option<OsString>) -> Result<PathBuf, ProviderError> {
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        return Err(ProviderError::config(
            key,
            "must be the plain name of a credential, as in LoadCredential=NAME:PATH",
        ));
    }
    match folder {
        Some(folder) => Ok(PathBuf::from(folder).join(name)),
        None => Err(ProviderError::config(
            key,
            "there is no $CREDENTIALS_DIRECTORY: add LoadCredential= to the systemd unit, or name a file",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(token: Option<&str>, file: Option<&Path>) -> TokenPlace {
        TokenPlace {
            prefix: "token",
            token: token.map(SecretString::from),
            file: file.map(Path::to_owned),
            credential: None,
        }
    }

    #[test]
    fn exactly_one_place_is_accepted_and_the_token_is_never_printed() {
        let token = Token::read(place(Some("s3cret\n"), None)).unwrap();
        assert_eq!(token.header().to_str().unwrap(), "Bearer s3cret");
        assert!(!format!("{token:?}").contains("s3cret"));
        let missing = Token::read(place(None, None)).unwrap_err();
        assert!(missing.to_string().contains("token_file"));
        let both = Token::read(place(Some("a"), Some(Path::new("b"))));
        assert!(both.unwrap_err().to_string().contains("one place only"));
        let error = Token::read(place(Some("s3cret\nsecond"), None)).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"));
    }

    #[test]
    fn a_token_that_was_replaced_in_its_file_is_taken_up() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "old\n").unwrap();
        let token = Token::read(place(None, Some(file.path()))).unwrap();
        std::fs::write(file.path(), "new\n").unwrap();
        token.refresh();
        assert_eq!(token.header().to_str().unwrap(), "Bearer new");
        std::fs::write(file.path(), "").unwrap();
        token.refresh();
        assert_eq!(token.header().to_str().unwrap(), "Bearer new");
    }

    #[test]
    fn a_credential_is_a_plain_name_in_systemds_folder() {
        let folder = || Some(OsString::from("/run/credentials/alertbridge"));
        let path = credential("k", "opencti", folder()).unwrap();
        assert_eq!(path, Path::new("/run/credentials/alertbridge/opencti"));
        for name in ["", "../opencti", "/etc/shadow", ".hidden"] {
            assert!(credential("k", name, folder()).is_err(), "{name}");
        }
        assert!(credential("k", "opencti", None).is_err());
    }
}
