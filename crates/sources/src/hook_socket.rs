//! The socket that `alertbridge-hook` hands its alerts to.
//!
//! One frame a connection ([`alertbridge_hook::frame`]), one answer: [`Answer::Stored`] only when the intake's receipt says
//! the alert is durable, [`Answer::Refused`] otherwise; a hook that gets neither in time spools the alert, which at
//! worst makes it arrive twice, under one reference. Who may connect is decided by the socket file's mode and group:
//! integratord drops the Wazuh user's further groups (facts/wazuh.md §1.3), so the daemon itself must run in `wazuh`.
//!
//! What a bad client can cost is bounded: at most [`CONNECTIONS`] alerts are in work, counting those whose hook has gone
//! away before the ledger was ready (a full disk), each frame must be there within [`FRAME_DEADLINE`] and memory grows only
//! with the bytes that came. Where all places are taken, further hooks wait in the listener's queue and then spool.

use std::{
    io,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use alertbridge_hook::frame::{self, Answer, HEADER_LENGTH};
use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{Batch, Intake, Receipt, Record};

/// Alerts in work at once.
pub const CONNECTIONS: usize = 64;
/// How long a client has for its frame.
pub const FRAME_DEADLINE: Duration = Duration::from_secs(10);
/// How long the alerts in work have when the daemon stops.
pub const STOP_DEADLINE: Duration = Duration::from_secs(5);

const SOURCE: &str = "hook";
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the socket could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum HookSocketError {
    /// Another daemon answers there.
    #[error("another daemon listens on {0}: stop it, or give this one its own hook socket")]
    InUse(PathBuf),
    /// Something else has that name.
    #[error(
        "{0} exists and is not a socket: move it away, or set another path for the hook socket"
    )]
    NotASocket(PathBuf),
    /// The system refused; usually the folder is missing or belongs to another user.
    #[error(
        "can't listen on {path}: {error}; the folder must exist and belong to the daemon's user"
    )]
    Io {
        /// The socket's path.
        path: PathBuf,
        /// The system's own words.
        error: io::Error,
    },
}

/// The listening socket. Its file is removed when this is dropped.
///
/// ```no_run
/// # use std::{path::Path, sync::Arc};
/// # use alertbridge_sources::{Intake, hook_socket::{HookSocket, HookSocketError}};
/// # async fn example(intake: Arc<dyn Intake>, shutdown: impl Future<Output = ()>) -> Result<(), HookSocketError> {
/// let socket = HookSocket::bind(Path::new("/run/alertbridge/hook.sock"), 0o660).await?;
/// socket.serve(intake, shutdown).await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct HookSocket {
    // Dropped first: while this one still listens, no other daemon can have taken the name.
    _file: SocketFile,
    listener: UnixListener,
}

impl HookSocket {
    /// Listens on `path`, with the file mode `mode` (0o660: the daemon's user and group).
    ///
    /// A socket file that nobody answers on is left from a crash and replaced.
    ///
    /// # Errors
    /// Where another daemon listens there, the path is taken by something else, or the system refuses.
    pub async fn bind(path: &Path, mode: u32) -> Result<HookSocket, HookSocketError> {
        let failed = |error| HookSocketError::Io {
            path: path.to_owned(),
            error,
        };
        match std::fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
            Ok(metadata) if !metadata.file_type().is_socket() => {
                return Err(HookSocketError::NotASocket(path.to_owned()));
            }
            // Not blocking: a stopped daemon with a full queue gives `WouldBlock`, and it is one all the same.
            Ok(_) => match UnixStream::connect(path).await {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    std::fs::remove_file(path).map_err(failed)?;
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    return Err(failed(error));
                }
                _ => return Err(HookSocketError::InUse(path.to_owned())),
            },
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        let file = SocketFile::new(path).map_err(failed)?;
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).map_err(failed)?;
        Ok(HookSocket {
            listener,
            _file: file,
        })
    }

    /// Serves hooks until `shutdown` is ready, then finishes the alerts in work, for at most [`STOP_DEADLINE`].
    pub async fn serve(self, intake: Arc<dyn Intake>, shutdown: impl Future<Output = ()>) {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let mut in_work = JoinSet::new();
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(ended) = in_work.join_next() => {
                    if let Err(error) = ended {
                        tracing::error!(%error, "serving a hook failed");
                    }
                }
                accepted = accept(&self.listener, &places) => {
                    if let Some((stream, place)) = accepted {
                        in_work.spawn(serve_one(stream, Arc::clone(&intake), place));
                    }
                }
            }
        }
        // Hooks that come from now on find nobody and spool at once.
        drop(self);
        let finished = timeout(STOP_DEADLINE, async {
            while in_work.join_next().await.is_some() {}
        })
        .await;
        if finished.is_err() {
            tracing::warn!(
                alerts = in_work.len(),
                "stopped before these hooks were answered; they spool"
            );
        }
    }
}

