//! Standard output of commands that print data.
//!
//! A reader that has seen enough (`| head`) ends the command quietly; any other failure to write is told.

use std::{fmt, io::Write};

use crate::{exit::Exit, failure::Failure};

/// Prints text as it is.
///
/// # Errors
/// Where it can't be written; ends the program where nobody reads any more.
pub fn print(text: impl fmt::Display) -> Result<(), Failure> {
    let written = {
        let mut out = std::io::stdout().lock();
        write!(out, "{text}").and_then(|()| out.flush())
    };
    match written {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => Err(Failure::new(
            Exit::Io,
            format!("can't write to standard output: {error}"),
        )),
    }
}

/// Prints a line.
///
/// # Errors
/// As [`print()`].
pub fn line(text: impl fmt::Display) -> Result<(), Failure> {
    print(format_args!("{text}\n"))
}
