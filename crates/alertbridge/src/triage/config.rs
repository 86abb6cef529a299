//! `[triage]`: which alerts a language model reads, where it runs, and what becomes of its answer.

use std::{path::PathBuf, time::Duration};

use alertbridge_pipeline::Gate;
use alertbridge_triage::model::{ModelConfig, connect};
use serde::Deserialize;

use super::TagNames;

/// `[triage]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TriageConfig {
    /// Jobs worked on beside each other by the daemon; 0 where only `alertbridge triage work` does it.
    pub workers: usize,
    /// Alerts of a lower `rule.level` get no triage. 7 where there is no `gate`.
    pub minimum_level: Option<u32>,
    /// Which alerts get a triage, by any field; takes the place of `minimum_level`.
    pub gate: Option<Gate>,
    /// Seconds. Alerts that are older when they would be triaged are left out; 0 for no limit.
    pub max_age: u64,
    /// Where so many jobs wait, further alerts get none; 0 for no limit.
    pub max_backlog: u64,
    /// Seconds a job waits until it counts as one level more, so that none waits for ever.
    pub ageing: u64,
    /// Where the review goes.
    pub output: OutputPlace,
    /// Whether names of people, hosts and internal addresses are replaced before anything is sent; where not set, they are
    /// unless the model runs on a private address.
    pub pseudonyms: Option<bool>,
    /// Whether a job under way is shown by its tag: one more update of the alert.
    pub mirror_claim: bool,
    /// What the tags are called.
    pub tags: TagNames,
    /// Seconds between two looks for alerts that others tagged; 0 for never.
    pub poll_interval: u64,
    /// Alerts asked for in one request of such a look.
    pub page_size: usize,
    /// Questions to the model begun within one `poll_interval` at most; 0 for no limit.
    pub max_per_cycle: u32,
    /// Seconds a claim holds without being renewed.
    pub lease: u64,
    /// Seconds after which an alert left in `processing` by another worker is taken over.
    pub stale_after: u64,
    /// Hours for which an answer to the same question is used again; 0 for never.
    pub cache_hours: u64,
    /// Failures that lie in the alert itself until it is given up.
    pub attempts: u32,
    /// Failures of the model's server in a row until it is left alone.
    pub failures: u32,
    /// Seconds it is left alone at first.
    pub rest: u64,
    /// Rules of your own for what is taken out before anything is sent (docs/redaction.md).
    pub redaction_rules: Option<PathBuf>,
    /// Days in which analysts' opinions of a review are read back from IRIS; 0 for never.
    pub feedback_days: u64,
    /// Bytes of an alert that are shown at most; 0: as many as fit into the model's context.
    pub largest_input: usize,
    /// The model and its server.
    pub model: ModelConfig,
}

/// Where a review goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputPlace {
    /// Into the alert's note, in a block of its own.
    Note,
    /// Into one comment.
    Comment,
}

impl Default for TriageConfig {
    fn default() -> Self {
        Self {
            workers: 1,
            minimum_level: None,
            gate: None,
            max_age: 2 * 24 * 3600,
            max_backlog: 1000,
            ageing: 3600,
            output: OutputPlace::Note,
            pseudonyms: None,
            mirror_claim: true,
            tags: TagNames::default(),
            poll_interval: 60,
            page_size: 100,
            max_per_cycle: 0,
            lease: 120,
            stale_after: 1800,
            cache_hours: 24,
            attempts: 2,
            failures: 3,
            rest: 30,
            redaction_rules: None,
            feedback_days: 14,
            largest_input: 0,
            model: ModelConfig::default(),
        }
    }
}

impl TriageConfig {
    /// Which alerts get a triage.
    pub fn gate(&self) -> Gate {
        self.gate.clone().unwrap_or_else(|| {
            Gate::new(
                self.minimum_level.unwrap_or(DEFAULT_LEVEL),
                None,
                Vec::new(),
            )
        })
    }

    /// How long a claim holds.
    pub fn lease(&self) -> Duration {
        Duration::from_secs(self.lease)
    }

