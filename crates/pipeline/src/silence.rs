//! Silences: matchers with a begin and an end, made by people while the program runs (`docs/silences.md`).
//!
//! Who made one, why, and how often it matched is kept in the ledger; here is only the question which one an alert meets.

use jiff::Timestamp;

use crate::{
    index::MatcherIndex,
    matcher::{MatcherError, Matchers},
    view::AlertView,
};

/// One silence: from `starts_at` on, and no longer from `ends_at` on, alerts that its matchers hold for are silenced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SilenceRule {
    id: String,
    matchers: Matchers,
    starts_at: Timestamp,
    ends_at: Timestamp,
}

/// Why a silence can't be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SilenceError {
    /// It would never be active.
    #[error("silence {id}: it ends at {ends_at}, which is not after its start: give a later end")]
    EndsBeforeItStarts {
        /// The silence.
        id: String,
        /// Its end.
        ends_at: Timestamp,
    },
    /// The text is no matcher.
    #[error("silence {id}: {error}")]
    Matchers {
        /// The silence.
        id: String,
        /// What is wrong, and in which column.
        error: MatcherError,
    },
    /// It would silence nearly everything.
    #[error(
        "silence {id}: every matcher in it also holds for an alert without the field, so nearly everything would be \
         silenced: add one such as rule.id = \"5710\" (rule.level alone does not count)"
    )]
    TooWide {
        /// The silence.
        id: String,
    },
}

impl SilenceRule {
    /// Reads a silence from its parts; the matchers as in Alertmanager: `{rule.id = 5710, agent.name =~ "web.*"}`.
    ///
    /// # Errors
    /// [`SilenceError`]: the text is no matcher, it would silence nearly everything, or it ends before it starts.
    pub fn new(
        id: impl Into<String>,
        matchers: &str,
        starts_at: Timestamp,
        ends_at: Timestamp,
    ) -> Result<Self, SilenceError> {
        let id = id.into();
        let matchers: Matchers = match matchers.parse() {
            Ok(matchers) => matchers,
            Err(error) => return Err(SilenceError::Matchers { id, error }),
        };
        if matchers.match_empty() {
            return Err(SilenceError::TooWide { id });
        }
        if ends_at <= starts_at {
            return Err(SilenceError::EndsBeforeItStarts { id, ends_at });
        }
        Ok(Self {
            id,
            matchers,
            starts_at,
            ends_at,
        })
    }

    /// As it was given.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Which alerts it silences.
    pub fn matchers(&self) -> &Matchers {
        &self.matchers
    }

    /// The first moment it is active.
    pub fn starts_at(&self) -> Timestamp {
        self.starts_at
    }

    /// The first moment it is not active any more.
    pub fn ends_at(&self) -> Timestamp {
        self.ends_at
    }

    /// Whether it is active at that moment.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.starts_at <= now && now < self.ends_at
    }
}

/// Many silences, filed for quick answers. Made anew whenever one is added, changed or ended.
///
/// ```
/// use alertbridge_alert::Alert;
/// use alertbridge_pipeline::{AlertView, SilenceRule, Silences};
/// use jiff::Timestamp;
///
/// let (from, to): (Timestamp, Timestamp) = ("2026-01-01T00:00Z".parse().unwrap(), "2026-01-02T00:00Z".parse().unwrap());
/// let silences = Silences::new(vec![SilenceRule::new("s1", "{rule.id = 5710}", from, to).unwrap()]);
/// let alert = Alert::parse(br#"{"rule":{"id":"5710"}}"#.to_vec()).unwrap();
/// let text = alert.text();
/// let view = AlertView::new(alert.head(), &text);
/// assert_eq!(silences.matching(&view, from), Some("s1"));
/// assert_eq!(silences.matching(&view, to), None);
/// ```
#[derive(Debug, Default)]
pub struct Silences {
    /// By start and id, so that every node gives the same answer.
    rules: Vec<SilenceRule>,
    index: MatcherIndex,
}

impl Silences {
    /// In any order.
    pub fn new(mut rules: Vec<SilenceRule>) -> Self {
        rules.sort_by(|a, b| (a.starts_at, &a.id).cmp(&(b.starts_at, &b.id)));
        let index = MatcherIndex::new(rules.iter().map(|rule| rule.matchers.clone()).collect());
        Self { rules, index }
    }

    /// The id of the silence that an alert meets at that moment; of several the one that started first.
    pub fn matching(&self, view: &AlertView<'_>, now: Timestamp) -> Option<&str> {
        if self.rules.is_empty() {
            return None;
        }
        let mut holding = self.index.holding(view).into_iter();
        let rule = holding.find(|&place| self.rules[place].is_active(now))?;
        Some(&self.rules[rule].id)
    }

    /// Those whose matchers hold, active or not.
    pub(crate) fn holding(&self, view: &AlertView<'_>) -> Vec<&SilenceRule> {
        let places = self.index.holding(view);
        places.into_iter().map(|place| &self.rules[place]).collect()
    }

    /// All of them, by start and id.
    pub fn rules(&self) -> &[SilenceRule] {
        &self.rules
    }
}
