//! The API OpenAI made usual.

use std::time::Duration;

use super::{
    Model, ModelFuture,
    config::{ModelConfig, ModelConfigError},
    facts::ServerFacts,
    failure::ModelError,
    question::{Question, Reply},
};

pub(crate) struct OpenAi {
    config: ModelConfig,
}

impl OpenAi {
    pub(crate) fn new(config: ModelConfig) -> Result<Self, ModelConfigError> {
        Ok(Self { config })
    }
}

impl Model for OpenAi {
    fn name(&self) -> &str {
        &self.config.model
    }

    fn ask<'a>(&'a self, _question: &'a Question) -> ModelFuture<'a, Result<Reply, ModelError>> {
        Box::pin(async {
            Err(ModelError::new(
                super::failure::FailureClass::Misconfigured,
                "`dialect = \"openai\"` is not there yet",
            ))
        })
    }

    fn look<'a>(&'a self) -> ModelFuture<'a, Result<ServerFacts, ModelError>> {
        Box::pin(async { Ok(ServerFacts::default()) })
    }

    fn preload<'a>(&'a self) -> ModelFuture<'a, Result<Duration, ModelError>> {
        Box::pin(async { Ok(Duration::ZERO) })
    }
}
