//! What `crates/pipeline` says of an alert, in the ledger's words; and the silences, brought up to date while the daemon runs.
//!
//! The pipeline knows what makes two alerts the same, the program knows where they go. A key is made of both: alerts of two
//! customers never fold into each other, whatever their rules and agents are called.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use alertbridge_ledger::{
    Budget, Burst, Collected, FoldKey, Folding, Ledger, LedgerError, Repeat, Route, Silence,
    SilencedBy,
};
use alertbridge_pipeline::{AlertView, QuietRules, SilenceRule, Silencer, Silences, Step};
use jiff::Timestamp;
use tokio::sync::watch;
use tracing::{info, warn};

/// A budget is for an hour.
const BUDGET_PERIOD: Duration = Duration::from_secs(3600);
/// A budget's digest collects for so long before it goes out.
const BUDGET_WAIT: Duration = Duration::from_secs(300);
/// Characters of a rule's or an agent's name in a digest.
const LONGEST_WORD: usize = 120;
/// How often it is looked whether silences were changed.
const LOOK: Duration = Duration::from_secs(1);

/// The rules of the configuration, and the silences of the moment.
#[derive(Debug)]
pub struct Quieting {
    rules: QuietRules,
    /// Sinks whose budget the rules are about.
    budgeted: Vec<String>,
    silences: RwLock<Arc<Silences>>,
}

impl Quieting {
    /// Without silences; see [`Self::keep_silences`]. `budgeted`: the sinks that budgets spare.
    pub fn new(rules: QuietRules, budgeted: Vec<String>) -> Self {
        Self {
            rules,
            budgeted,
            silences: RwLock::default(),
        }
    }

    /// The rules.
    pub fn rules(&self) -> &QuietRules {
        &self.rules
    }

