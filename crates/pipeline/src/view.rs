//! An alert as matchers see it: fields by path, values as text.
//!
//! The usual fields come from the head, which was read before anybody decides; the rest of the alert is opened only where a
//! matcher asks, and at most once.

use std::cell::OnceCell;

use alertbridge_alert::Head;

use crate::{
    field::{Field, HeadField},
    path::Path,
    tree::{Search, Seen, Tree},
};

/// One alert, opened as far as matchers ask. Not `Sync`: made where the decision is made.
///
/// ```
/// use alertbridge_alert::Alert;
/// use alertbridge_pipeline::{AlertView, Matchers};
///
/// let alert = Alert::parse(br#"{"rule":{"level":10,"id":"5712"},"data":{"srcip":"10.1.2.3"}}"#.to_vec()).unwrap();
/// let text = alert.text();
/// let view = AlertView::new(alert.head(), &text);
/// let matchers: Matchers = "{rule.level >= 8, data.srcip in 10.0.0.0/8}".parse().unwrap();
/// assert!(matchers.hold(&view));
/// ```
pub struct AlertView<'a> {
    head: &'a Head,
    text: &'a str,
    tree: OnceCell<Tree<'a>>,
}

impl<'a> AlertView<'a> {
    /// `text` is the alert's own text ([`Alert::text`](alertbridge_alert::Alert::text)).
    pub fn new(head: &'a Head, text: &'a str) -> Self {
        Self {
            head,
            text: text.trim(),
            tree: OnceCell::new(),
        }
    }

    /// `rule.level`, 0 where the alert has none.
    pub fn level(&self) -> u32 {
        self.head.level
    }

    /// Whether `test` holds for any value of the field. A value with white space around it is tried with and without it.
    /// A missing field has one value, the empty text, as a missing label in Alertmanager.
    pub(crate) fn any(&self, field: &Field, mut test: impl FnMut(&str) -> bool) -> bool {
        let mut both = |text: &str| {
            if test(text) {
                return true;
            }
            let trimmed = trimmed(text);
            trimmed.len() != text.len() && !trimmed.is_empty() && test(trimmed)
        };
        if field.head == Some(HeadField::RuleLevel) {
            return both(&self.head.level.to_string());
        }
        if let Some(values) = self.head_values(field) {
            return values.iter().any(|value| !value.is_empty() && both(value));
        }
        let search = self.tree().search(field.as_path(), &mut |seen| match seen {
            Seen::Text(text) => both(text),
            Seen::Object => false,
        });
        match search {
            Search::Enough => true,
            Search::Shown => false,
            Search::Missing => both(""),
        }
    }

    /// Whether the field holds anything: not missing, null, `""`, `[]` or `{}`.
    pub(crate) fn exists(&self, field: &Field) -> bool {
        field.head == Some(HeadField::RuleLevel)
            || self.head_values(field).is_some()
            || self.has(field.as_path())
    }

    /// Whether the field is missing, at a glance: only "yes" is final. Never for fields of the head.
    pub(crate) fn lacks(&self, field: &Field) -> bool {
        field.head.is_none() && self.tree().lacks(field.as_path())
    }

    /// Shows every text at a dotted path, without the white space around it; ends where `look` answers true.
    pub(crate) fn each<'v>(&'v self, path: Path<'_>, look: &mut dyn FnMut(&'v str) -> bool) {
        let mut look = |seen: Seen<'v>| match seen {
            Seen::Text(text) => match trimmed(text) {
                "" => false,
                text => look(text),
            },
            Seen::Object => false,
        };
        self.tree().search(path, &mut look);
    }

    /// The first text at a dotted path, without the white space around it.
    pub(crate) fn text<'v>(&'v self, path: Path<'_>) -> Option<&'v str> {
        let mut first = None;
        self.each(path, &mut |text| {
            first = Some(text);
            true
        });
        first
    }

    /// Whether there is anything at a dotted path, an object too.
    pub(crate) fn has(&self, path: Path<'_>) -> bool {
        self.tree().search(path, &mut |_| true) == Search::Enough
    }

    /// What was read of the alert before anybody decides.
    pub fn head(&self) -> &'a Head {
        self.head
    }

    /// The alert as a whole, to walk over all it holds.
    pub(crate) fn tree(&self) -> &Tree<'a> {
        self.tree.get_or_init(|| Tree::new(self.text))
    }

    /// What the head has of a field; `None` where it has nothing, which may mean an unusual spelling of it.
    fn head_values(&self, field: &Field) -> Option<&[String]> {
        let head = self.head;
        let one = |value: &'a Option<String>| value.as_ref().map(std::slice::from_ref);
        let list = |values: &'a [String]| {
            let holds_something = values.iter().any(|value| !value.is_empty());
            holds_something.then_some(values)
        };
        match field.head? {
            HeadField::AgentId => one(&head.agent.id),
            HeadField::AgentIp => one(&head.agent.ip),
            HeadField::AgentName => one(&head.agent.name),
            HeadField::ClusterNode => one(&head.cluster_node),
            HeadField::Decoder => one(&head.decoder),
            HeadField::FullLog => one(&head.full_log),
            HeadField::Location => one(&head.location),
            HeadField::Manager => one(&head.manager),
            HeadField::MitreId => list(&head.mitre.ids),
            HeadField::MitreTactic => list(&head.mitre.tactics),
            HeadField::MitreTechnique => list(&head.mitre.techniques),
            HeadField::RuleDescription => one(&head.rule_description),
            HeadField::RuleGroups => list(&head.rule_groups),
            HeadField::RuleId => one(&head.rule_id),
            HeadField::RuleLevel => None,
        }
    }
}

/// Without the white space around it.
pub(crate) fn trimmed(text: &str) -> &str {
    match text.as_bytes() {
        // By far the most, and no character of several bytes needs to be read.
        [b'!'..=b'~', .., b'!'..=b'~'] | [b'!'..=b'~'] => text,
        _ => text.trim(),
    }
}
