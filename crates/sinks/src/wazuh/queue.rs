//! The socket of analysisd: one datagram an event, never waiting.
//!
//! A socket of our own, never connected: each datagram names the path, so a manager that was restarted (another socket under the same
//! path) is met at once, and one that is away costs one failed call. A connected socket would fail for ever after a restart
//! (facts/wazuh.md §4).
//!
//! A datagram is taken whole or not at all: success means that it is in analysisd's buffer, an error that it is not. So every error
//! is safe to try again. What comes after is out of reach: analysisd does not answer, and drops silently where its own queues are full.

use std::{
    io::{Error, ErrorKind},
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
};

use super::{config::WazuhQueueConfig, event::Event};
use crate::{Outcome, Proof, Scope, SinkError};

/// Linux's numbers for what `ErrorKind` has no stable name for.
const EMSGSIZE: i32 = 90;
const EPROTOTYPE: i32 = 91;
const ENOBUFS: i32 = 105;

/// A Wazuh manager's queue.
#[derive(Debug)]
pub struct WazuhQueue {
    path: PathBuf,
    limit: usize,
    socket: UnixDatagram,
}

impl WazuhQueue {
    /// The manager need not be there.
    ///
    /// # Errors
    /// [`SinkError`] for a value that makes no sense, or where this process may open no more files.
    pub fn new(config: &WazuhQueueConfig) -> Result<Self, SinkError> {
        config.check()?;
        let file_error = |source| SinkError::File {
            key: "queue".to_owned(),
            path: config.queue.clone(),
            source,
        };
        let socket = UnixDatagram::unbound().map_err(file_error)?;
        socket.set_nonblocking(true).map_err(file_error)?;
        Ok(Self {
            path: config.queue.clone(),
            limit: config.datagram_limit,
            socket,
        })
    }

    /// Hands one event to the manager, at once or not at all. Delivered (without an id: there is none), a retry, a pause, or never.
    pub fn send(&self, event: &Event) -> Outcome {
        let too_long = || Outcome::Never {
            why: "the event is longer than Wazuh takes".to_owned(),
        };
        let mut limit = self.limit;
        loop {
            let Some((datagram, changes)) = event.datagram(limit) else {
                return too_long();
            };
            return match self.socket.send_to(&datagram, &self.path) {
                Ok(_) => Outcome::Delivered(Proof {
                    changes: changes.list(),
                    ..Proof::default()
                }),
                // A smaller buffer than usual: less of the event may fit.
                Err(error) if error.raw_os_error() == Some(EMSGSIZE) && limit > 1024 => {
                    limit = datagram.len() / 2;
                    continue;
                }
                Err(error) => outcome(&error, &self.path),
            };
        }
    }

    /// Whether somebody reads there now; nothing is sent.
    ///
    /// # Errors
    /// A retry or a pause.
    pub fn probe(&self) -> Result<(), Outcome> {
        // On a socket of its own: a connected one could not be used for other paths or later managers.
        let connected = UnixDatagram::unbound().and_then(|socket| socket.connect(&self.path));
        connected.map_err(|error| outcome(&error, &self.path))
    }
}

fn outcome(error: &Error, path: &Path) -> Outcome {
    let shown = path.display();
    let later = |why: String| Outcome::Retry {
        after: None,
        why,
        sink_wide: true,
    };
    let paused = |why: String| Outcome::Paused {
        scope: Scope::Sink,
        why,
    };
    match (error.kind(), error.raw_os_error()) {
        (ErrorKind::WouldBlock, _) | (_, Some(ENOBUFS)) => {
            later(format!("{shown} is full: analysisd is busy or stuck"))
        }
        (ErrorKind::ConnectionRefused, _) => later(format!(
            "nobody reads {shown}: wazuh-analysisd is not running"
        )),
        (ErrorKind::NotFound, _) if path.parent().is_some_and(Path::is_dir) => later(format!(
            "there is no {shown}: the Wazuh manager is not running"
        )),
        (ErrorKind::NotFound | ErrorKind::NotADirectory, _) => paused(format!(
            "there is no {shown}; write the path of the queue of a Wazuh 4 manager on this machine as `queue`"
        )),
        (ErrorKind::PermissionDenied, _) => paused(format!(
            "no permission to write to {shown}; let alertbridge run as user or with group `wazuh`"
        )),
        (_, Some(EPROTOTYPE)) => paused(format!(
            "{shown} is not the queue of a Wazuh 4 manager; write that path as `queue`"
        )),
        (_, Some(EMSGSIZE)) => Outcome::Never {
            why: "the event is longer than Wazuh takes".to_owned(),
        },
        _ => later(format!("{shown} takes no event: {error}")),
    }
}
