//! Decides what becomes of an alert. Pure: no I/O, no async; the clock and the state are passed in.
//!
//! [Gates](Gate) of [matchers](Matchers) say which alerts get through and where to (`docs/matchers.md`). [Silences] and
//! [`QuietRules`] say which of them need no attention (`docs/silences.md`) and which are the same again (`docs/folding.md`).

mod allowlist;
mod explain;
mod field;
mod folding;
mod gate;
mod gates;
mod index;
mod matcher;
mod mute;
mod network;
mod path;
mod pattern;
mod quiet;
mod rules;
mod silence;
mod tree;
mod view;

pub use allowlist::{AllowlistEntryConfig, AllowlistPreset};
pub use explain::Step;
pub use field::Field;
pub use folding::{BudgetRule, Burst, Collected, Folding, Repeat};
pub use gate::{Gate, GateConfig, GateError, Preset, RuleId};
pub use gates::Gates;
pub use index::MatcherIndex;
pub use matcher::{Matcher, MatcherError, MatcherErrorKind, Matchers};
pub use mute::{MuteConfig, TimesConfig};
pub use network::NetworkError;
pub use pattern::{Pattern, PatternError};
pub use quiet::{
    BudgetConfig, BurstConfig, FoldingConfig, GroupByConfig, Period, QuietConfig, QuietError,
    QuietRules, Silencer,
};
pub use rules::{Decision, GatedRules};
pub use silence::{SilenceError, SilenceRule, Silences};
pub use view::AlertView;
