//! Decides what becomes of an alert. Pure: no I/O, no async; the clock and the state are passed in.
//!
//! Today this is [gates](Gate) of [matchers](Matchers) and the list of sinks; silences, folding and budgets belong here.
//! The language of matchers and gates is in `docs/matchers.md`.

mod field;
mod gate;
mod gates;
mod index;
mod matcher;
mod network;
mod node;
mod pattern;
mod rules;
mod view;

pub use field::Field;
pub use gate::{Gate, GateConfig, GateError, Preset, RuleId};
pub use gates::Gates;
pub use index::MatcherIndex;
pub use matcher::{Matcher, MatcherError, MatcherErrorKind, Matchers};
pub use network::NetworkError;
pub use pattern::{Pattern, PatternError};
pub use rules::{Decision, GatedRules};
pub use view::AlertView;
