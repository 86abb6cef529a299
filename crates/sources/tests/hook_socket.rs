//! The hook's socket: nothing is acknowledged before it is durable, and no client stops the others.

#![expect(
    clippy::unwrap_used,
    reason = "a test helper that fails is a test that fails"
)]

mod memory;

use std::{
    ffi::OsString,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::UNIX_EPOCH,
};

use alertbridge_hook::{
    frame::{self, Answer},
    settings,
};
use alertbridge_sources::{
    Record,
    hook_socket::{CONNECTIONS, HookSocket, HookSocketError},
};
use bytes::Bytes;
use memory::{MemoryIntake, Mode, until};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    sync::oneshot,
    task::JoinHandle,
};

const ALERT: &[u8] = b"{\"id\":\"1.1\"}\n";

/// A served socket in a folder of its own.
struct Served {
    folder: TempDir,
    path: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
}

impl Served {
    async fn start(intake: &Arc<MemoryIntake>) -> Served {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("hook.sock");
        let socket = HookSocket::bind(&path, 0o660).await.unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(socket.serve(intake.clone(), async {
            let _ = stopped.await;
        }));
        Served {
            folder,
            path,
            stop: Some(stop),
            server,
        }
    }

    async fn send(&self, bytes: &[u8]) -> UnixStream {
        let mut stream = UnixStream::connect(&self.path).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream
    }

    async fn send_alert(&self) -> UnixStream {
        self.send(&framed(ALERT)).await
    }

    fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }
}

fn framed(body: &[u8]) -> Vec<u8> {
    [&frame::header(body.len()).unwrap()[..], body].concat()
}

/// The answer; `None` where the connection was closed without one.
async fn answer(stream: &mut UnixStream) -> Option<Answer> {
    let mut byte = [0];
    match stream.read(&mut byte).await {
        Ok(1) => Answer::from_byte(byte[0]),
        _ => None,
    }
}

#[tokio::test]
async fn an_alert_is_acknowledged_when_it_is_durable_and_not_before() {
    let intake = MemoryIntake::new(Mode::Hold);
    let served = Served::start(&intake).await;
    let mut hook = served.send_alert().await;
    until(|| intake.batches().len() == 1).await;
    let mut byte = [0];
    assert_eq!(
        hook.try_read(&mut byte).unwrap_err().kind(),
        std::io::ErrorKind::WouldBlock
    );
    intake.release();
    assert_eq!(answer(&mut hook).await, Some(Answer::Stored));

    let batch = &intake.batches()[0];
    assert_eq!((batch.source, &batch.place[..]), ("hook", "hook"));
    assert_eq!(batch.records, [Record::Alert(Bytes::from_static(ALERT))]);
    assert_eq!(batch.checkpoint, None);
}

#[tokio::test]
async fn an_alert_the_ledger_did_not_keep_is_refused() {
    for mode in [Mode::Reject, Mode::Drop] {
        let intake = MemoryIntake::new(mode);
        let served = Served::start(&intake).await;
        assert_eq!(
            answer(&mut served.send_alert().await).await,
            Some(Answer::Refused)
        );
    }
}

#[tokio::test]
async fn frames_of_any_bytes_and_size_come_through() {
    let intake = MemoryIntake::new(Mode::Accept);
    let served = Served::start(&intake).await;
    for body in [
        vec![0],
        (0..=255).collect(),
        vec![b'x'; 65_536],
        vec![b'x'; 1024 * 1024],
    ] {
        let mut stream = UnixStream::connect(&served.path).await.unwrap();
        stream.write_all(&framed(&body)).await.unwrap();
        assert_eq!(answer(&mut stream).await, Some(Answer::Stored));
        assert_eq!(
            intake.records().last(),
            Some(&Record::Alert(Bytes::from(body)))
        );
    }
}

#[tokio::test]
async fn what_is_no_frame_is_never_stored_and_disturbs_nobody() {
    let intake = MemoryIntake::new(Mode::Accept);
    let served = Served::start(&intake).await;
    let bad: [&[u8]; 6] = [
        b"",
        b"ABH",
        b"GET / HTTP/1.1\r\n\r\n",
        b"ABH\x02\x01\x00\x00\x00x",
        b"ABH\x01\xff\xff\xff\xffx",
        b"ABH\x01\x05\x00\x00\x00four",
    ];
    for bytes in bad {
        let mut client = served.send(bytes).await;
        // May fail where the server has closed already.
        let _ = client.shutdown().await;
        assert_ne!(answer(&mut client).await, Some(Answer::Stored), "{bytes:?}");
    }
    assert_eq!(intake.records(), []);
    assert_eq!(
        answer(&mut served.send_alert().await).await,
        Some(Answer::Stored)
    );
}

#[tokio::test(start_paused = true)]
async fn clients_that_send_half_a_frame_lose_their_place_after_the_deadline() {
    let intake = MemoryIntake::new(Mode::Accept);
    let served = Served::start(&intake).await;
    let mut stuck = Vec::new();
    for _ in 0..CONNECTIONS {
        stuck.push(served.send(&framed(ALERT)[..10]).await);
    }
    let mut hook = served.send_alert().await;
    assert_eq!(answer(&mut hook).await, Some(Answer::Stored));
    for client in &mut stuck {
        assert_eq!(answer(client).await, None);
    }
    assert_eq!(intake.records().len(), 1);
}

