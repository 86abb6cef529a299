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
    panic, process,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::{run::EXIT_BUG, spool::NEVER_BLOCK};

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

/// Makes a bug in the hook end like every other failure: one line in the log and [`EXIT_BUG`], on whatever thread it is.
///
/// Without it a panic would end in SIGABRT, and integratord answers a death by signal by writing the whole command line,
/// with the api key, into `ossec.log` (facts/wazuh.md §1.4). Neither line nor code is built from the panic's message,
/// which may hold anything. Only for a program that is the hook and nothing else.
pub fn exit_on_panic(now: fn() -> SystemTime) {
    panic::set_hook(Box::new(move |bug| {
        let place = bug
            .location()
            .map_or_else(|| String::from("an unknown place"), ToString::to_string);
        write(
            now(),
            "FAIL",
            &format!("the alert was not kept: bug at {place}, please report it"),
        );
        process::exit(i32::from(EXIT_BUG));
    }));
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
    fn the_time_of_a_line_is_the_calendar_s_on_every_day_until_2400() {
        // Each day at another second of the day.
        for day in 0..157_000 {
            let seconds = day * 86_400 + day * 7919 % 86_400;
            let expected = jiff::Timestamp::from_second(seconds)
                .unwrap()
                .strftime("%Y-%m-%d %H:%M:%S")
                .to_string();
            let time = UNIX_EPOCH + Duration::from_secs(seconds.unsigned_abs());
            let line = line(time, "FAIL", "why");
            assert_eq!(
                line,
                format!("{expected} [FAIL] alertbridge-hook: why (time in UTC)\n")
            );
        }
    }
}
