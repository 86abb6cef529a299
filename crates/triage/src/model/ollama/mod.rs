//! Ollama's own API (facts/ai.md §1.1 to §1.8).
//!
//! Every request carries the same options, because a request with another size of the context, or another `shift`, makes the server
//! load the model anew. `truncate:false` and `shift:false` ask it to refuse a prompt that is too long; servers before 0.12.4 know
//! neither and cut in silence, so what they count is looked at as well. What can't be seen before the question (a model that is
//! only an alias of one in the cloud) is looked up first, at most once a minute.

mod facts;
mod refusal;
mod request;
mod stream;
mod version;

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde_json::Value;
use tokio::time::Instant;

use self::stream::Reading;
use self::version::Version;
pub(crate) use self::{
    request::messages,
    stream::{LINE_LIMIT, TEXT_LIMIT, is_far_below, truncated},
};
use super::{
    Model, ModelFuture,
    config::ModelConfig,
    config_error::ModelConfigError,
    facts::ServerFacts,
    failure::{FailureClass, ModelError},
    http::{Http, Streamed},
    question::{Question, Reply},
};

/// How long a look at the server is good for.
const VETTED_FOR: Duration = Duration::from_secs(60);

/// One model of one Ollama.
#[derive(Debug)]
pub(crate) struct Ollama {
    http: Http,
    config: ModelConfig,
    vetted: Mutex<Option<Vetted>>,
}

/// What a look at the server brought.
#[derive(Clone, Debug)]
struct Vetted {
    at: Instant,
    version: Option<Version>,
    digest: Option<String>,
}

impl Ollama {
    /// # Errors
    /// [`ModelConfigError`] where a value can't be used.
    pub(crate) fn new(config: ModelConfig) -> Result<Self, ModelConfigError> {
        Ok(Self {
            http: Http::new(&config)?,
            config,
            vetted: Mutex::new(None),
        })
    }

    /// Makes sure that the model is there and no cloud's, before anything is sent to it.
    async fn vet(&self) -> Result<Vetted, ModelError> {
        if let Some(vetted) = self.remembered().clone()
            && vetted.at.elapsed() < VETTED_FOR
        {
            return Ok(vetted);
        }
        let version = facts::version(&self.http).await?;
        let listed = match facts::listed(&self.http, &self.config.model).await {
            Ok(listed) => listed,
            // Where a cloud is allowed nothing depends on the list.
            Err(error) if !self.config.allow_cloud => return Err(unvetted(error)),
            Err(_) => facts::Listed::default(),
        };
        if let (false, Some(host)) = (self.config.allow_cloud, &listed.remote) {
            let host = self.http.quote(host, None);
            return Err(cloud_refused(&self.config.model, &host));
        }
        if !listed.there && !self.config.allow_cloud {
            return Err(refusal::model_missing(
                &self.http,
                &self.config.model,
                &listed.others,
            ));
        }
        let vetted = Vetted {
            at: Instant::now(),
            version,
            digest: listed.digest,
        };
        *self.remembered() = Some(vetted.clone());
        Ok(vetted)
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, Option<Vetted>> {
        self.vetted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, question: &Question) -> Result<Reply, ModelError> {
        let vetted = self.vet().await?;
        let body = request::chat(&self.config, question);
        let mut stream = match self.http.stream("/api/chat", &body).await? {
            Streamed::Stream(stream) => stream,
            Streamed::Refused(answer) => {
                return Err(refusal::refused(
                    &self.http,
                    &answer,
                    "/api/chat",
                    &self.config.model,
                    Some(question),
                ));
            }
        };
        let mut reading = Reading::new(&self.http, &self.config, question);
        let end = loop {
            let chunk = stream.chunk().await?;
            let end = match &chunk {
                Some(bytes) => reading.take(bytes, &mut stream)?,
                None => reading.end(&mut stream)?,
            };
            if let Some(end) = end {
                break end;
            }
        };
        let whole = stream.started.elapsed();
        let first = stream.first_token.unwrap_or_else(Instant::now);
        let first_token = first.duration_since(stream.started);
        stream.finish().await;
        end.check(&self.config, question, vetted.version)?;
        Ok(Reply {
            text: reading.into_text(),
            prompt_tokens: end.prompt_tokens,
            answer_tokens: end.answer_tokens,
            first_token,
            load: end.load,
            whole,
            model_digest: vetted.digest,
        })
    }

    async fn load(&self) -> Result<Duration, ModelError> {
        self.vet().await?;
        let started = Instant::now();
        let path = "/api/generate";
        let answer = self
            .http
            .load(path, &request::preload(&self.config))
            .await?;
        let body = answer.json();
        let error = body.as_ref().and_then(|body| body.get("error"));
        if answer.status != 200 || answer.is_page() || error.is_some() {
            return Err(refusal::refused(
                &self.http,
                &answer,
                path,
                &self.config.model,
                None,
            ));
        }
        match body.as_ref().and_then(|body| body.get("done")) {
            Some(Value::Bool(true)) => Ok(started.elapsed()),
            _ => Err(ModelError::new(
                FailureClass::NotTheServer,
                "what answers at `url` does not speak Ollama's language; if it speaks OpenAI's, set `dialect = \"openai\"`",
            )),
        }
    }
}

impl Model for Ollama {
    fn name(&self) -> &str {
        &self.config.model
    }

    fn ask<'a>(&'a self, question: &'a Question) -> ModelFuture<'a, Result<Reply, ModelError>> {
        Box::pin(async move {
            let answered = self.answer(question).await;
            if answered
                .as_ref()
                .is_err_and(|error| error.class.is_of_the_model())
            {
                // Whatever it was, what was known of the server may be no longer true.
                *self.remembered() = None;
            }
            answered
        })
    }

    fn look<'a>(&'a self) -> ModelFuture<'a, Result<ServerFacts, ModelError>> {
        Box::pin(facts::look(&self.http, &self.config))
    }

    fn preload<'a>(&'a self) -> ModelFuture<'a, Result<Duration, ModelError>> {
        Box::pin(self.load())
    }
}

/// The host that really runs a model, where the server is an Ollama that says so.
///
/// # Errors
/// [`ModelError`] where nobody answers.
pub(crate) async fn remote_host(http: &Http, model: &str) -> Result<Option<String>, ModelError> {
    match facts::listed(http, model).await {
        Ok(listed) => Ok(listed.remote.map(|host| http.quote(&host, None))),
        Err(error) if error.class == FailureClass::Connect => Err(error),
        // It is no Ollama, or hides this from us.
        Err(_) => Ok(None),
    }
}

/// The model is somebody else's.
pub(crate) fn cloud_refused(model: &str, host: &str) -> ModelError {
    ModelError::new(
        FailureClass::CloudRefused,
        format!(
            "`{model}` does not run at the server but at {host}: alerts would be sent there; name a local model, or set \
             `allow_cloud = true`"
        ),
    )
}

/// The list can't be had, so it can't be said where the model runs.
fn unvetted(error: ModelError) -> ModelError {
    match error.class {
        FailureClass::Auth | FailureClass::Misconfigured | FailureClass::RequestRefused => {
            ModelError {
                class: FailureClass::Misconfigured,
                text: format!(
                    "it can't be seen whether the model runs in a cloud, because /api/tags can't be read; let it pass, or set \
                 `allow_cloud = true`. {}",
                    error.text
                ),
                ..error
            }
        }
        _ => error,
    }
}
