//! `[intel]`: where indicators come from, what counts as a match, and what a hit does.

use std::{collections::HashSet, path::PathBuf, sync::Arc, time::Duration};

use alertbridge_alert::observables::{ObservableFilter, ObservableFilterConfig};
use alertbridge_intel::{
    MatchRules, Tlp,
    provider::{
        Provider, ProviderError,
        file::{FileConfig, FileForm, FileProvider},
        opencti::{Mode, OpenCti, OpenCtiConfig, SightingConfig},
    },
};
use serde::Deserialize;

use super::{Live, SightingReports};

/// The name of what `[intel.opencti]` brings.
pub const OPENCTI: &str = "opencti";

/// Seconds: a day.
const LONGEST_MEMORY: u64 = 86_400;
/// Alerts are not kept for longer.
const MOST_DAYS: u32 = 3650;
/// What is counted for longer would be told too late to be of use: six hours.
const LONGEST_INTERVAL: u64 = 6 * 3600;

/// `[intel]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IntelConfig {
    /// The folder with the local copy of all indicators.
    pub folder: PathBuf,
    /// Indicators with a lower score do not match; those without a score do.
    pub minimum_score: u8,
    /// Whether an indicator for a domain matches what is below it.
    pub parents: bool,
    /// Whether revoked and expired indicators match, too.
    pub include_expired: bool,
    /// Only indicators with one of these labels match; empty: all.
    pub labels_allow: Vec<String>,
    /// Indicators with one of these labels never match.
    pub labels_deny: Vec<String>,
    /// Indicators marked higher do not match.
    pub max_tlp: Option<MaxTlp>,
    /// Only indicators meant for detection match.
    pub require_detection: bool,
    /// Which alerts are matched.
    #[serde(rename = "match")]
    pub matched: Scope,
    /// Whether an alert with a hit passes the gates, the allowlist and mute times.
    pub hits_pass_gates: bool,
    /// What becomes of the alerts that Wazuh makes of our own events.
    pub own_events: OwnEvents,
    /// Days that are looked through again when indicators were added; 0 for never.
    pub retro_hunt_days: u32,
    /// Seconds between two of these hunts at least.
    pub retro_hunt_interval: u64,
    /// What of an alert is not matched.
    pub observables: ObservableFilterConfig,
    /// OpenCTI.
    pub opencti: Option<OpenCtiConfig>,
    /// Plain files.
    pub files: Vec<FileSection>,
    /// Telling OpenCTI what was seen; off where it is not there.
    pub sightings: Option<SightingConfig>,
}

impl Default for IntelConfig {
    fn default() -> Self {
        Self {
            folder: "/var/lib/alertbridge/intel".into(),
            minimum_score: 50,
            parents: false,
            include_expired: false,
            labels_allow: Vec::new(),
            labels_deny: Vec::new(),
            max_tlp: None,
            require_detection: false,
            matched: Scope::All,
            hits_pass_gates: true,
            own_events: OwnEvents::Filter,
            retro_hunt_days: 7,
            retro_hunt_interval: 60,
            observables: ObservableFilterConfig::default(),
            opencti: None,
            files: Vec::new(),
            sightings: None,
        }
    }
}

/// Which alerts are matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Every one, those below the gate too.
    All,
    /// Those that passed their source's gate.
    Passed,
}

/// What becomes of alerts made of our own events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OwnEvents {
    /// They are alerts like others, but never matched.
    Deliver,
    /// They are counted and handed to nobody.
    Filter,
}

/// The highest traffic light that matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MaxTlp {
    /// TLP:AMBER
    Amber,
    /// TLP:AMBER+STRICT
    #[serde(rename = "amber+strict")]
    AmberStrict,
    /// TLP:CLEAR
    Clear,
    /// TLP:GREEN
    Green,
    /// TLP:RED
    Red,
}

impl From<MaxTlp> for Tlp {
    fn from(tlp: MaxTlp) -> Self {
        match tlp {
            MaxTlp::Amber => Self::Amber,
            MaxTlp::AmberStrict => Self::AmberStrict,
            MaxTlp::Clear => Self::Clear,
            MaxTlp::Green => Self::Green,
            MaxTlp::Red => Self::Red,
        }
    }
}

/// `[[intel.files]]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FileSection {
    /// What its indicators are called; unique.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// How it is written.
    pub form: FileForm,
    /// Seconds between two looks at it; 10 where not set.
    pub poll_interval: Option<u64>,
    /// The score of indicators that have none.
    pub score: Option<u8>,
    /// Labels that each of its indicators gets.
    pub labels: Vec<String>,
}

/// A source of indicators, ready to run.
pub struct Source {
    /// Keeps the store like it.
    pub provider: Arc<dyn Provider>,
    /// How often it is asked.
    pub interval: Duration,
    /// Where it is, for people; without secrets.
    pub place: String,
}

