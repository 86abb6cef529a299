//! Exit codes, as in `sysexits.h`. They are part of the interface: scripts and unit files may rely on them.

use std::process::ExitCode;

/// Why the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Success = 0,
    /// The answer is no: the books do not balance, the ledger is damaged, the demo lost an alert.
    Unbalanced = 1,
    /// The command line is wrong (clap's own code).
    Usage = 2,
    /// A server we need does not answer.
    Unavailable = 69,
    /// A fault in this program.
    Software = 70,
    /// Reading or writing a file failed.
    Io = 74,
    /// Part of it was done.
    Partial = 75,
    /// A key was refused or lacks a permission.
    Permission = 77,
    /// The configuration is wrong.
    Config = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
