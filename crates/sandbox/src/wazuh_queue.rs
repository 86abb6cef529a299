//! A stand-in for the socket `queue/sockets/queue` of a Wazuh 4 manager, where integrations hand in events.
//!
//! What the facts measured (`facts/wazuh.md` §4): a Unix datagram socket; a datagram is `1:<location>:<message>`; of
//! more than 65,535 bytes the end is lost and nobody says so, and more than the sender's buffer holds is refused
//! there (EMSGSIZE); when nobody reads, a sender that does not wait gets EAGAIN after
//! `net.unix.max_dgram_qlen` + 1 datagrams and one that waits hangs; with the reader gone the file stays and
//! answers ECONNREFUSED; a restart puts another socket at the path.
//!
//! Invariant: what a real manager would have read is in [`WazuhQueueSandbox::datagrams`] in order, cut where it cuts.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::UnixDatagram;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The manager's buffer: a longer datagram loses its end.
pub const WAZUH_QUEUE_MAXIMUM: usize = 65_535;

/// Why the socket could not be made.
#[derive(Debug, thiserror::Error)]
#[error(
    "the sandbox cannot make the socket {path}: {source}; is its folder there and free for this user?"
)]
pub struct WazuhQueueError {
    /// The socket's path.
    path: PathBuf,
    /// What the system said.
    source: io::Error,
}

/// A datagram taken apart as analysisd does, with the escapes of the location undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WazuhQueueEvent {
    /// The queue's number, `1` for a log message; `2` and `4` do the same.
    pub queue: u8,
    /// Where it says it comes from, e.g. `opencti` or `[003] (web01) 10.0.0.3->opencti`.
    pub location: String,
    /// The event.
    pub message: String,
}

impl WazuhQueueEvent {
    /// Reads `1:<location>:<message>`; none for what cannot be taken apart.
    ///
    /// In the location `|:` stands for a colon and `||` for a bar. A colon that was not escaped ends the location
    /// early: the rest of it is then at the front of the message, and a real manager makes no alert of that.
    ///
    /// ```
    /// use alertbridge_sandbox::WazuhQueueEvent;
    ///
    /// let event = WazuhQueueEvent::read(b"1:[3] (a) fe80|:|:1->opencti:{}").unwrap();
    /// assert_eq!(event.location, "[3] (a) fe80::1->opencti");
    /// assert_eq!(event.message, "{}");
    /// ```
    pub fn read(datagram: &[u8]) -> Option<WazuhQueueEvent> {
        let text = String::from_utf8_lossy(datagram);
        let text = text.trim_end_matches(['\0', '\n']);
        let mut characters = text.char_indices();
        let queue = match (characters.next(), characters.next()) {
            (Some((_, digit @ ('1' | '2' | '4'))), Some((_, ':'))) => digit as u8 - b'0',
            _ => return None,
        };
        let mut location = String::new();
        while let Some((at, character)) = characters.next() {
            match character {
                '|' => location.push(characters.next()?.1),
                ':' => {
                    let message = text.get(at + 1..)?.to_owned();
                    return Some(WazuhQueueEvent {
                        queue,
                        location,
                        message,
                    });
                }
                other => location.push(other),
            }
        }
        None
    }
}

/// A pretended manager's queue. Dropping it is the end of the manager: the file stays, nobody reads.
#[derive(Debug)]
pub struct WazuhQueueSandbox {
    path: PathBuf,
    received: Arc<Mutex<Vec<Vec<u8>>>>,
    count: watch::Sender<usize>,
    reading: Option<Reading>,
}

/// A bound socket, and the task that reads it unless the manager is stuck.
#[derive(Debug)]
struct Reading {
    socket: Arc<UnixDatagram>,
    task: Option<JoinHandle<()>>,
}

