//! The demo's folders, removed at its end.

use std::{
    fs::{File, OpenOptions},
    path::PathBuf,
};

use alertbridge_sandbox::IrisSandbox;
use tempfile::TempDir;

use super::{MINIMUM_LEVEL, intel::Intel, triage::Triage};
use crate::{cli, exit::Exit, failure::Failure};

/// A Wazuh home and the daemon's folders, below one temporary folder.
pub struct Folders(TempDir);

impl Folders {
    /// Makes them.
    pub fn make() -> Result<Self, Failure> {
        let folder = tempfile::Builder::new()
            .prefix("alertbridge-demo-")
            .tempdir()
            .map_err(|error| {
                Failure::new(Exit::Io, format!("can't make a temporary folder: {error}"))
                    .remedy("set TMPDIR to a writable folder")
            })?;
        let folders = Self(folder);
        for folder in [folders.alerts(), folders.spool(), folders.handed()] {
            std::fs::create_dir_all(&folder)
                .map_err(|error| Failure::io("make the folder", &folder, &error))?;
        }
        Ok(folders)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `logs/alerts` of the Wazuh home.
    pub fn alerts(&self) -> PathBuf {
        self.at("logs/alerts")
    }

    /// Where integratord's temporary files would be.
    pub fn handed(&self) -> PathBuf {
        self.at("tmp")
    }

    /// The hook's socket.
    pub fn socket(&self) -> PathBuf {
        self.at("hook.sock")
    }

    /// The hook's spool.
    pub fn spool(&self) -> PathBuf {
        self.at("spool")
    }

    /// Whether the daemon has taken everything from it.
    pub fn spool_is_empty(&self) -> bool {
        std::fs::read_dir(self.spool()).is_ok_and(|mut entries| entries.next().is_none())
    }

    /// The ledger.
    pub fn ledger(&self) -> PathBuf {
        self.at("ledger.db")
    }

    /// The local copy of indicators.
    pub fn intel(&self) -> PathBuf {
        self.at("intel")
    }

    /// OpenCTI's token.
    pub fn token(&self) -> PathBuf {
        self.at("opencti.token")
    }

    /// The manager's queue.
    pub fn queue(&self) -> PathBuf {
        self.at("queue")
    }

    /// The daemon's configuration.
    pub fn config(&self) -> PathBuf {
        self.at("alertbridge.toml")
    }

    /// The daemon's log.
    pub fn log_path(&self) -> PathBuf {
        self.at("daemon.log")
    }

    /// The daemon's log, to be written on.
    pub fn daemon_log(&self) -> Result<File, Failure> {
        let path = self.log_path();
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(|error| Failure::io("open", &path, &error))
    }

    /// Writes the daemon's configuration.
    pub fn write_config(
        &self,
        arguments: &cli::Demo,
        sandbox: Option<&IrisSandbox>,
        intel: Option<&Intel>,
        triage: Option<&Triage>,
    ) -> Result<(), Failure> {
        let key_file = match (&arguments.iris_key_file, sandbox) {
            (Some(file), _) => std::path::absolute(file).unwrap_or_else(|_| file.clone()),
            (None, Some(sandbox)) => {
                let path = self.at("iris.key");
                std::fs::write(&path, sandbox.key())
                    .map_err(|error| Failure::io("write", &path, &error))?;
                path
            }
            (None, None) => {
                return Err(Failure::new(
                    Exit::Usage,
                    "--iris-url needs --iris-key-file",
                ));
            }
        };
        let url = arguments
            .iris_url
            .clone()
            .or_else(|| sandbox.map(IrisSandbox::url))
            .unwrap_or_default();
        let mut iris = toml::Table::new();
        iris.insert("url".into(), url.into());
        iris.insert("key_file".into(), key_file.display().to_string().into());
        iris.insert(
            "default_customer".into(),
            i64::from(arguments.iris_customer).into(),
        );
        if let Some(file) = &arguments.iris_ca_file {
            let file = std::path::absolute(file).unwrap_or_else(|_| file.clone());
            let tls =
                toml::Table::from_iter([("ca_file".to_owned(), file.display().to_string().into())]);
            iris.insert("tls".into(), tls.into());
        }
        let text = |path: PathBuf| toml::Value::from(path.display().to_string());
        let config = toml::toml! {
            [ledger]
            [sources.follower]
            begin = "start"
            [sources.hook]
            [sinks]
            [http]
            listen = ""
            [quiet.folding]
            group_interval = "1s"
            [quiet.burst]
            period = "3s"
        };
        let mut config = config;
        let level = toml::Value::from(i64::from(MINIMUM_LEVEL));
        for (section, key, value) in [
            (&["ledger"][..], "path", text(self.ledger())),
            (
                &["sources", "follower"],
                "path",
                text(self.alerts().join("alerts.json")),
            ),
            (&["sources", "follower"], "minimum_level", level.clone()),
            (&["sources", "hook"], "socket", text(self.socket())),
            (&["sources", "hook"], "spool", text(self.spool())),
            (&["sources", "hook"], "minimum_level", level),
            (&["sinks"], "iris", iris.into()),
        ] {
            let table = section.iter().try_fold(&mut config, |table, name| {
                table.get_mut(*name)?.as_table_mut()
            });
            if let Some(table) = table {
                table.insert(key.to_owned(), value);
            }
        }
        if let Some(intel) = intel {
            self.add_intel(&mut config, intel);
        }
        if let Some(triage) = triage {
            add_triage(&mut config, triage);
        }
        let path = self.config();
        std::fs::write(&path, config.to_string())
            .map_err(|error| Failure::io("write", &path, &error))
    }

    fn add_intel(&self, config: &mut toml::Table, intel: &Intel) {
        let text = |path: PathBuf| toml::Value::from(path.display().to_string());
        let opencti = toml::Table::from_iter([
            ("url".to_owned(), intel.cti.url().into()),
            ("token_file".to_owned(), text(self.token())),
            ("poll_interval".to_owned(), 1.into()),
        ]);
        let section = toml::Table::from_iter([
            ("folder".to_owned(), text(self.intel())),
            ("opencti".to_owned(), opencti.into()),
        ]);
        config.insert("intel".to_owned(), section.into());
        let queue = toml::Table::from_iter([("queue".to_owned(), text(self.queue()))]);
        if let Some(sinks) = config.get_mut("sinks").and_then(toml::Value::as_table_mut) {
            sinks.insert("wazuh".to_owned(), queue.into());
        }
    }
}

fn add_triage(config: &mut toml::Table, triage: &Triage) {
    let model = toml::Table::from_iter([("url".to_owned(), triage.model.url().into())]);
    let section = toml::Table::from_iter([
        // The demo's alerts are of another year.
        ("max_age".to_owned(), 0.into()),
        // The daemon is killed in the middle; what it had claimed is to be free soon.
        ("lease".to_owned(), 2.into()),
        ("poll_interval".to_owned(), 2.into()),
        ("model".to_owned(), model.into()),
    ]);
    config.insert("triage".to_owned(), section.into());
}