    /// The silences of the moment: one look serves a whole batch.
    pub fn silences(&self) -> Arc<Silences> {
        self.silences
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Replaces the silences. One that can't be read (written by a newer program) silences nothing, and is told.
    pub fn set_silences(&self, stored: &[Silence]) {
        let mut rules = Vec::with_capacity(stored.len());
        for silence in stored {
            match SilenceRule::new(
                &silence.id,
                &silence.matchers,
                silence.starts_at,
                silence.ends_at,
            ) {
                Ok(rule) => rules.push(rule),
                // One that was expired before it began is of no effect, and no fault.
                Err(_) if silence.ends_at <= silence.starts_at => {}
                Err(error) => warn!(%error, "a silence can't be read and silences nothing"),
            }
        }
        let silences = Arc::new(Silences::new(rules));
        *self
            .silences
            .write()
            .unwrap_or_else(PoisonError::into_inner) = silences;
    }

    /// What silences an alert.
    pub fn silenced(
        &self,
        view: &AlertView<'_>,
        silences: &Silences,
        now: Timestamp,
    ) -> Option<SilencedBy> {
        Some(match self.rules.silencer(view, silences, now)? {
            Silencer::Silence(id) => SilencedBy::Silence(id.to_owned()),
            Silencer::Mute(name) => SilencedBy::Mute(name.to_owned()),
            Silencer::Allowlist(name) => SilencedBy::Allowlist(name.to_owned()),
        })
    }

    /// How an alert that goes these ways may be folded.
    pub fn folding(&self, view: &AlertView<'_>, routes: &[Route]) -> Folding {
        if routes.is_empty() {
            return Folding::default();
        }
        let folding = self.rules.folding(view);
        // What is too grave for a budget is too grave to wait in a burst's digest.
        let (budgets, burst) = match folding.budget.exempt {
            true => (Vec::new(), None),
            false => (self.budgets(routes), folding.burst),
        };
        let collected = folding.collected.into_iter().map(|one| Collected {
            label: one.label.to_owned(),
            value: one.value,
        });
        let words = folding.repeat.as_ref().map(|repeat| &repeat.words[..]);
        Folding {
            differs: differs(view, words.unwrap_or_default()),
            repeat: folding.repeat.map(|repeat| Repeat {
                key: key("repeat", &repeat.key, routes),
                window: repeat.window,
                longest_life: repeat.longest_life,
            }),
            burst: burst.map(|burst| Burst {
                key: key("burst", &burst.key, routes),
                limit: burst.limit,
                period: burst.period,
            }),
            budgets,
            collected: collected.collect(),
        }
    }

    fn budgets(&self, routes: &[Route]) -> Vec<Budget> {
        let limits = self.rules.budget();
        let mut budgets = Vec::new();
        for route in routes.iter().filter(|to| self.budgeted.contains(&to.sink)) {
            let one = std::slice::from_ref(route);
            let sink = [Route {
                lane: String::new(),
                ..route.clone()
            }];
            let customers = format!("{} customer {}", route.sink, route.lane);
            for (name, limit, key) in [
                (
                    customers,
                    limits.per_customer,
                    key("customer's budget", b"", one),
                ),
                (
                    route.sink.clone(),
                    limits.per_sink,
                    key("sink's budget", b"", &sink),
                ),
            ] {
                // None is no limit.
                if limit > 0 {
                    budgets.push(Budget {
                        name,
                        key,
                        digest_key: self::key("budget's digest", b"", one),
                        limit,
                        period: BUDGET_PERIOD,
                        wait: BUDGET_WAIT,
                    });
                }
            }
        }
        budgets
    }

    /// What each rule says to an alert, and what it saw.
    pub fn explain(&self, view: &AlertView<'_>, now: Timestamp) -> Vec<Step> {
        self.rules.explain(view, &self.silences(), now)
    }

    /// Reads the silences.
    ///
    /// # Errors
    /// Where the ledger can't be read.
    pub async fn load_silences(&self, ledger: &dyn Ledger) -> Result<(), LedgerError> {
        let stored = ledger
            .silences()
            .await
            .unwrap_or(Err(LedgerError::Closed))?;
        self.set_silences(&stored);
        Ok(())
    }

    /// Reads the silences anew whenever one was changed, by whichever process, until told to stop.
    pub async fn keep_silences(
        self: Arc<Self>,
        ledger: Arc<dyn Ledger>,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut known = None;
        loop {
            // Asked before they are read: a change in between is read twice, and none is missed.
            match ledger.silences_version().await {
                Ok(Ok(version)) if known != Some(version) => {
                    match self.load_silences(&*ledger).await {
                        Ok(()) => {
                            if known.is_some() {
                                info!(
                                    silences = self.silences().rules().len(),
                                    "silences were changed"
                                );
                            }
                            known = Some(version);
                        }
                        Err(error) => warn!(%error, "silences can't be read; the old ones hold"),
                    }
                }
                Ok(Ok(_)) => {}
                Ok(Err(error)) => warn!(%error, "silences can't be read; the old ones hold"),
                Err(_) => return,
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }
}

/// What tells an alert from the others of a digest: its rule, its agent, and what else its key is made of.
fn differs(view: &AlertView<'_>, words: &[(String, String)]) -> Vec<Collected> {
    const SAME: [&str; 6] = [
        "rule.id",
        "agent.id",
        "agent.name",
        "cluster.node",
        "manager.name",
        "agentless.host",
    ];
    let head = view.head();
    let rule = [head.rule_id.as_deref(), head.rule_description.as_deref()];
    let rule: Vec<&str> = rule.into_iter().flatten().collect();
    let agent = head.agent.name.as_deref().or(head.agent.id.as_deref());
    let named = [
        (
            "rules",
            Some(rule.join(" ")).filter(|rule| !rule.is_empty()),
        ),
        ("agents", agent.map(str::to_owned)),
    ];
    let named = named.into_iter().filter_map(|(label, value)| {
        Some(Collected {
            label: label.to_owned(),
            value: value?.chars().take(LONGEST_WORD).collect(),
        })
    });
    let rest = words
        .iter()
        .filter(|(field, _)| !SAME.contains(&field.as_str()))
        .map(|(field, value)| Collected {
            label: field.clone(),
            value: value.clone(),
        });
    named.chain(rest).collect()
}

/// A key of what is the same and where it goes. Each part is preceded by its length, so that no two lists read alike.
fn key(kind: &str, what: &[u8], routes: &[Route]) -> FoldKey {
    let mut hasher = blake3::Hasher::new();
    let mut add = |part: &[u8]| {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    };
    add(kind.as_bytes());
    add(what);
    for route in routes {
        add(route.sink.as_bytes());
        add(route.lane.as_bytes());
    }
    let mut key = FoldKey::default();
    key.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    key
}

#[cfg(test)]
mod tests {
    use alertbridge_alert::Alert;
    use alertbridge_pipeline::QuietConfig;

    use super::*;

    fn to(lane: &str) -> Vec<Route> {
        vec![Route {
            sink: "iris".into(),
            lane: lane.into(),
        }]
    }

    fn folding(raw: &str, routes: &[Route]) -> Folding {
        let rules = QuietRules::try_from(QuietConfig::default()).unwrap();
        let quieting = Quieting::new(rules, vec!["iris".into()]);
        let alert = Alert::parse(raw.as_bytes()).unwrap();
        let text = alert.text();
        quieting.folding(&AlertView::new(alert.head(), &text), routes)
    }

    const ALERT: &str = r#"{"id":"1.2","rule":{"id":"5710","level":5},"agent":{"id":"001"}}"#;

    #[test]
    fn alerts_of_two_customers_share_a_sinks_budget_and_nothing_else() {
        let (one, other) = (folding(ALERT, &to("1")), folding(ALERT, &to("2")));
        assert_ne!(one.repeat.unwrap().key, other.repeat.unwrap().key);
        assert_ne!(one.burst.unwrap().key, other.burst.unwrap().key);
        let keys = |folding: &Folding| -> Vec<FoldKey> {
            folding.budgets.iter().map(|budget| budget.key).collect()
        };
        let (one_keys, other_keys) = (keys(&one), keys(&other));
        assert_ne!(one_keys[0], other_keys[0]);
        assert_eq!(one_keys[1], other_keys[1]);
        assert_ne!(one.budgets[0].digest_key, other.budgets[0].digest_key);
    }

    #[test]
    fn an_alert_that_goes_nowhere_folds_into_nothing() {
        assert_eq!(folding(ALERT, &[]), Folding::default());
    }

    #[test]
    fn a_high_level_is_no_matter_of_budgets_and_bursts() {
        let high = ALERT.replace(":5}", ":12}");
        assert!(folding(&high, &to("1")).budgets.is_empty());
        assert!(folding(&high, &to("1")).burst.is_none());
        assert!(folding(&high, &to("1")).repeat.is_some());
    }
}
