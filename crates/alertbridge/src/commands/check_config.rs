//! `alertbridge check-config`: reads the configuration and says what is wrong with it, without touching anything.

use alertbridge_pipeline::QuietRules;
use alertbridge_sinks::iris::IrisSink;

use crate::{cli, config::Config, exit::Exit, failure::Failure, output};

/// Reads it whole, secrets included.
pub fn run(arguments: &cli::ConfigFile) -> Result<Exit, Failure> {
    let mut config = Config::load(&arguments.config)?;
    let quiet = QuietRules::try_from(config.quiet.clone())
        .map_err(|error| Failure::new(Exit::Config, error))?;
    for warning in quiet.warnings() {
        output::line(format_args!("warning: {warning}"))?;
    }
    if let Some(iris) = config.sinks.iris.take() {
        IrisSink::connect(iris)
            .map_err(|error| Failure::new(Exit::Config, format!("[sinks.iris]: {error}")))?;
    }
    if let Some(intel) = &config.intel {
        intel
            .try_secrets()
            .map_err(|error| Failure::new(Exit::Config, error))?;
    }
    output::line(format_args!("{}: good", arguments.config.display()))?;
    Ok(Exit::Success)
}
