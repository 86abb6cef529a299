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
    path::{Path, PathBuf},
    process::{self, ExitCode},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, SystemTime},
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

/// Hands over the alert named in `arguments` (the whole command line, the program's own name first).
///
/// `environment` is `std::env::var_os`, `now` the time of the call. Takes at most the setting's timeout and one write to
/// the spool. The process should end after it: where the daemon hangs, a thread waiting for it is left behind.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    environment: &dyn Fn(&str) -> Option<OsString>,
    now: SystemTime,
) -> ExitCode {
    let settings = Settings::load(environment);
    let kept = keep(arguments, &settings, now);
    let hint = settings
        .fault
        .map(|fault| format!("; settings: {fault}"))
        .unwrap_or_default();
    match kept {
        Ok(()) if hint.is_empty() => ExitCode::SUCCESS,
        Ok(()) => {
            log::write(now, "ERR", &format!("the alert was kept{hint}"));
            ExitCode::SUCCESS
        }
        Err(failure) => {
            log::write(
                now,
                "FAIL",
                &format!("the alert was not kept: {}{hint}", failure.why),
            );
            ExitCode::from(failure.code)
        }
    }
}

struct Failure {
    code: u8,
    why: String,
}

fn keep(
    arguments: impl IntoIterator<Item = OsString>,
    settings: &Settings,
    now: SystemTime,
) -> Result<(), Failure> {
    let Some(path) = arguments.into_iter().nth(1).filter(|path| !path.is_empty()) else {
        return Err(Failure {
            code: EXIT_NO_ALERT_FILE,
            why: String::from("integratord named no alert file; is /tmp read-only or full?"),
        });
    };
    let frame = Arc::new(read_into_frame(Path::new(&path))?);
    let Err(daemon) = hand_over(&frame, &settings.socket, settings.timeout) else {
        return Ok(());
    };
    match spool::store(&settings.spool, &frame[HEADER_LENGTH..], now, process::id()) {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure {
            code: EXIT_NOT_KEPT,
            why: format!("the daemon did not take it ({daemon}), nor the spool folder ({error})"),
        }),
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

/// Sends the frame and waits until it is durable, `timeout` in all.
///
/// On a thread of its own: connecting to a Unix socket blocks for as long as the daemon is stopped with a full queue
/// of connections, and the standard library can't bound that. The process ends without asking the thread.
fn hand_over(frame: &Arc<Vec<u8>>, socket: &Path, timeout: Duration) -> Result<(), String> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let frame = Arc::clone(frame);
    let socket = PathBuf::from(socket);
    thread::Builder::new()
        .stack_size(64 * 1024)
        .spawn(move || {
            // Nobody listens any more once the time is over.
            let _ = sender.send(exchange(&frame, &socket));
        })
        .map_err(|error| format!("no thread to ask it: {error}"))?;
    match receiver.recv_timeout(timeout) {
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer within {} ms", timeout.as_millis())),
    }
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
