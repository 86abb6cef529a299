//! Log lines to standard error; systemd keeps them.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt};

use crate::{
    config::{LogConfig, LogFormat},
    exit::Exit,
    failure::Failure,
};

/// The configuration's filter.
///
/// # Errors
/// Where the level is none.
pub fn filter(config: &LogConfig) -> Result<EnvFilter, String> {
    EnvFilter::try_new(&config.level).map_err(|error| format!("`log.level` is no filter: {error}"))
}

/// Starts logging. `RUST_LOG` wins over the configuration.
///
/// # Errors
/// Where the level is no filter.
pub fn start(config: &LogConfig) -> Result<(), Failure> {
    let filter = match EnvFilter::try_from_default_env() {
        Ok(filter) => filter,
        Err(_) => filter(config).map_err(|error| Failure::new(Exit::Config, error))?,
    };
    let lines = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match config.format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => lines.json().init(),
    }
    Ok(())
}
