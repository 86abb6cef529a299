//! What the program says when it can't go on: the cause, what to do about it, and the exit code.

use std::fmt;

use alertbridge_ledger::LedgerError;

use crate::exit::Exit;

/// A failure the operator can do something about.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    cause: String,
    remedy: Option<String>,
}

impl Failure {
    /// A failure with its exit code.
    pub fn new(exit: Exit, cause: impl fmt::Display) -> Self {
        Self {
            exit,
            cause: cause.to_string(),
            remedy: None,
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl fmt::Display) -> Self {
        self.remedy = Some(remedy.to_string());
        self
    }

    /// A file that could not be read or written.
    pub fn io(what: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::new(
            Exit::Io,
            format!("can't {what} {}: {error}", path.display()),
        )
    }

    /// A fault in this program.
    pub fn fault(what: impl fmt::Display) -> Self {
        Self::new(Exit::Software, what)
            .remedy("this is a fault in alertbridge; please report it with the lines above")
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.cause)?;
        match &self.remedy {
            Some(remedy) => write!(f, "\n  remedy: {remedy}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        let exit = match &error {
            LedgerError::InUse { .. } | LedgerError::Newer { .. } => Exit::Config,
            LedgerError::Fault { .. } => Exit::Software,
            _ => Exit::Io,
        };
        Self::new(exit, error)
    }
}