#[tokio::test]
async fn alerts_whose_hooks_went_away_keep_their_places_until_they_are_durable() {
    // While a disk is full, each hook waits its second and spools: what it leaves in memory must stay bounded.
    let intake = MemoryIntake::new(Mode::Hold);
    let served = Served::start(&intake).await;
    for number in 1..=CONNECTIONS {
        let hook = served.send_alert().await;
        until(|| intake.batches().len() == number).await;
        drop(hook);
    }
    let mut one_more = served.send_alert().await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(intake.batches().len(), CONNECTIONS);
    intake.set(Mode::Accept);
    intake.release();
    assert_eq!(answer(&mut one_more).await, Some(Answer::Stored));
}

#[tokio::test]
async fn a_stop_answers_the_alerts_in_work_and_takes_no_others() {
    let intake = MemoryIntake::new(Mode::Hold);
    let mut served = Served::start(&intake).await;
    let mut hook = served.send_alert().await;
    until(|| intake.batches().len() == 1).await;
    served.stop();
    until(|| !served.path.exists()).await;
    assert!(UnixStream::connect(&served.path).await.is_err());
    assert!(!served.server.is_finished());
    intake.release();
    assert_eq!(answer(&mut hook).await, Some(Answer::Stored));
    served.server.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_ever_for_a_full_disk() {
    let intake = MemoryIntake::new(Mode::Hold);
    let mut served = Served::start(&intake).await;
    let mut hook = served.send_alert().await;
    until(|| intake.batches().len() == 1).await;
    served.stop();
    served.server.await.unwrap();
    assert_eq!(
        answer(&mut hook).await,
        None,
        "the hook is told nothing and spools"
    );
}

#[tokio::test]
async fn the_socket_of_a_crashed_daemon_is_replaced() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("hook.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let _socket = HookSocket::bind(&path, 0o660).await.unwrap();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o660
    );
    UnixStream::connect(&path).await.unwrap();
}

#[tokio::test]
async fn a_daemon_that_listens_is_not_pushed_aside_not_even_a_stopped_one() {
    let intake = MemoryIntake::new(Mode::Accept);
    let served = Served::start(&intake).await;
    let error = HookSocket::bind(&served.path, 0o660).await.unwrap_err();
    assert!(matches!(error, HookSocketError::InUse(_)), "{error}");
    assert_eq!(
        answer(&mut served.send_alert().await).await,
        Some(Answer::Stored)
    );

    let path = served.folder.path().join("stopped.sock");
    let stopped = std::os::unix::net::UnixListener::bind(&path).unwrap();
    rustix::net::listen(&stopped, 0).unwrap();
    let _fills_the_queue = UnixStream::connect(&path).await.unwrap();
    let error = HookSocket::bind(&path, 0o660).await.unwrap_err();
    assert!(matches!(error, HookSocketError::InUse(_)), "{error}");
    assert!(path.exists());
}

#[tokio::test]
async fn what_is_not_a_socket_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("hook.sock");
    fs::write(&path, "precious").unwrap();
    let error = HookSocket::bind(&path, 0o660).await.unwrap_err();
    assert!(matches!(error, HookSocketError::NotASocket(_)), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"precious");

    let error = HookSocket::bind(&folder.path().join("no/hook.sock"), 0o660)
        .await
        .unwrap_err();
    assert!(matches!(error, HookSocketError::Io { .. }), "{error}");
}

#[tokio::test]
async fn a_successors_socket_is_not_removed() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("hook.sock");
    let first = HookSocket::bind(&path, 0o660).await.unwrap();
    fs::rename(&path, folder.path().join("moved")).unwrap();
    let _second = HookSocket::bind(&path, 0o660).await.unwrap();
    drop(first);
    UnixStream::connect(&path).await.unwrap();
}

/// The hook's own code on this socket.
async fn run_hook(alert: &Path, socket: &Path, spool: &Path) -> ExitCode {
    let arguments = [OsString::from("integrations"), alert.into()];
    let (socket, spool) = (socket.to_owned(), spool.to_owned());
    let environment = move |name: &str| match name {
        settings::SOCKET => Some(socket.clone().into_os_string()),
        settings::SPOOL => Some(spool.clone().into_os_string()),
        settings::TIMEOUT_MS => Some(OsString::from("20000")),
        _ => None,
    };
    tokio::task::spawn_blocking(move || alertbridge_hook::run(arguments, &environment, UNIX_EPOCH))
        .await
        .unwrap()
}

#[tokio::test]
async fn the_real_hook_is_served_and_spools_what_is_refused() {
    let intake = MemoryIntake::new(Mode::Accept);
    let served = Served::start(&intake).await;
    let alert = served.folder.path().join("a.alert");
    let spool = served.folder.path().join("spool");
    fs::write(&alert, ALERT).unwrap();
    assert_eq!(
        run_hook(&alert, &served.path, &spool).await,
        ExitCode::SUCCESS
    );
    assert_eq!(intake.records(), [Record::Alert(Bytes::from_static(ALERT))]);
    assert!(!spool.exists());

    intake.set(Mode::Reject);
    assert_eq!(
        run_hook(&alert, &served.path, &spool).await,
        ExitCode::SUCCESS
    );
    assert_eq!(fs::read_dir(&spool).unwrap().count(), 1);
}