/// The next connection and its place; `None` where accepting failed, after a pause.
async fn accept(
    listener: &UnixListener,
    places: &Arc<Semaphore>,
) -> Option<(UnixStream, OwnedSemaphorePermit)> {
    // Never closed, so this can't fail.
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, place)),
        Err(error) => {
            tracing::warn!(%error, "can't accept a hook's connection");
            sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

async fn serve_one(mut stream: UnixStream, intake: Arc<dyn Intake>, place: OwnedSemaphorePermit) {
    let body = match timeout(FRAME_DEADLINE, read_frame(&mut stream)).await {
        Ok(Ok(body)) => body,
        Ok(Err(error)) => {
            tracing::warn!(%error, "a hook's frame can't be read");
            return answer(&mut stream, Answer::Refused).await;
        }
        Err(_) => {
            tracing::warn!("a hook did not send its frame in time");
            return;
        }
    };
    let receipt = intake.submit(Batch {
        source: SOURCE,
        records: vec![Record::Alert(body)],
        place: String::from(SOURCE),
        follows: None,
        checkpoint: None,
    });
    let said = match wait_for(receipt, &mut stream).await {
        Ok(Ok(())) => Answer::Stored,
        Ok(Err(rejected)) => {
            tracing::warn!(error = %rejected, "an alert from a hook was refused");
            Answer::Refused
        }
        Err(_) => Answer::Refused,
    };
    answer(&mut stream, said).await;
    drop(place);
}

/// Waits for the receipt to the end, also when the hook has gone: the place stays taken for as long as the alert is
/// in memory. The hook's going is only told to the log.
async fn wait_for(
    mut receipt: Receipt,
    stream: &mut UnixStream,
) -> Result<Result<(), crate::Rejected>, oneshot::error::RecvError> {
    let mut byte = [0];
    tokio::select! {
        biased;
        answer = &mut receipt => return answer,
        _ = stream.read(&mut byte) => {}
    }
    tracing::debug!("a hook went away before its alert was durable; it spools");
    receipt.await
}

async fn read_frame(stream: &mut UnixStream) -> io::Result<Bytes> {
    let mut header = [0; HEADER_LENGTH];
    stream.read_exact(&mut header).await?;
    let length = frame::body_length(header).map_err(io::Error::other)?;
    let mut body = Vec::new();
    stream.take(length as u64).read_to_end(&mut body).await?;
    if body.len() < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Bytes::from(body))
}

/// The hook may be gone: then it has spooled the alert, and nobody is to be told.
async fn answer(stream: &mut UnixStream, answer: Answer) {
    let _ = stream.write_all(&[answer.to_byte()]).await;
}

/// The socket's name in the file system; removed on drop where it is still ours.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    fn new(path: &Path) -> io::Result<SocketFile> {
        Ok(SocketFile {
            path: path.to_owned(),
            identity: identity(path)?,
        })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_ours = identity(&self.path).is_ok_and(|identity| identity == self.identity);
        if is_ours && let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%error, "can't remove the hook socket");
        }
    }
}

/// Device and inode.
fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = std::fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}
