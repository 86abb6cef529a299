//! The one line the hook leaves behind where something went wrong: `logs/integrations.log` under the Wazuh home, which
//! is the working folder integratord gives it (facts/wazuh.md §1.3).
//!
//! `2026-11-21 09:30:00 [FAIL] alertbridge-hook: … (time in UTC)`: the shape other integrations write (facts/peers.md §6),
//! in UTC because the standard library knows no time zones. `FAIL` means that the alert was not kept, `ERR` that
//! it was but the settings need a hand. Nothing from the command line is ever part of a line: an api key may stand
//! anywhere on it.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::spool::NEVER_BLOCK;

const LOG: &str = "logs/integrations.log";

/// Appends one line; to stderr, which integratord copies into `ossec.log`, where there is no such log.
pub(crate) fn write(now: SystemTime, word: &str, text: &str) {
    let line = line(now, word, text);
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o640)
        .custom_flags(NEVER_BLOCK)
        .open(LOG);
    if file
        .and_then(|mut file| file.write_all(line.as_bytes()))
        .is_err()
    {
        // Nobody is left to tell where this fails too; the exit code still says it.
        let _ = io::stderr().write_all(line.as_bytes());
    }
}

/// For the program's panic hook: the same line for a bug in the hook itself, with its place in the source.
pub fn report_panic(now: SystemTime, location: Option<&std::panic::Location<'_>>) {
    let place = location.map_or_else(|| String::from("an unknown place"), ToString::to_string);
    write(
        now,
        "FAIL",
        &format!("the alert was not kept: bug at {place}, please report it"),
    );
}

fn line(now: SystemTime, word: &str, text: &str) -> String {
    let seconds = now
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_secs();
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!(
        "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} [{word}] alertbridge-hook: {text} (time in UTC)\n"
    )
}

/// Year, month and day of the `days`-th day after 1970-01-01 (Gregorian calendar).
fn date(mut days: u64) -> (u64, u64, u64) {
    let mut year = 1970;
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if days < length {
            break;
        }
        days -= length;
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_is_right_on_the_days_where_calendars_go_wrong() {
        // Seconds from `date -u -d … +%s`.
        for (seconds, expected) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_400, "2000-02-29 00:00:00"),
            (1_709_251_199, "2024-02-29 23:59:59"),
            (1_735_689_599, "2024-12-31 23:59:59"),
            (1_795_253_400, "2026-11-21 09:30:00"),
            (4_107_542_400, "2100-03-01 00:00:00"),
        ] {
            let line = line(UNIX_EPOCH + Duration::from_secs(seconds), "FAIL", "why");
            assert_eq!(
                line,
                format!("{expected} [FAIL] alertbridge-hook: why (time in UTC)\n")
            );
        }
    }
}
