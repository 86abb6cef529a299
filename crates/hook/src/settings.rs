//! Where the hook's three settings come from: the environment, then `hook.conf`, then the defaults.
//!
//! | name | default | meaning |
//! |---|---|---|
//! | `ALERTBRIDGE_HOOK_SOCKET` | `/run/alertbridge/hook.sock` | the daemon's socket |
//! | `ALERTBRIDGE_HOOK_SPOOL` | `/var/lib/alertbridge/spool` | the folder the daemon drains |
//! | `ALERTBRIDGE_HOOK_TIMEOUT_MS` | `1000` | patience with the daemon in all, 1 to 60000 |
//!
//! The file has one `NAME=value` a line; `#` begins a comment line, one pair of quotes around a value is taken off.
//! It is `/etc/alertbridge/hook.conf` or what `ALERTBRIDGE_HOOK_CONF` names; a missing file is no fault. A fault in the
//! settings never stops an alert: the default is used and [`Settings::fault`] says so, for the log.

use std::{
    ffi::{OsStr, OsString},
    io::ErrorKind,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::spool::{self, ReadError};

/// Names another settings file.
pub const CONF: &str = "ALERTBRIDGE_HOOK_CONF";
/// Names the daemon's socket.
pub const SOCKET: &str = "ALERTBRIDGE_HOOK_SOCKET";
/// Names the spool folder.
pub const SPOOL: &str = "ALERTBRIDGE_HOOK_SPOOL";
/// Milliseconds the daemon has in all.
pub const TIMEOUT_MS: &str = "ALERTBRIDGE_HOOK_TIMEOUT_MS";

/// Where the settings file is unless [`CONF`] says otherwise.
pub const DEFAULT_CONF: &str = "/etc/alertbridge/hook.conf";
/// Where the daemon listens by default.
pub const DEFAULT_SOCKET: &str = "/run/alertbridge/hook.sock";
/// Where alerts wait by default.
pub const DEFAULT_SPOOL: &str = "/var/lib/alertbridge/spool";
/// How long the daemon has by default.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1);

const LONGEST_TIMEOUT_MS: u64 = 60_000;
const FILE_LIMIT: usize = 64 * 1024;

/// What the hook needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The daemon's socket.
    pub socket: PathBuf,
    /// The folder for alerts the daemon did not take.
    pub spool: PathBuf,
    /// From connecting to the answer, in all.
    pub timeout: Duration,
    /// What was wrong with the settings, one lower-case sentence for the log. Never holds a value.
    pub fault: Option<String>,
}

impl Settings {
    /// Reads the settings; `environment` is `std::env::var_os` outside of tests.
    pub fn load(environment: &dyn Fn(&str) -> Option<OsString>) -> Settings {
        let mut settings = Settings {
            socket: PathBuf::from(DEFAULT_SOCKET),
            spool: PathBuf::from(DEFAULT_SPOOL),
            timeout: DEFAULT_TIMEOUT,
            fault: None,
        };
        let set = |name| environment(name).filter(|value| !value.is_empty());
        let conf = set(CONF).unwrap_or_else(|| OsString::from(DEFAULT_CONF));
        settings.read_file(Path::new(&conf));
        for name in [SOCKET, SPOOL, TIMEOUT_MS] {
            if let Some(value) = set(name) {
                settings.set(name.as_bytes(), value.as_bytes());
            }
        }
        settings
    }

    fn read_file(&mut self, path: &Path) {
        let mut text = Vec::new();
        match spool::read(path, FILE_LIMIT, &mut text) {
            Ok(()) => self.read_text(&text),
            Err(ReadError::Empty) => {}
            Err(ReadError::Io(error)) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => self.complain(format!("the settings file can't be read ({error})")),
        }
    }

    fn read_text(&mut self, text: &[u8]) {
        for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let equals = line.iter().position(|byte| *byte == b'=');
            let known = equals.is_some_and(|at| {
                self.set(
                    line[..at].trim_ascii(),
                    without_quotes(line[at + 1..].trim_ascii()),
                )
            });
            if !known {
                self.complain(format!(
                    "line {} of the settings file is not a setting",
                    number + 1
                ));
            }
        }
    }

    /// Takes one setting; `false` where there is none of that name.
    fn set(&mut self, name: &[u8], value: &[u8]) -> bool {
        let path = || PathBuf::from(OsStr::from_bytes(value));
        if name == SOCKET.as_bytes() {
            self.socket = path();
        } else if name == SPOOL.as_bytes() {
            self.spool = path();
        } else if name == TIMEOUT_MS.as_bytes() {
            let number = std::str::from_utf8(value)
                .ok()
                .and_then(|text| text.parse().ok());
            match number.filter(|number| (1..=LONGEST_TIMEOUT_MS).contains(number)) {
                Some(number) => self.timeout = Duration::from_millis(number),
                None => self.complain(format!(
                    "{TIMEOUT_MS} is not a number from 1 to {LONGEST_TIMEOUT_MS}"
                )),
            }
        } else {
            return false;
        }
        true
    }

    /// Keeps the first fault: one line a run is enough to find the file.
    fn complain(&mut self, fault: String) {
        self.fault.get_or_insert(fault);
    }
}

fn without_quotes(value: &[u8]) -> &[u8] {
    match value {
        [b'"', inner @ .., b'"'] | [b'\'', inner @ .., b'\''] => inner,
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &[u8]) -> Settings {
        let mut settings =
            Settings::load(&|name| (name == CONF).then(|| OsString::from("/nonexistent")));
        settings.read_text(text);
        settings
    }

    proptest! {
        #[test]
        fn a_settings_file_of_any_bytes_gives_settings_that_can_be_used(
            text in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'='), Just(b'\n'), Just(b'"')], 0..200),
        ) {
            let settings = read(&text);
            prop_assert!(settings.timeout > Duration::ZERO);
            prop_assert!(settings.fault.is_none_or(|fault| !fault.contains('\n')));
        }

        #[test]
        fn paths_of_any_bytes_but_line_ends_come_through_in_quotes(
            path in prop::collection::vec(any::<u8>().prop_filter("one line", |byte| *byte != b'\n'), 1..100),
        ) {
            let line = [SPOOL.as_bytes(), b"=\"", &path, b"\"\n"].concat();
            let settings = read(&line);
            prop_assert_eq!(settings.spool.as_os_str().as_bytes(), &path);
            prop_assert_eq!(settings.fault, None);
        }
    }
}
