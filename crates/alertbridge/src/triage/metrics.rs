//! What is counted of triage, under `/metrics` as `alertbridge_triage_…`.

use std::sync::atomic::AtomicU64;

use alertbridge_ledger::JobStatus;
use alertbridge_triage::{
    Prompt,
    guard::Review,
    model::{BreakerState, FailureClass},
};
use jiff::Timestamp;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use super::{Asked, Refusal};

/// Seconds: a model on two cores takes minutes (facts/ai.md §6).
const SECONDS: [f64; 12] = [
    1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0,
];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Class {
    class: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Verdict {
    verdict: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Direction {
    direction: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: String,
}

/// How a claim of a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TriageOutcome {
    /// IRIS shows a review.
    Reviewed,
    /// Given up.
    Failed,
    /// Left out.
    Skipped,
    /// Tried again later.
    Retried,
    /// Another worker took it over.
    Lost,
}

impl TriageOutcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Reviewed => "reviewed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Retried => "retried",
            Self::Lost => "lost",
        }
    }
}

/// All of it.
pub struct TriageMetrics {
    ended: Family<Outcome, Counter>,
    verdicts: Family<Verdict, Counter>,
    failures: Family<Class, Counter>,
    not_admitted: Family<Outcome, Counter>,
    cached: Counter,
    jobs: Family<State, Gauge>,
    oldest: Gauge<f64, AtomicU64>,
    circuit: Gauge,
    request: Histogram,
    first_token: Histogram,
    tokens: Family<Direction, Counter>,
    redactions: Family<Kind, Counter>,
    fields_cut: Counter,
    injections: Counter,
    unverified: Counter,
    downgraded: Counter,
}

impl Default for TriageMetrics {
    fn default() -> Self {
        Self {
            ended: Family::default(),
            verdicts: Family::default(),
            failures: Family::default(),
            not_admitted: Family::default(),
            cached: Counter::default(),
            jobs: Family::default(),
            oldest: Gauge::default(),
            circuit: Gauge::default(),
            request: Histogram::new(SECONDS),
            first_token: Histogram::new(SECONDS),
            tokens: Family::default(),
            redactions: Family::default(),
            fields_cut: Counter::default(),
            injections: Counter::default(),
            unverified: Counter::default(),
            downgraded: Counter::default(),
        }
    }
}

impl TriageMetrics {
    /// Puts them under `triage_`.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("triage");
        let counters = [
            (
                "cached",
                "Answers used again for the same question",
                &self.cached,
            ),
            (
                "fields_cut",
                "Fields of alerts a model was not shown whole",
                &self.fields_cut,
            ),
            (
                "injections",
                "Alerts written to steer a model",
                &self.injections,
            ),
            (
                "evidence_unverified",
                "Quotes of models that were not in what they were sent",
                &self.unverified,
            ),
            (
                "downgraded",
                "Verdicts that the guards took back",
                &self.downgraded,
            ),
        ];
        for (name, help, counter) in counters {
            registry.register(name, help, counter.clone());
        }
        registry.register(
            "claims",
            "Claims of jobs, by how they ended",
            self.ended.clone(),
        );
        registry.register(
            "verdicts",
            "Reviews, by verdict after the guards",
            self.verdicts.clone(),
        );
        registry.register(
            "failures",
            "Questions that failed, by class",
            self.failures.clone(),
        );
        registry.register(
            "not_admitted",
            "Delivered alerts that got no job, by why",
            self.not_admitted.clone(),
        );
        registry.register("jobs", "Jobs in the ledger, by state", self.jobs.clone());
        registry.register_with_unit(
            "oldest_pending_age",
            "Age of the oldest job that waits",
            Unit::Seconds,
            self.oldest.clone(),
        );
        registry.register(
            "circuit",
            "Whether the model's server is asked: 0 yes, 1 one question to try, 2 no",
            self.circuit.clone(),
        );
        registry.register_with_unit(
            "request",
            "From the question to the end of the answer",
            Unit::Seconds,
            self.request.clone(),
        );
        registry.register_with_unit(
            "first_token",
            "From the question to the answer's first token",
            Unit::Seconds,
            self.first_token.clone(),
        );
        registry.register(
            "tokens",
            "Tokens, as the server counted them",
            self.tokens.clone(),
        );
        registry.register(
            "redactions",
            "Secrets taken out before a model was asked, by kind",
            self.redactions.clone(),
        );
    }

    /// A claim ended; `word` is a review's verdict.
    pub fn ended(&self, outcome: TriageOutcome, word: &str) {
        let label = Outcome {
            outcome: outcome.as_str(),
        };
        self.ended.get_or_create(&label).inc();
        if outcome == TriageOutcome::Reviewed {
            let label = Verdict {
                verdict: word.to_owned(),
            };
            self.verdicts.get_or_create(&label).inc();
        }
    }

    /// A question failed, or was not sent.
    pub fn failure(&self, class: FailureClass) {
        let label = Class {
            class: class.as_str(),
        };
        self.failures.get_or_create(&label).inc();
    }

    /// A delivered alert gets no job.
    pub fn not_admitted(&self, refusal: Refusal) {
        let label = Outcome {
            outcome: refusal.as_str(),
        };
        self.not_admitted.get_or_create(&label).inc();
    }

    /// An answer was used again.
    pub fn cached(&self) {
        self.cached.inc();
    }

    /// What was made to be sent.
    pub fn prompt(&self, prompt: &Prompt) {
        for (kind, count) in &prompt.redacted {
            let label = Kind { kind: kind.clone() };
            self.redactions.get_or_create(&label).inc_by(*count);
        }
        let cut = prompt.cut.of.saturating_sub(prompt.cut.sent) + prompt.cut.shortened.len();
        self.fields_cut.inc_by(cut as u64);
        self.injections.inc_by(u64::from(!prompt.signs.is_empty()));
    }

    /// What came of it.
    pub fn review(&self, review: &Review, asked: &Asked) {
        self.request.observe(asked.took.as_secs_f64());
        self.first_token.observe(asked.first_token.as_secs_f64());
        for (direction, tokens) in [
            ("prompt", asked.prompt_tokens),
            ("answer", asked.answer_tokens),
        ] {
            self.tokens
                .get_or_create(&Direction { direction })
                .inc_by(tokens);
        }
        self.unverified.inc_by(u64::from(review.unverified));
        self.downgraded
            .inc_by(u64::from(!review.downgrades.is_empty()));
    }

    /// How many jobs there are.
    pub fn jobs(&self, status: &JobStatus, now: Timestamp) {
        for (state, count) in [
            ("pending", status.pending),
            ("claimed", status.claimed),
            ("reviewed", status.reviewed),
            ("failed", status.failed),
            ("skipped", status.skipped),
        ] {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.jobs.get_or_create(&State { state }).set(count);
        }
        let age = status
            .oldest_pending
            .map_or(0.0, |at| now.duration_since(at).as_secs_f64());
        self.oldest.set(age.max(0.0));
    }

    /// Whether the server is asked.
    pub fn circuit(&self, state: BreakerState) {
        self.circuit.set(state.as_metric().into());
    }
}
