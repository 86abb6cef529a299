//! Asking a language model: one question, one answer, and a clear word where there is none.
//!
//! [`connect`] makes a [`Model`] of a [`ModelConfig`], in one of two dialects: Ollama's own, which alone lets a client choose the
//! size of the context, and the one OpenAI made usual. What they promise together:
//!
//! * an answer is whole: what the server cut, at the front (the prompt) or at the end (the answer), is an error, although servers
//!   answer 200 (facts/ai.md §1.4, §1.6). Whether it is JSON of the right shape is the caller's business;
//! * nothing is unbounded: connection, first token, pauses and the whole have limits in time, lines and answers in bytes;
//! * a dropped question is a cancelled one: answers are always streamed, so the server sees that nobody listens (facts/ai.md §1.7);
//! * nothing goes elsewhere: no redirects, no proxy of the environment, no model that runs in a cloud unless that is allowed.
//!
//! [`Breaker`] and [`StartRate`] say when to ask; they are pure, the clock is passed in.

mod address;
mod breaker;
mod config;
mod config_error;
mod credentials;
mod facts;
mod failure;
mod http;
mod lines;
mod ollama;
mod openai;
mod question;
mod quote;
mod rate;
mod refusal;
mod thinking;

use std::{pin::Pin, sync::Arc, time::Duration};

pub use breaker::{Admission, Breaker, BreakerState};
pub use config::{Dialect, ModelConfig};
pub use config_error::ModelConfigError;
pub use facts::ServerFacts;
pub use failure::{FailureClass, FailureKind, ModelError};
pub use question::{Question, Repair, Reply};
pub use rate::StartRate;

/// What a [`Model`] hands back while it works.
pub type ModelFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A language model at a server.
pub trait Model: Send + Sync + 'static {
    /// The model's name as configured.
    fn name(&self) -> &str;

    /// Asks and waits for the whole answer. Dropping the future closes the connection, which frees the model.
    ///
    /// # Errors
    /// [`ModelError`] where there is no answer, or none that is whole.
    fn ask<'a>(&'a self, question: &'a Question) -> ModelFuture<'a, Result<Reply, ModelError>>;

    /// What the server says of itself and the model. Cheap: no model is touched.
    ///
    /// # Errors
    /// [`ModelError`] where the server can't be asked. A model that is not there is no error here.
    fn look<'a>(&'a self) -> ModelFuture<'a, Result<ServerFacts, ModelError>>;

    /// Has the model loaded, where a server can be told so, and says how long that took.
    ///
    /// # Errors
    /// [`ModelError`] where it can't be loaded.
    fn preload<'a>(&'a self) -> ModelFuture<'a, Result<Duration, ModelError>>;
}

/// Makes a client of a configuration. Nothing is sent yet.
///
/// # Errors
/// [`ModelConfigError`] where a value makes no sense, a file can't be read, or the model is one of a cloud and that is not allowed.
pub fn connect(config: ModelConfig) -> Result<Arc<dyn Model>, ModelConfigError> {
    config.check()?;
    Ok(match config.dialect {
        Dialect::Ollama => Arc::new(ollama::Ollama::new(config)?),
        Dialect::OpenAi => Arc::new(openai::OpenAi::new(config)?),
    })
}
