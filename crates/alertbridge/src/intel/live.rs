//! Asking OpenCTI itself, at delivery and from the command line.
//!
//! Two uses, each off by default: with `mode = "live"` alerts are matched so instead of with a local copy; with `live.complete` the events
//! for Wazuh say more of the observable. A question never takes longer than `live.timeout_ms`, and is not asked while OpenCTI is known to be
//! down: the alert goes out without, which is counted.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use alertbridge_alert::{
    ObservableKind,
    observables::{Kind, Observable},
};
use alertbridge_intel::{
    Hit, Lookup, MatchRules, hits_among, lookup_among,
    provider::{
        ProviderError,
        opencti::{Asked, LiveLookup, Mode, OpenCtiConfig},
    },
};
use alertbridge_sinks::IntelHit;
use jiff::Timestamp;

use super::config::{IntelConfig, OPENCTI};

/// Questions to OpenCTI.
pub struct Live {
    lookup: LiveLookup,
    /// Alerts are matched so.
    pub matches: bool,
    /// Events are completed.
    pub completes: bool,
    rules: MatchRules,
    limit: Duration,
    counts: Counters,
    /// Failures in a row, and the last one.
    trouble: Mutex<Option<(u32, ProviderError)>>,
}

#[derive(Default)]
struct Counters {
    answered: AtomicU64,
    unanswered: AtomicU64,
    hits: AtomicU64,
    completed: AtomicU64,
    not_completed: AtomicU64,
}

/// What came of asking, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiveCounts {
    /// Alerts OpenCTI was asked about, or that were remembered.
    pub answered: u64,
    /// Alerts that went out without an answer, or with half of one.
    pub unanswered: u64,
    /// Hits found.
    pub hits: u64,
    /// Events that were completed.
    pub completed: u64,
    /// Events that went out without what OpenCTI shows of the observable, because it could not be asked.
    pub not_completed: u64,
}

impl Live {
    /// Where the configuration wants it; nothing is sent yet.
    ///
    /// # Errors
    /// Names the key.
    pub fn new(section: &IntelConfig) -> Result<Option<Self>, String> {
        let Some(config) = &section.opencti else {
            return Ok(None);
        };
        let (matches, completes) = (config.mode == Mode::Live, config.live.complete);
        if !matches && !completes {
            return Ok(None);
        }
        Self::asking(section, config, matches, completes).map(Some)
    }

    /// One for the command line, whatever the configuration says of its use.
    ///
    /// # Errors
    /// Names the key.
    pub fn by_hand(section: &IntelConfig) -> Result<Self, String> {
        let config = section
            .opencti
            .as_ref()
            .ok_or("--live asks OpenCTI; add [intel.opencti]")?;
        Self::asking(section, config, true, false)
    }

    fn asking(
        section: &IntelConfig,
        config: &OpenCtiConfig,
        matches: bool,
        completes: bool,
    ) -> Result<Self, String> {
        Ok(Self {
            lookup: LiveLookup::new(OPENCTI, config)
                .map_err(|error| format!("[intel.opencti]: {error}"))?,
            matches,
            completes,
            rules: MatchRules {
                providers: Vec::new(),
                ..section.rules()
            },
            limit: Duration::from_millis(config.live.timeout_ms.max(1)),
            counts: Counters::default(),
            trouble: Mutex::default(),
        })
    }

    /// What OpenCTI says of one value, with the reasons where it would not match.
    ///
    /// # Errors
    /// Where OpenCTI did not answer, or not whole.
    pub async fn explain(&self, text: &str, now: Timestamp) -> Result<Lookup, ProviderError> {
        let observables = lookup_among(&[], text, &self.rules, now).observables;
        let looked = self.lookup.ask(&asked(&observables), now).await;
        match looked.trouble {
            Some(error) => Err(error),
            None => Ok(lookup_among(&looked.indicators(), text, &self.rules, now)),
        }
    }

    /// What OpenCTI says of an alert's observables.
    pub async fn hits(&self, observables: &[Observable], now: Timestamp) -> Vec<Hit> {
        if observables.is_empty() {
            return Vec::new();
        }
        let looked = self.lookup.ask(&asked(observables), now).await;
        let counter = match looked.trouble {
            None => &self.counts.answered,
            Some(_) => &self.counts.unanswered,
        };
        counter.fetch_add(1, Relaxed);
        self.went(looked.trouble.clone());
        let hits = hits_among(&looked.indicators(), observables, &self.rules, now);
        self.counts.hits.fetch_add(hits.len() as u64, Relaxed);
        hits
    }

    /// Adds what OpenCTI shows of the observables, as far as there is time.
    pub async fn complete(&self, hits: &mut [IntelHit]) {
        let hits = hits.iter_mut().filter(|hit| hit.provider == OPENCTI);
        let mut open = Vec::from_iter(hits);
        let mut completed = 0;
        let all = async {
            for hit in &mut open {
                let asked = Asked {
                    kind: kind(hit.kind),
                    value: hit.value.clone(),
                };
                match self.lookup.context(&asked).await {
                    Ok(context) => {
                        hit.observable = context;
                        completed += 1;
                        self.went(None);
                    }
                    Err(error) => {
                        self.went(Some(error));
                        break;
                    }
                }
            }
        };
        // All of an alert's hits together take no longer than one may.
        let _late = tokio::time::timeout(self.limit, all).await;
        let missing = open.len() as u64 - completed;
        self.counts.completed.fetch_add(completed, Relaxed);
        self.counts.not_completed.fetch_add(missing, Relaxed);
    }

    fn went(&self, trouble: Option<ProviderError>) {
        let mut last = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        *last = trouble.map(|error| {
            let before = last.as_ref().map_or(0, |(failures, _)| *failures);
            (before.saturating_add(1), error)
        });
    }

    /// Why the last questions were not answered: what an operator must mend at once, what may pass by itself from the third on.
    pub fn trouble(&self) -> Option<String> {
        let last = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let (failures, error) = last.as_ref()?;
        (error.needs_operator() || *failures >= 3).then(|| error.to_string())
    }

    /// What came of it so far.
    pub fn counts(&self) -> LiveCounts {
        let counts = &self.counts;
        LiveCounts {
            answered: counts.answered.load(Relaxed),
            unanswered: counts.unanswered.load(Relaxed),
            hits: counts.hits.load(Relaxed),
            completed: counts.completed.load(Relaxed),
            not_completed: counts.not_completed.load(Relaxed),
        }
    }
}

fn asked(observables: &[Observable]) -> Vec<Asked> {
    let asked = |observable: &Observable| Asked {
        kind: observable.kind,
        value: observable.value.clone(),
    };
    observables.iter().map(asked).collect()
}

fn kind(kind: ObservableKind) -> Kind {
    match kind {
        ObservableKind::Sha256 => Kind::Sha256,
        ObservableKind::Sha512 => Kind::Sha512,
        ObservableKind::Sha1 => Kind::Sha1,
        ObservableKind::Md5 => Kind::Md5,
        ObservableKind::Ip => Kind::Ip,
        ObservableKind::Url => Kind::Url,
        ObservableKind::Domain => Kind::Domain,
        ObservableKind::Email => Kind::Email,
        ObservableKind::FileName => Kind::FileName,
    }
}