impl Drop for Reading {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl WazuhQueueSandbox {
    /// Makes the socket, readable and writable for its owner and group only, and reads it. Replaces an old socket
    /// file. Must run inside a tokio runtime.
    ///
    /// # Errors
    /// When the folder is missing or not writable.
    pub fn start(path: impl Into<PathBuf>) -> Result<WazuhQueueSandbox, WazuhQueueError> {
        let mut sandbox = WazuhQueueSandbox {
            path: path.into(),
            received: Arc::default(),
            count: watch::Sender::new(0),
            reading: None,
        };
        sandbox.restart()?;
        Ok(sandbox)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Every datagram so far, over all restarts.
    pub fn datagrams(&self) -> Vec<Vec<u8>> {
        lock(&self.received).clone()
    }

    /// Every datagram that could be taken apart.
    pub fn events(&self) -> Vec<WazuhQueueEvent> {
        let received = lock(&self.received);
        received
            .iter()
            .filter_map(|datagram| WazuhQueueEvent::read(datagram))
            .collect()
    }

    /// Waits until this many datagrams have come, over all restarts.
    pub async fn received(&self, count: usize) {
        let mut counts = self.count.subscribe();
        // The sender lives in `self`, so there is always an answer.
        let _found = counts.wait_for(|so_far| *so_far >= count).await;
    }

    /// Stops reading while the socket stays: the manager is stuck, its queue fills up.
    pub async fn stick(&mut self) {
        let task = self
            .reading
            .as_mut()
            .and_then(|reading| reading.task.take());
        if let Some(task) = task {
            task.abort();
            // An aborted task reports its abort; afterwards nothing is read any more.
            let _aborted = task.await;
        }
    }

    /// Reads again, also what has piled up.
    pub fn unstick(&mut self) {
        let (received, count) = (Arc::clone(&self.received), self.count.clone());
        if let Some(reading) = &mut self.reading
            && reading.task.is_none()
        {
            reading.task = Some(tokio::spawn(read(
                Arc::clone(&reading.socket),
                received,
                count,
            )));
        }
    }

    /// The manager ends: the file stays, and whoever sends gets ECONNREFUSED.
    pub async fn stop(&mut self) {
        self.stick().await;
        self.reading = None;
    }

    /// The manager ends, and the file goes as well: ENOENT.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub async fn remove(&mut self) -> io::Result<()> {
        self.stop().await;
        fs::remove_file(&self.path)
    }

    /// The manager starts again: another socket, hence another inode, at the same path.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn restart(&mut self) -> Result<(), WazuhQueueError> {
        self.reading = None;
        let socket = bind(&self.path).map_err(|source| WazuhQueueError {
            path: self.path.clone(),
            source,
        })?;
        self.reading = Some(Reading {
            socket: Arc::new(socket),
            task: None,
        });
        self.unstick();
        Ok(())
    }

    /// Sets the file's mode; the real one is 0660, so strangers get EACCES.
    ///
    /// # Errors
    /// When the file is not there.
    pub fn set_mode(&self, mode: u32) -> io::Result<()> {
        fs::set_permissions(&self.path, fs::Permissions::from_mode(mode))
    }
}

fn bind(path: &Path) -> io::Result<UnixDatagram> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let socket = UnixDatagram::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o660))?;
    Ok(socket)
}

async fn read(
    socket: Arc<UnixDatagram>,
    received: Arc<Mutex<Vec<Vec<u8>>>>,
    count: watch::Sender<usize>,
) {
    let mut buffer = vec![0; WAZUH_QUEUE_MAXIMUM];
    loop {
        match socket.recv(&mut buffer).await {
            // Nothing waits between the reading and the keeping, so an abort loses nothing.
            Ok(length) => {
                let datagram = buffer.get(..length).unwrap_or_default().to_vec();
                lock(&received).push(datagram);
                count.send_modify(|count| *count += 1);
            }
            Err(error) => {
                tracing::warn!(%error, "the pretended queue cannot be read");
                return;
            }
        }
    }
}

fn lock(received: &Mutex<Vec<Vec<u8>>>) -> MutexGuard<'_, Vec<Vec<u8>>> {
    received.lock().unwrap_or_else(PoisonError::into_inner)
}
