//! A thread that answers questions on its own connection, so that no question waits for a commit and no intake for a
//! question.

use std::{
    path::Path,
    sync::mpsc::{Sender, channel},
    thread::JoinHandle,
};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{connection, error::SqlError, refused, spawn};
use crate::{LedgerError, Receipt};

type Question = Box<dyn FnOnce(&Connection) + Send>;

/// The thread's handle; dropping it ends the thread after the questions asked so far.
pub(super) struct Reader {
    questions: Option<Sender<Question>>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    pub(super) fn open(path: &Path, name: &str) -> Result<Self, LedgerError> {
        let connection = connection::reader(path).map_err(|error| error.opening(path))?;
        let (questions, asked) = channel::<Question>();
        let thread = spawn(name, move || {
            for question in asked {
                question(&connection);
            }
        })?;
        Ok(Self {
            questions: Some(questions),
            thread: Some(thread),
        })
    }

    pub(super) fn submit<T, F>(&self, run: F) -> Receipt<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, SqlError> + Send + 'static,
    {
        let (reply, receipt) = oneshot::channel();
        let question: Question = Box::new(move |connection| {
            if reply.is_closed() {
                return;
            }
            // The one who asked may have gone meanwhile.
            let _ = reply.send(run(connection).map_err(SqlError::answer));
        });
        match &self.questions {
            Some(questions) if questions.send(question).is_ok() => receipt,
            _ => refused(LedgerError::Closed),
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.questions = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("a reader thread of the ledger ended in a fault");
        }
    }
}