impl IntelConfig {
    /// What counts as a match.
    pub fn rules(&self) -> MatchRules {
        // What was copied before the mode was changed is no longer kept like its source.
        let providers = match self.opencti.as_ref().map(|config| config.mode) {
            Some(Mode::Live) => self.files.iter().map(|file| file.name.clone()).collect(),
            Some(Mode::Sync) | None => Vec::new(),
        };
        MatchRules {
            providers,
            minimum_score: Some(self.minimum_score),
            parents: self.parents,
            include_expired: self.include_expired,
            labels_allow: self.labels_allow.clone(),
            labels_deny: self.labels_deny.clone(),
            max_tlp: self.max_tlp.map(Tlp::from),
            require_detection: self.require_detection,
            ..MatchRules::default()
        }
    }

    /// Whether a local copy is kept of any source.
    pub fn keeps_copy(&self) -> bool {
        let opencti = self.opencti.as_ref();
        !self.files.is_empty() || opencti.is_some_and(|config| config.mode == Mode::Sync)
    }

    /// What of an alert is matched.
    ///
    /// # Errors
    /// Names the entry that can't be read.
    pub fn filter(&self) -> Result<ObservableFilter, String> {
        ObservableFilter::new(&self.observables)
            .map_err(|error| format!("[intel.observables]: {error}"))
    }

    /// The sources of which a local copy is kept; secrets are read.
    ///
    /// # Errors
    /// Names the section and the key.
    pub fn sources(&self) -> Result<Vec<Source>, String> {
        let mut sources = Vec::new();
        let opencti = self.opencti.as_ref();
        if let Some(config) = opencti.filter(|config| config.mode == Mode::Sync) {
            let provider = OpenCti::new(OPENCTI, config)
                .map_err(|error: ProviderError| format!("[intel.opencti]: {error}"))?;
            sources.push(Source {
                provider: Arc::new(provider),
                interval: Duration::from_secs(config.poll_interval.max(1)),
                place: config.url.clone(),
            });
        }
        for section in &self.files {
            let provider = FileProvider::new(&section.name, section.config())
                .map_err(|error| format!("[[intel.files]] {}: {error}", section.name))?;
            sources.push(Source {
                provider: Arc::new(provider),
                interval: Duration::from_secs(section.config().poll_interval.max(1)),
                place: section.path.display().to_string(),
            });
        }
        Ok(sources)
    }

    /// Makes everything that has secrets, and throws it away.
    ///
    /// # Errors
    /// Names the section and the key.
    pub fn try_secrets(&self) -> Result<(), String> {
        self.sources()?;
        Live::new(self)?;
        SightingReports::new(self).map(drop)
    }

    /// What can be said against the values without touching the world.
    ///
    /// # Errors
    /// Names the key.
    pub fn check(&self) -> Result<(), String> {
        if self.folder.as_os_str().is_empty() {
            return Err("`intel.folder` is empty".into());
        }
        if self.minimum_score > 100 {
            return Err("`intel.minimum_score` must be from 0 to 100".into());
        }
        if self.opencti.is_none() && self.files.is_empty() {
            return Err(
                "[intel] has no source of indicators; add [intel.opencti] or [[intel.files]]"
                    .into(),
            );
        }
        if let Some(opencti) = &self.opencti {
            let live = &opencti.live;
            for (key, value, most) in [
                ("timeout_ms", live.timeout_ms, 60_000),
                ("hit_ttl", live.hit_ttl, LONGEST_MEMORY),
                ("miss_ttl", live.miss_ttl, LONGEST_MEMORY),
                ("pause", live.pause, LONGEST_MEMORY),
            ] {
                if value > most {
                    return Err(format!("`intel.opencti.live.{key}` must be at most {most}"));
                }
            }
        }
        if self.retro_hunt_days > MOST_DAYS || self.retro_hunt_interval > LONGEST_MEMORY {
            return Err(format!(
                "`intel.retro_hunt_days` must be at most {MOST_DAYS}, `intel.retro_hunt_interval` at most {LONGEST_MEMORY}"
            ));
        }
        if let Some(sightings) = &self.sightings {
            if self.opencti.is_none() {
                return Err(
                    "[intel.sightings] tells OpenCTI what was seen; add [intel.opencti]".into(),
                );
            }
            if !(1..=LONGEST_INTERVAL).contains(&sightings.interval) {
                return Err(format!(
                    "`intel.sightings.interval` must be from 1 to {LONGEST_INTERVAL} seconds"
                ));
            }
        }
        let mut names = HashSet::from([OPENCTI]);
        for section in &self.files {
            let name = section.name.as_str();
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
                return Err(
                    "each [[intel.files]] needs a `name` of letters, digits, `-`, `_` and `.`"
                        .into(),
                );
            }
            if !names.insert(name) {
                return Err(format!("[[intel.files]]: the name {name:?} is taken"));
            }
        }
        self.filter().map(drop)
    }
}

impl FileSection {
    fn config(&self) -> FileConfig {
        let defaults = FileConfig::default();
        FileConfig {
            path: self.path.clone(),
            form: self.form,
            poll_interval: self.poll_interval.unwrap_or(defaults.poll_interval),
            score: self.score,
            labels: self.labels.clone(),
        }
    }
}
