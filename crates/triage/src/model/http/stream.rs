//! An answer that comes piece by piece, with a limit for everything that could have no end.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{Response, header::CONTENT_TYPE};
use tokio::time::{Instant, timeout, timeout_at};

use super::{fault, header};
use crate::model::failure::{FailureClass, ModelError};

/// Bytes of a streamed answer with all that stands around it.
const STREAM_LIMIT: usize = 16 << 20;

/// How long is waited for what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) first_byte: Duration,
    pub(crate) idle: Duration,
    pub(crate) whole: Duration,
}

/// The body of an answer with status 200.
#[derive(Debug)]
pub(crate) struct Stream {
    response: Response,
    pub(crate) content_type: String,
    pub(crate) started: Instant,
    /// When the first token came.
    pub(crate) first_token: Option<Instant>,
    last_token: Instant,
    bytes: usize,
    limits: Limits,
}

impl Stream {
    /// Of an answer to a request that was begun at `started`.
    pub(crate) fn new(response: Response, started: Instant, limits: Limits) -> Self {
        Self {
            content_type: header(&response, CONTENT_TYPE.as_str()),
            response,
            started,
            first_token: None,
            last_token: started,
            bytes: 0,
            limits,
        }
    }

    /// The next piece; none at the end.
    ///
    /// # Errors
    /// [`ModelError`] where the connection broke, a limit of time has passed, or there is no end to it.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, ModelError> {
        let end = self.started + self.limits.whole;
        let (next, error) = match self.first_token {
            None => (
                self.started + self.limits.first_byte,
                no_token(self.limits.first_byte),
            ),
            // Not since the last bytes: llama-server sends a sign of life every 30 s, whatever became of the model.
            Some(_) => (self.last_token + self.limits.idle, pause(self.limits.idle)),
        };
        let error = if next < end {
            error
        } else {
            too_long(self.limits.whole)
        };
        let chunk = match timeout_at(next.min(end), self.response.chunk()).await {
            Ok(chunk) => chunk.map_err(|error| fault(&error))?,
            Err(_) => return Err(error),
        };
        self.bytes += chunk.as_ref().map_or(0, Bytes::len);
        if self.bytes > STREAM_LIMIT {
            return Err(ModelError::new(
                FailureClass::OutputCut,
                format!("the model's answer has no end: {STREAM_LIMIT} bytes were read"),
            ));
        }
        Ok(chunk)
    }

    /// A token has come: from now on the pauses between tokens count.
    pub(crate) fn token(&mut self) {
        self.last_token = Instant::now();
        self.first_token.get_or_insert(self.last_token);
    }

    /// Reads what is left after the last word, so that a server does not take an answer it has finished for one that was dropped; not
    /// for long.
    pub(crate) async fn finish(mut self) {
        let rest = async { while let Ok(Some(_)) = self.chunk().await {} };
        // Whoever sends more than the end is left alone.
        let _ended = timeout(Duration::from_secs(1), rest).await;
    }
}

pub(crate) fn no_token(limit: Duration) -> ModelError {
    ModelError::new(
        FailureClass::TimeoutFirstByte,
        format!(
            "the model gave no token within {} s; it is still loading, busy with another question, or too slow: see \
             `first_byte_timeout`",
            limit.as_secs()
        ),
    )
}

pub(crate) fn pause(limit: Duration) -> ModelError {
    ModelError::new(
        FailureClass::TimeoutIdle,
        format!(
            "the model stopped in the middle of its answer for {} s; see `idle_timeout`",
            limit.as_secs()
        ),
    )
}

pub(crate) fn too_long(limit: Duration) -> ModelError {
    ModelError::new(
        FailureClass::TimeoutTotal,
        format!(
            "the model's answer was not finished within {} s; a smaller model, fewer `answer_tokens` or a longer `whole_timeout` helps",
            limit.as_secs()
        ),
    )
}
