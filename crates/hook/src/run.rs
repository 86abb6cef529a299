//! One run of the hook: read the alert file, hand it to the daemon, else spool it.
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | durable: the daemon has it, or the spool folder |
//! | 64 | argv[1] is missing or empty: integratord could not write its file (facts/wazuh.md §1.3) |
//! | 65 | the alert file is empty or longer than 32 MiB |
//! | 66 | the alert file is missing or can't be read |
//! | 70 | a bug in the hook |
//! | 74 | neither the daemon nor the spool folder took it |
//!
//! Never 127 and never a signal: integratord answers both by writing the whole command line, with the api key, into
//! `ossec.log` (facts/wazuh.md §1.4). It does not try again after any code, so every other than 0 is a lost alert on this way.
//!
//! Only argv[1] is looked at. Blanks in the key or the address shift what follows, older managers give fewer
//! arguments, and the last one may be the text of a shell redirection: none of that matters here.

use std::{
    ffi::OsString,
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    process::{self, ExitCode},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::SystemTime,
};

use crate::{
    frame::{self, Answer, BODY_LIMIT, HEADER_LENGTH},
    log,
    settings::Settings,
    spool::{self, ReadError},
};

/// The alert file is empty or too long.
pub const EXIT_BAD_ALERT: u8 = 65;
/// A bug in the hook.
pub const EXIT_BUG: u8 = 70;
/// No alert file was named.
pub const EXIT_NO_ALERT_FILE: u8 = 64;
/// Neither the daemon nor the spool folder took the alert.
pub const EXIT_NOT_KEPT: u8 = 74;
/// The alert file can't be read.
pub const EXIT_UNREADABLE_ALERT: u8 = 66;

/// Enough to write a spool file and a log line.
const WATCH_STACK: usize = 128 * 1024;

/// Hands over the alert named in `arguments` (the whole command line, the program's own name first).
///
/// `environment` is `std::env::var_os`, `now` the time of the call. Takes at most the setting's timeout and one write to
/// the spool. Where the daemon hangs, this ends the process itself instead of returning: a thread is stuck in the socket.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    environment: &dyn Fn(&str) -> Option<OsString>,
    now: SystemTime,
) -> ExitCode {
    let settings = Settings::load(environment);
    let path = arguments.into_iter().nth(1).filter(|path| !path.is_empty());
    let read = match path {
        Some(path) => read_into_frame(Path::new(&path)),
        None => Err(Failure {
            code: EXIT_NO_ALERT_FILE,
            why: String::from("integratord named no alert file; is /tmp read-only or full?"),
        }),
    };
    match read {
        Ok(frame) => hand_over(Alert {
            frame,
            settings,
            now,
            ended: AtomicBool::new(false),
        }),
        Err(failure) => ExitCode::from(report(Err(failure), &settings, now)),
    }
}

struct Failure {
    code: u8,
    why: String,
}

/// One alert on its way, shared by the thread that talks to the daemon and the one that watches the time.
struct Alert {
    frame: Vec<u8>,
    settings: Settings,
    now: SystemTime,
    ended: AtomicBool,
}

impl Alert {
    /// Brings the run to its end, once: the first thread that comes here gets the exit code, the other one nothing.
    fn end(&self, daemon: Result<(), String>) -> Option<u8> {
        if self.ended.swap(true, Ordering::SeqCst) {
            return None;
        }
        let kept = daemon.or_else(|daemon| self.spool(&daemon));
        Some(report(kept, &self.settings, self.now))
    }

    fn spool(&self, daemon: &str) -> Result<(), Failure> {
        let body = &self.frame[HEADER_LENGTH..];
        match spool::store(&self.settings.spool, body, self.now, process::id()) {
            Ok(_) => Ok(()),
            Err(error) => Err(Failure {
                code: EXIT_NOT_KEPT,
                why: format!(
                    "the daemon did not take it ({daemon}), nor the spool folder ({error})"
                ),
            }),
        }
    }
}

/// Writes the log's line where one is due, and says the exit code.
fn report(kept: Result<(), Failure>, settings: &Settings, now: SystemTime) -> u8 {
    let hint = settings
        .fault
        .as_ref()
        .map(|fault| format!("; settings: {fault}"))
        .unwrap_or_default();
    match kept {
        Ok(()) if hint.is_empty() => 0,
        Ok(()) => {
            log::write(now, "ERR", &format!("the alert was kept{hint}"));
            0
        }
        Err(failure) => {
            log::write(
                now,
                "FAIL",
                &format!("the alert was not kept: {}{hint}", failure.why),
            );
            failure.code
        }
    }
}

/// Sends the frame, waits until it is durable, and spools it where that fails or takes too long.
///
/// Connecting to a Unix socket blocks for as long as a stopped daemon's queue of connections is full, and the standard
/// library can't bound that. So another thread watches the time, and when it is over spools and ends the process.
/// (The other way round, with the socket on the second thread, each run waits for one more change of threads.)
fn hand_over(alert: Alert) -> ExitCode {
    let alert = Arc::new(alert);
    let watched = Arc::clone(&alert);
    let watch = move || {
        let timeout = watched.settings.timeout;
        thread::sleep(timeout);
        if let Some(code) = watched.end(Err(format!("no answer within {} ms", timeout.as_millis())))
        {
            process::exit(i32::from(code));
        }
    };
    let daemon = match thread::Builder::new().stack_size(WATCH_STACK).spawn(watch) {
        Ok(_) => exchange(&alert.frame, &alert.settings.socket),
        Err(error) => Err(format!("no thread to watch the time: {error}")),
    };
    match alert.end(daemon) {
        Some(code) => ExitCode::from(code),
        // The watch has taken over and ends the process.
        None => loop {
            thread::park();
        },
    }
}

/// The alert with its header before it, so that it goes out in one write.
fn read_into_frame(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut frame = vec![0; HEADER_LENGTH];
    let read = spool::read(path, BODY_LIMIT, &mut frame);
    let failed = |code, why: String| Err(Failure { code, why });
    match read {
        Ok(()) => {}
        Err(ReadError::Io(error)) => {
            return failed(
                EXIT_UNREADABLE_ALERT,
                format!("the alert file can't be read ({error})"),
            );
        }
        Err(error @ ReadError::NotAFile) => {
            return failed(
                EXIT_UNREADABLE_ALERT,
                format!("the alert file can't be read ({error})"),
            );
        }
        Err(error @ (ReadError::Empty | ReadError::TooLong(_))) => {
            return failed(
                EXIT_BAD_ALERT,
                format!("there is no alert to read ({error}); is /tmp full?"),
            );
        }
    }
    match frame::header(frame.len() - HEADER_LENGTH) {
        Ok(header) => frame[..HEADER_LENGTH].copy_from_slice(&header),
        Err(error) => return failed(EXIT_BAD_ALERT, error.to_string()),
    }
    Ok(frame)
}

fn exchange(frame: &[u8], socket: &Path) -> Result<(), String> {
    let mut answer = [0];
    UnixStream::connect(socket)
        .and_then(|mut stream| {
            // A daemon that refuses may answer and close before it has read everything: the answer counts.
            let written = stream.write_all(frame);
            stream
                .read_exact(&mut answer)
                .map_err(|error| written.err().unwrap_or(error))
        })
        .map_err(|error| error.to_string())?;
    match Answer::from_byte(answer[0]) {
        Some(Answer::Stored) => Ok(()),
        Some(Answer::Refused) => Err(String::from("it refused")),
        None => Err(String::from(
            "its answer is none; install hook and daemon from the same release",
        )),
    }
}
