//! The keys of our own configuration: they are taken out of everything a model is shown, wherever they stand.
//!
//! Read once more than by those who use them, each for itself: what can't be read here is told there.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use alertbridge_sinks::iris::IrisConfig;
use secrecy::{ExposeSecret, SecretString};

use crate::config::Config;

/// All keys of the configuration. Where `sinks.iris` was taken out of it, use [`secrets_with`].
pub fn secrets(config: &Config) -> Vec<String> {
    secrets_with(config.sinks.iris.as_ref(), config)
}

/// The same, with this section in the place of the configuration's.
pub fn secrets_with(iris: Option<&IrisConfig>, config: &Config) -> Vec<String> {
    let folder = std::env::var_os("CREDENTIALS_DIRECTORY");
    resolved(iris, config, folder.as_deref())
}

/// Where a key may stand.
type Place<'a> = (
    &'a Option<SecretString>,
    &'a Option<PathBuf>,
    &'a Option<String>,
);

fn resolved(iris: Option<&IrisConfig>, config: &Config, folder: Option<&OsStr>) -> Vec<String> {
    let mut places: Vec<Place<'_>> = Vec::new();
    if let Some(iris) = iris {
        places.push((&iris.key, &iris.key_file, &iris.key_credential));
    }
    if let Some(intel) = &config.intel {
        if let Some(one) = &intel.opencti {
            places.push((&one.token, &one.token_file, &one.token_credential));
        }
        if let Some(one) = &intel.sightings {
            places.push((&one.token, &one.token_file, &one.token_credential));
        }
    }
    if let Some(triage) = &config.triage {
        let model = &triage.model;
        places.push((&model.api_key, &model.api_key_file, &None));
        places.push((&model.password, &model.password_file, &None));
    }
    places
        .into_iter()
        .flat_map(|(inline, file, credential)| {
            let inline = inline.as_ref().map(|key| key.expose_secret().to_owned());
            let file = file.as_deref().and_then(read);
            let credential = credential
                .as_deref()
                .and_then(|name| read(&credential_path(name, folder)?));
            [inline, file, credential]
        })
        .flatten()
        .collect()
}

fn read(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

/// systemd puts `LoadCredential=NAME:PATH` into this folder, under its plain name.
fn credential_path(name: &str, folder: Option<&OsStr>) -> Option<PathBuf> {
    let is_plain = !name.is_empty() && !name.contains('/') && !name.starts_with('.');
    is_plain.then(|| Some(Path::new(folder?).join(name)))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_configuration_is_registered_wherever_it_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["iris", "sightings", "model", "proxy"] {
            std::fs::write(folder.path().join(name), format!("{name}-key\n")).unwrap();
        }
        let at = |name: &str| folder.path().join(name).display().to_string();
        let text = format!(
            "[sinks.iris]\nurl = \"https://i\"\nkey_credential = \"iris\"\n\
             [intel.opencti]\nurl = \"https://o\"\ntoken = \"opencti-key\"\n\
             [intel.sightings]\ntoken_credential = \"sightings\"\n\
             [triage.model]\napi_key_file = \"{}\"\npassword_file = \"{}\"\n",
            at("model"),
            at("proxy"),
        );
        let config: Config = toml::from_str(&text).unwrap();
        let iris = config.sinks.iris.as_ref();
        let mut all = resolved(iris, &config, Some(folder.path().as_os_str()));
        for secret in &mut all {
            *secret = secret.trim().to_owned();
        }
        assert_eq!(
            all,
            [
                "iris-key",
                "opencti-key",
                "sightings-key",
                "model-key",
                "proxy-key"
            ]
        );
        // Without the folder, those in it are left to who uses them.
        assert_eq!(resolved(iris, &config, None).len(), 3);
    }

    #[test]
    fn no_credential_leads_out_of_its_folder() {
        let folder = Some(OsStr::new("/run/credentials/alertbridge"));
        for name in ["", "../iris", "/etc/shadow", ".hidden"] {
            assert_eq!(credential_path(name, folder), None, "{name}");
        }
    }
}
