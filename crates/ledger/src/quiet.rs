//! The language of quiet: how an alert is counted into another instead of being delivered itself, and what silences it.
//!
//! What may be a repeat of what is decided before the ledger sees an alert (crate `pipeline`, a pure function of the alert and the
//! rules). Whether it *is* one can only be told here, in the transaction that also knows second copies of the same alert, what
//! became of the first one, and what other managers sent: the state and the outcome are committed together.
//!
//! The laws, in the order they are asked for an alert that is neither a copy nor silenced:
//! 1. **Repeat.** There is an open group of its key, of at least its level, whose last alert is at most `window` and whose first at
//!    most `longest_life` ago: folded into it. Else the alert opens a group of its own, once it is routed.
//! 2. **Burst.** Its burst key has an open digest: folded into it. Else, where more than `limit` alerts of that key were routed
//!    within `period`, it opens one.
//! 3. **Budget.** Of its budgets one is spent for this period: folded into that budget's digest, which is opened where there is
//!    none. (Opening a burst's digest costs a budget one alert; where it is spent, the alert goes into the budget's digest.)
//! 4. Else it is routed.
//!
//! Where an alert has no sink, there is nobody to be spared: it is routed, and opens nothing. Only what is routed is charged to
//! bursts and budgets. A burst's period begins with the first alert after the last period; a budget's at multiples of it since 1970.
//!
//! **The first route** of an alert is the one that shows it to people; other sinks are told of it once. Only the first route is
//! told how far a group has come, only there can the parent die or be closed as far as the group is concerned, and a successor
//! goes there alone: no sink that only takes events down gets one for what it has already.
//!
//! **Ends.** A group of which the parent died at its first route goes on with a member whose bytes are kept, the oldest of the
//! highest level (among the first 1,000, so that it takes no time), which is routed there, by the lane the parent had then; a
//! digest's ends. One whose parent was closed there ends, and what that sink was
//! not told goes on with a new alert, likewise chosen, that names the old one ([`Continues`]); where nothing is untold or no bytes are kept, the next
//! alert of the key does, as long as the group would have lived. The new group begins without values (they are not known by alert): those of
//! the old one would hide who is new. One whose count can't be told ends as it is, and the next alert of its key is delivered for itself, which shows
//! people what the old one can't. A group in which nothing was folded leaves no trace when it ends by age.
//!
//! **Bounds.** At most [`MOST_GROUPS`] are open: then the ones that would end first leave. A digest waits for no longer than
//! [`crate::LONGEST_WAIT`], as any delivery.
//!
//! A clock that was set back (by more than the minute that sources may differ) never keeps a group open for longer than its
//! window from the next intake on: times in the future count as now.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A hash of what makes two alerts the same again (and of where they are routed to, so that customers are never mixed).
pub type FoldKey = [u8; 16];

/// So many distinct values of a field are kept in words; beyond, they are counted.
pub const MOST_VALUES: usize = 20;

/// So many fields of a group are told apart; the labels of further ones are counted in a last [`FieldSummary`] without values,
/// `other fields`.
pub const MOST_LABELS: usize = 16;

/// Labels are cut to so many bytes.
pub const LONGEST_LABEL: usize = 200;

/// Values are cut to so many characters.
pub const LONGEST_VALUE: usize = 256;

/// So many groups are open at most, unless [`crate::OpenOptions::most_groups`] says otherwise.
pub const MOST_GROUPS: u64 = 1_000_000;

/// How an alert may be counted into another. Empty: never.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folding {
    /// What it may be a repeat of.
    pub repeat: Option<Repeat>,
    /// The burst it may belong to.
    pub burst: Option<Burst>,
    /// Budgets it is charged to, most specific first.
    pub budgets: Vec<Budget>,
    /// What varies between alerts that are the same again: collected in the group.
    pub collected: Vec<Collected>,
    /// What makes it another alert than others of its rule and agent: collected in digests, beside `collected`.
    pub differs: Vec<Collected>,
}

/// Repeats of one thing become a counter on its first alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// What is the same.
    pub key: FoldKey,
    /// Longest time between two alerts of a group.
    pub window: Duration,
    /// Longest time between the first and the last alert of a group.
    pub longest_life: Duration,
}

/// Many different alerts of one rule on one agent become a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Burst {
    /// Rule and agent.
    pub key: FoldKey,
    /// So many go out for themselves within the period.
    pub limit: u32,
    /// The digest goes out this long after it was opened (after two hours at the latest), and ends when nothing came for so long (or after a day).
    pub period: Duration,
}

/// What a sink is spared beyond a number of alerts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// What people call it: its hits are counted under this.
    pub name: String,
    /// Sink, or sink and customer.
    pub key: FoldKey,
    /// The budget's digest: always of one sink and customer, because an IRIS alert belongs to one.
    pub digest_key: FoldKey,
    /// So many alerts a period.
    pub limit: u32,
    /// Periods begin at multiples of it since 1970 UTC; a digest lives no longer than its period.
    pub period: Duration,
    /// The digest goes out this long after it was opened, or at the period's end; after two hours at the latest.
    pub wait: Duration,
}

/// One value of a field that varies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collected {
    /// What it is, for people: `source IPs`; cut to [`LONGEST_LABEL`].
    pub label: String,
    /// The value, cut to [`LONGEST_VALUE`].
    pub value: String,
}

