//! Mute times as they stand in the configuration file: Alertmanager's `time_intervals` with matchers.

use crate::matcher::Matchers;

/// `[[quiet.mute]]`: while all of the given conditions hold, alerts that the matchers hold for are silenced. Each list is any-of.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MuteConfig {
    /// Unique; shown where an alert is silenced by it.
    pub name: String,
    /// Why.
    pub comment: String,
    /// Which alerts.
    pub matchers: Matchers,
    /// An IANA name: `Europe/Berlin`. Times and dates below are read off the clocks there.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// Times of day.
    #[serde(default)]
    pub times: Vec<TimesConfig>,
    /// `monday:friday`, `saturday`.
    #[serde(default)]
    pub weekdays: Vec<String>,
    /// `1:7`, `-1` (the last).
    #[serde(default)]
    pub days_of_month: Vec<String>,
    /// `january:march`, `12`.
    #[serde(default)]
    pub months: Vec<String>,
    /// `2026`, `2026:2028`.
    #[serde(default)]
    pub years: Vec<String>,
}

/// From `start_time` on, and no longer from `end_time` on. Over midnight where the end is before the start.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimesConfig {
    /// `22:00`.
    pub start_time: String,
    /// `06:00`; `24:00` is the end of the day.
    pub end_time: String,
}

fn utc() -> String {
    "UTC".to_owned()
}