    /// Whether names are replaced before anything is sent.
    pub fn uses_pseudonyms(&self) -> bool {
        self.pseudonyms.unwrap_or(!self.model.is_private())
    }

    /// What can be said against the values without touching the world.
    pub fn check(&self) -> Result<(), String> {
        if self.minimum_level.is_some() && self.gate.is_some() {
            return Err(
                "`triage` has `minimum_level` and a gate; write the level into [triage.gate]"
                    .into(),
            );
        }
        if !(SHORTEST_LEASE..=LONGEST_LEASE).contains(&self.lease) {
            return Err(format!(
                "`triage.lease` must be from {SHORTEST_LEASE} to {LONGEST_LEASE} seconds"
            ));
        }
        let model = &self.model;
        for (key, value, most, unit) in [
            ("poll_interval", self.poll_interval, DAY, "seconds (a day)"),
            ("rest", self.rest, DAY, "seconds (a day)"),
            ("max_age", self.max_age, TEN_YEARS, TEN_YEARS_OF),
            ("ageing", self.ageing, TEN_YEARS, TEN_YEARS_OF),
            ("stale_after", self.stale_after, TEN_YEARS, TEN_YEARS_OF),
            (
                "cache_hours",
                self.cache_hours,
                TEN_YEARS / 3600,
                "hours (ten years)",
            ),
            (
                "feedback_days",
                self.feedback_days,
                TEN_YEARS / DAY,
                "days (ten years)",
            ),
            (
                "model.connect_timeout",
                model.connect_timeout,
                DAY,
                "seconds (a day)",
            ),
            (
                "model.first_byte_timeout",
                model.first_byte_timeout,
                DAY,
                "seconds (a day)",
            ),
            (
                "model.idle_timeout",
                model.idle_timeout,
                DAY,
                "seconds (a day)",
            ),
            (
                "model.whole_timeout",
                model.whole_timeout,
                DAY,
                "seconds (a day)",
            ),
        ] {
            if value > most {
                return Err(format!("`triage.{key}` must be at most {most} {unit}"));
            }
        }
        if self.attempts == 0 || self.failures == 0 {
            return Err("`triage.attempts` and `triage.failures` must be at least 1".into());
        }
        if self.page_size == 0 || self.page_size > LARGEST_PAGE {
            return Err(format!(
                "`triage.page_size` must be between 1 and {LARGEST_PAGE}"
            ));
        }
        if self.workers > MOST_WORKERS {
            return Err(format!("`triage.workers` must be at most {MOST_WORKERS}"));
        }
        self.tags.check()?;
        connect(self.model.clone())
            .map(drop)
            .map_err(|error| format!("[triage.model]: {error}"))
    }
}

/// As the rule levels of Wazuh are meant: what people look at.
const DEFAULT_LEVEL: u32 = 7;
/// Seconds.
const SHORTEST_LEASE: u64 = 1;
/// Seconds: a worker that died is noticed within the hour.
const LONGEST_LEASE: u64 = 3600;
/// Seconds.
const DAY: u64 = 86_400;
/// Seconds: no sum of a time and it leaves what a clock can count.
const TEN_YEARS: u64 = 3650 * DAY;
const TEN_YEARS_OF: &str = "seconds (ten years)";
const LARGEST_PAGE: usize = 100;
const MOST_WORKERS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_no_clock_could_count_is_refused_by_its_key() {
        for key in [
            "lease",
            "poll_interval",
            "rest",
            "max_age",
            "ageing",
            "stale_after",
            "cache_hours",
            "feedback_days",
            "model.connect_timeout",
            "model.first_byte_timeout",
            "model.idle_timeout",
            "model.whole_timeout",
        ] {
            let config: TriageConfig = toml::from_str(&format!("{key} = {}\n", i64::MAX)).unwrap();
            let message = config.check().unwrap_err();
            assert!(message.contains(&format!("`triage.{key}`")), "{message}");
        }
        assert_eq!(TriageConfig::default().check(), Ok(()));
    }
}
