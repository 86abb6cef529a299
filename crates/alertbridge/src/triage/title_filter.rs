//! Takes secrets out of what goes into IRIS's titles: a command line with a password must not become one.

use std::sync::Arc;

use alertbridge_sinks::{
    TextFilter,
    iris::{IrisConfig, IrisSink},
};
use alertbridge_triage::Redactor;

use super::{TriageConfig, reviewer::redactor, secrets_with};
use crate::{config::Config, exit::Exit, failure::Failure};

/// The redactor, as sinks see it.
pub struct TitleFilter(pub Redactor);

impl TextFilter for TitleFilter {
    fn title(&self, text: &str) -> String {
        self.0.redact_title(text)
    }

    fn text(&self, text: &str) -> String {
        self.0.redact_text(text).text
    }
}

/// DFIR-IRIS as every part of the program speaks to it: with titles free of secrets.
///
/// `config` is asked for everything but that section, which may have been taken out of it.
///
/// # Errors
/// Where its section, or the operator's own rules, can't be used.
pub fn iris_sink(iris: IrisConfig, config: &Config) -> Result<IrisSink, Failure> {
    let defaults = TriageConfig::default();
    let secrets = secrets_with(Some(&iris), config);
    let filter = redactor(config.triage.as_ref().unwrap_or(&defaults), &secrets)
        .map_err(|error| Failure::new(Exit::Config, error))?;
    let sink = IrisSink::connect(iris)
        .map_err(|error| Failure::new(Exit::Config, format!("[sinks.iris]: {error}")))?;
    Ok(sink.with_filter(Arc::new(TitleFilter(filter))))
}
