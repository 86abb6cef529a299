//! What an error of SQLite means for the ledger: wait and try again, damage, or a fault of one command.

use rusqlite::ErrorCode;

use crate::LedgerError;

/// An error while a command is applied.
#[derive(Debug, thiserror::Error)]
pub(super) enum SqlError {
    /// What SQLite said.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// The command can't be done, and it is known why.
    #[error(transparent)]
    Refused(#[from] LedgerError),
}

impl SqlError {
    /// The disk's (or another writer's) fault, not the command's: the same again later may work.
    pub(super) fn waits(&self) -> bool {
        let Self::Sqlite(error) = self else {
            return false;
        };
        matches!(
            error.sqlite_error_code(),
            Some(
                ErrorCode::DiskFull
                    | ErrorCode::SystemIoFailure
                    | ErrorCode::CannotOpen
                    | ErrorCode::DatabaseBusy
                    | ErrorCode::DatabaseLocked
                    | ErrorCode::OutOfMemory
                    | ErrorCode::ReadOnly
                    | ErrorCode::PermissionDenied
                    | ErrorCode::FileLockingProtocolFailed
            )
        )
    }

    /// The file itself is broken.
    pub(super) fn damage(&self) -> Option<String> {
        match self {
            Self::Sqlite(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                    Some(error.to_string())
                }
                _ => None,
            },
            Self::Refused(LedgerError::Damaged { detail }) => Some(detail.clone()),
            Self::Refused(_) => None,
        }
    }

    /// The answer for one whose command met this error.
    pub(super) fn answer(self) -> LedgerError {
        if let Some(detail) = self.damage() {
            return LedgerError::Damaged { detail };
        }
        match self {
            Self::Refused(error) => error,
            Self::Sqlite(error) => LedgerError::Fault {
                detail: error.to_string(),
            },
        }
    }

    /// The answer for one who wants to open or read a file.
    pub(super) fn opening(self, path: &std::path::Path) -> LedgerError {
        if let Some(detail) = self.damage() {
            return LedgerError::Damaged {
                detail: format!("{}: {detail}", path.display()),
            };
        }
        match self {
            Self::Refused(error) => error,
            Self::Sqlite(error) => LedgerError::Unusable {
                detail: format!("{}: {error}", path.display()),
            },
        }
    }
}
