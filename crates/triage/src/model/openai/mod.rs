//! The API OpenAI made usual, as llama-server, vLLM, LM Studio and services speak it (facts/ai.md §1.9).
//!
//! The size of the context can't be asked for, and servers differ in what they take. What one refuses by name is left out from then on
//! ([`Habits`]), so that a client learns its server with its first question. A local server may be an Ollama, where a harmless name can
//! stand for a model in the cloud: that is looked up first, at most once a minute.

mod facts;
mod habits;
mod refusal;
mod request;
mod schema;
mod stream;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use self::{habits::Habits, stream::Reading};
use super::{
    Model, ModelFuture,
    config::ModelConfig,
    config_error::ModelConfigError,
    facts::ServerFacts,
    failure::{FailureClass, ModelError},
    http::{Http, Stream, Streamed},
    ollama,
    question::{Question, Reply},
};

const PATH: &str = "/v1/chat/completions";
/// How long a look for models of a cloud is good for.
const VETTED_FOR: Duration = Duration::from_secs(60);

/// One model of one server.
#[derive(Debug)]
pub(crate) struct OpenAi {
    http: Http,
    config: ModelConfig,
    habits: Mutex<Habits>,
    vetted: Mutex<Option<Instant>>,
}

impl OpenAi {
    /// # Errors
    /// [`ModelConfigError`] where a value can't be used.
    pub(crate) fn new(config: ModelConfig) -> Result<Self, ModelConfigError> {
        Ok(Self {
            http: Http::new(&config)?,
            habits: Mutex::new(Habits::of(&config)),
            vetted: Mutex::new(None),
            config,
        })
    }

    /// Makes sure that a local server does not hand the question on to ollama.com.
    async fn vet(&self) -> Result<(), ModelError> {
        let fresh = lock(&self.vetted).is_some_and(|at| at.elapsed() < VETTED_FOR);
        // An address elsewhere was chosen with open eyes.
        if fresh || !self.config.is_private() {
            return Ok(());
        }
        if let Some(host) = ollama::remote_host(&self.http, &self.config.model).await? {
            return Err(ollama::cloud_refused(&self.config.model, &host));
        }
        *lock(&self.vetted) = Some(Instant::now());
        Ok(())
    }

    /// Sends the question as the server wants it, however often it must be said in other words.
    async fn send(&self, question: &Question) -> Result<Stream, ModelError> {
        let mut habits = lock(&self.habits).clone();
        // Each round leaves out at least one thing more, and there are not many.
        loop {
            let body = request::chat(&self.config, question, &habits);
            let answer = match self.http.stream(PATH, &body).await? {
                Streamed::Stream(stream) => {
                    *lock(&self.habits) = habits;
                    return Ok(stream);
                }
                Streamed::Refused(answer) => answer,
            };
            match habits.without_what_is_refused(&answer) {
                Some(less) => habits = less,
                None => {
                    return Err(refusal::refused(
                        &self.http,
                        &answer,
                        PATH,
                        &self.config.model,
                        Some(question),
                    ));
                }
            }
        }
    }

    async fn answer(&self, question: &Question) -> Result<Reply, ModelError> {
        self.vet().await?;
        let mut stream = self.send(question).await?;
        let mut reading = Reading::new(&self.http, &self.config.model, question, &stream);
        let mut ended = false;
        while !ended {
            ended = match &stream.chunk().await? {
                Some(bytes) => reading.take(bytes, &mut stream)?,
                None => {
                    reading.end(&mut stream)?;
                    true
                }
            };
        }
        let whole = stream.started.elapsed();
        let first = stream.first_token.unwrap_or_else(Instant::now);
        let first_token = first.duration_since(stream.started);
        stream.finish().await;
        let said = reading.whole(&self.config, question)?;
        Ok(Reply {
            text: said.text,
            prompt_tokens: said.prompt_tokens,
            answer_tokens: said.answer_tokens,
            first_token,
            load: None,
            whole,
            model_digest: None,
        })
    }
}

impl Model for OpenAi {
    fn name(&self) -> &str {
        &self.config.model
    }

    fn ask<'a>(&'a self, question: &'a Question) -> ModelFuture<'a, Result<Reply, ModelError>> {
        Box::pin(async move {
            let answered = self.answer(question).await;
            if answered.is_err() {
                *lock(&self.vetted) = None;
            }
            answered
        })
    }

    fn look<'a>(&'a self) -> ModelFuture<'a, Result<ServerFacts, ModelError>> {
        Box::pin(facts::look(&self.http, &self.config))
    }

    /// These servers load when they start, or with the first question; nothing can be told to them. That the model is there is
    /// looked at.
    fn preload<'a>(&'a self) -> ModelFuture<'a, Result<Duration, ModelError>> {
        Box::pin(async move {
            let started = Instant::now();
            self.vet().await?;
            if facts::look(&self.http, &self.config).await?.model_there {
                return Ok(started.elapsed());
            }
            Err(ModelError::new(
                FailureClass::ModelMissing,
                format!("the server does not have the model `{}`", self.config.model),
            ))
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
