//! What an alert stands for beside itself: the alerts counted into a digest, and the alert it goes on from.

use jiff::Timestamp;

/// Many alerts delivered as one. The [`crate::Outgoing`] that carries it has the first member's alert and a reference of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// Why they are one.
    pub kind: DigestKind,
    /// How many alerts it stands for, the first included.
    pub folded: u64,
    /// When the first came, UTC.
    pub opened_at: Timestamp,
    /// When the last came, UTC.
    pub last_at: Timestamp,
    /// What varies between them.
    pub fields: Vec<FieldSummary>,
    /// The references of the first ones, in order.
    pub members: Vec<String>,
    /// The rule level it is delivered with.
    pub level: u32,
}

/// Why alerts became a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestKind {
    /// A sink's budget was spent.
    Budget,
    /// One rule on one agent fired too often.
    Burst,
}

/// The values of one field that varies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSummary {
    /// What it is, in the plural: `source IPs`.
    pub label: String,
    /// The first distinct values.
    pub values: Vec<String>,
    /// How many distinct values there were.
    pub distinct: u64,
    /// Whether `distinct` is an estimate.
    pub estimated: bool,
}

/// The alert that this one goes on from, because people are done with that one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Continues {
    /// The sink's id of it.
    pub id: String,
    /// A link to it.
    pub link: Option<String>,
    /// What became of it: `closed`, `merged`, `deleted`.
    pub why: String,
}