/// What silenced an alert.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "by", content = "name")]
pub enum SilencedBy {
    /// A silence, by its id.
    Silence(String),
    /// An allowlist entry of the configuration, by its name.
    Allowlist(String),
    /// A mute time interval of the configuration, by its name.
    Mute(String),
}

/// A silence, as in Alertmanager: alerts that come while it is active and hold all its matchers are kept and counted, and handed to
/// nobody. Ended ones are kept for [`KEPT_SILENCES`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// Its id, a UUID.
    pub id: String,
    /// Which alerts, in Alertmanager's form (docs/matchers.md).
    pub matchers: String,
    /// From when, UTC.
    pub starts_at: Timestamp,
    /// Until when (not included), UTC.
    pub ends_at: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// Why.
    pub comment: String,
    /// When it was made, UTC.
    pub created_at: Timestamp,
    /// Alerts it silenced.
    #[serde(default)]
    pub hits: u64,
    /// When it silenced the last one, UTC.
    #[serde(default)]
    pub last_hit: Option<Timestamp>,
}

/// Ended silences are kept for so long: 30 days.
pub const KEPT_SILENCES: Duration = Duration::from_secs(30 * 24 * 3600);

/// How often a rule took an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hits {
    /// `gate`, `silence`, `allowlist`, `mute`, `repeat`, `burst`, `budget`.
    pub rule: String,
    /// Its name; empty for `repeat` and `burst`.
    pub name: String,
    /// Alerts it took.
    pub hits: u64,
    /// When it took the last one, UTC.
    pub last_hit: Timestamp,
}

/// What a group is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupKind {
    /// Repeats of the alert that opened it.
    Repeats,
    /// The digest of a burst.
    Burst,
    /// The digest of a budget.
    Budget,
}

/// Alerts counted into one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its number, that of the alert that opened it.
    pub id: i64,
    /// What it is.
    pub kind: GroupKind,
    /// The alert the others are counted into: for a digest its own alert, else the first one.
    pub parent: String,
    /// The level of the first alert.
    pub level: u32,
    /// When the first alert came, UTC.
    pub opened_at: Timestamp,
    /// When the last alert came, UTC.
    pub last_at: Timestamp,
    /// Alerts folded into it. The first alert of repeats is none of them; of a digest it is.
    pub folded: u64,
    /// What varies, the values of the first alert included: at most [`MOST_LABELS`], and one that counts the labels left out.
    pub fields: Vec<FieldSummary>,
    /// How many of `folded` the sink was told so far; may be more where some went on with another alert since.
    pub told: u64,
    /// Why nothing is folded into it any more: what the sink said, `can't be told: …`, `dead`, `superseded` (by a higher level), `crowded out`; `None` while it is open, or may be but for its age.
    pub ended: Option<String>,
    /// The first references folded into it, in order, at most [`MOST_MEMBERS`].
    pub members: Vec<String>,
}

/// So many members are named with a group; [`crate::Ledger::members`] reads all.
pub const MOST_MEMBERS: usize = 100;

/// The values of one field that varies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldSummary {
    /// What it is: `source IPs`.
    pub label: String,
    /// The first [`MOST_VALUES`] distinct values.
    pub values: Vec<String>,
    /// How many distinct values there were; an estimate where they were very many.
    pub distinct: u64,
    /// Whether `distinct` is an estimate.
    pub estimated: bool,
}

/// An alert's predecessor: it is closed or merged there, so the count goes on with a new one that names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Continues {
    /// The sink's id of the old alert.
    pub id: String,
    /// A link to it.
    pub link: Option<String>,
    /// What became of it: `closed`, `merged`, `deleted`.
    pub why: String,
}

/// Asks for delivered alerts whose count is to be told to a sink.
#[derive(Clone, Debug)]
pub struct TellClaim {
    /// The sink.
    pub sink: String,
    /// At most so many.
    pub limit: usize,
    /// Now, UTC.
    pub now: Timestamp,
    /// One alert is told at most once in this time (`group_interval`).
    pub interval: Duration,
    /// How long the claim holds.
    pub lease: Duration,
}

/// A count to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telling {
    /// The delivery of the alert.
    pub delivery: i64,
    /// Must be given back with the settlement.
    pub fence: i64,
    /// The alert's reference.
    pub reference: String,
    /// Its lane.
    pub lane: String,
    /// The sink's id of it.
    pub id: String,
    /// How often this count was tried, 1 at first.
    pub attempt: u32,
    /// What to tell. [`Group::folded`] must be given back.
    pub group: Group,
}

/// How a telling ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// [`Telling::delivery`].
    pub delivery: i64,
    /// [`Telling::fence`].
    pub fence: i64,
    /// When, UTC.
    pub at: Timestamp,
    /// What came of it.
    pub verdict: TellVerdict,
}

/// What came of a telling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TellVerdict {
    /// The sink shows this count.
    Written {
        /// [`Group::folded`] of the telling.
        folded: u64,
    },
    /// Try again.
    Retry {
        /// Not before this, UTC.
        due_at: Timestamp,
        /// Why, without secrets.
        why: String,
    },
    /// The alert is closed, merged or deleted there: it is not folded into any more. What it was not told yet goes on with a new
    /// alert that names it.
    Ended {
        /// `closed`, `merged`, `deleted`.
        why: String,
    },
    /// The sink can't take it: the group ends with the count it has, which stays in the ledger alone. The next alert of its key
    /// opens a new one, so that nothing is counted into an alert that can't show it.
    GivenUp {
        /// Why, without secrets.
        why: String,
    },
}
