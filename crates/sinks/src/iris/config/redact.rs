//! The key `redact`.

use serde::Deserialize;

/// Which texts are shown without secrets. The source content always stays as it is: it is the evidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Redact {
    /// Titles: everyone sees them, in lists, mails and other tools.
    #[default]
    Title,
    /// Titles, descriptions (of the alert, its assets and IOCs), the context, notes and comments.
    Text,
    /// None.
    Off,
}
