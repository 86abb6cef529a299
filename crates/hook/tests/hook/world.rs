//! What surrounds a hook: a Wazuh home to run in, an alert file, a spool folder and a daemon that behaves as told.

use std::{
    ffi::OsStr,
    fs,
    io::{Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    thread,
};

use alertbridge_hook::{
    frame::{self, Answer, HEADER_LENGTH},
    settings, spool,
};
use tempfile::TempDir;

/// Stands where integratord would put the key; no test may find it anywhere afterwards.
pub const API_KEY: &str = "s3cr3t-Api-Key";
pub const HOOK_URL: &str = "https://iris.example/alerts/add?token=s3cr3t-Url";
pub const ALERT: &[u8] = b"{\"id\":\"1795248034.1\",\"rule\":{\"level\":7}}\n";

/// Folders of one test.
pub struct World {
    pub home: TempDir,
    pub alert: PathBuf,
    pub spool: PathBuf,
    pub socket: PathBuf,
    /// Milliseconds the hook has patience; long, so that only tests of the deadline reach it.
    pub timeout_ms: String,
}

impl World {
    /// A Wazuh home with `logs`, a spool folder and [`ALERT`] in an alert file; nobody listens.
    pub fn new() -> World {
        let home = TempDir::new().unwrap();
        fs::create_dir(home.path().join("logs")).unwrap();
        fs::create_dir(home.path().join("spool")).unwrap();
        let alert = home.path().join("custom-iris-1795248034--1974851573.alert");
        fs::write(&alert, ALERT).unwrap();
        World {
            alert,
            spool: home.path().join("spool"),
            socket: home.path().join("hook.sock"),
            timeout_ms: String::from("20000"),
            home,
        }
    }

    /// The hook with this world's settings and no arguments yet; both outputs are pipes, as integratord's are.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_alertbridge-hook"));
        command
            .current_dir(self.home.path())
            .env_clear()
            .env(settings::SOCKET, &self.socket)
            .env(settings::SPOOL, &self.spool)
            .env(settings::TIMEOUT_MS, &self.timeout_ms)
            .env(settings::CONF, self.home.path().join("hook.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Starts the hook as Wazuh 4.8 and later do.
    pub fn start(&self) -> Child {
        self.command().args(self.arguments()).spawn().unwrap()
    }

    pub fn arguments(&self) -> Vec<&OsStr> {
        let alert = self.alert.as_os_str();
        let rest = [API_KEY, HOOK_URL, "", "", "10", "3", "> /dev/null 2>&1"].map(OsStr::new);
        [&[alert], &rest[..]].concat()
    }

    /// Runs the hook to its end as integratord does: reads both pipes to EOF, then waits.
    pub fn run(&self) -> Output {
        self.start().wait_with_output().unwrap()
    }

    /// What is in the spool folder, in the order of the names.
    pub fn spooled(&self) -> Vec<Vec<u8>> {
        let mut names: Vec<_> = names(&self.spool)
            .into_iter()
            .filter(|name| spool::is_alert(name.as_ref()))
            .collect();
        names.sort();
        names
            .iter()
            .map(|name| fs::read(self.spool.join(name)).unwrap())
            .collect()
    }

    /// The lines of `logs/integrations.log`.
    pub fn log(&self) -> Vec<String> {
        let text =
            fs::read_to_string(self.home.path().join("logs/integrations.log")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// Exit 0 and not a word: what every delivered alert must look like to integratord.
#[track_caller]
pub fn assert_kept(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_silent(output);
}

#[track_caller]
pub fn assert_silent(output: &Output) {
    assert!(
        output.stdout.is_empty() && output.stderr.is_empty(),
        "{output:?}"
    );
}

/// `code`, silence on both pipes, and exactly one line in the log, which is returned.
#[track_caller]
pub fn assert_failed(world: &World, output: &Output, code: u8) -> String {
    assert_eq!(output.status.code(), Some(i32::from(code)), "{output:?}");
    assert_silent(output);
    let log = world.log();
    assert_eq!(log.len(), 1, "{log:?}");
    assert_eq!(&log[0][19..27], " [FAIL] ", "{log:?}");
    log[0].clone()
}

/// A daemon that serves each connection with `serve`, and hands out every body it got.
pub fn daemon(
    socket: &Path,
    serve: impl Fn(UnixStream) -> Option<Vec<u8>> + Send + 'static,
) -> mpsc::Receiver<Vec<u8>> {
    let listener = UnixListener::bind(socket).unwrap();
    let (sender, bodies) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            if let Some(body) = serve(stream.unwrap()) {
                sender.send(body).unwrap();
            }
        }
    });
    bodies
}

pub fn read_frame(stream: &mut UnixStream) -> Vec<u8> {
    let mut header = [0; HEADER_LENGTH];
    stream.read_exact(&mut header).unwrap();
    let mut body = vec![0; frame::body_length(header).unwrap()];
    stream.read_exact(&mut body).unwrap();
    body
}

/// A daemon that answers every frame.
pub fn answering(socket: &Path, answer: Answer) -> mpsc::Receiver<Vec<u8>> {
    daemon(socket, move |mut stream| {
        let body = read_frame(&mut stream);
        stream.write_all(&[answer.to_byte()]).unwrap();
        // Nothing follows the frame.
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        Some(body)
    })
}
