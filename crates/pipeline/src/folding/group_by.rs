//! Exceptions: what makes alerts of some rules the same again, other than their family.

use std::{collections::HashSet, time::Duration};

use crate::{
    field::Field,
    matcher::Matchers,
    quiet::{GroupByConfig, QuietError},
    view::AlertView,
};

/// `[[quiet.folding.group_by]]`, compiled.
#[derive(Debug)]
pub(super) struct GroupBy {
    rules: HashSet<String>,
    groups: Vec<String>,
    matchers: Option<Matchers>,
    pub(super) fields: Option<Vec<String>>,
    pub(super) window: Option<Duration>,
    pub(super) never: bool,
}

impl GroupBy {
    pub(super) fn new(config: GroupByConfig, place: &str) -> Result<Self, QuietError> {
        let error = |why: &str| Err(QuietError::new(place, why));
        if config.rules.is_empty() && config.groups.is_empty() && config.matchers.is_none() {
            return error("it picks no alerts: give rules, groups or matchers");
        }
        if config.never && (config.fields.is_some() || config.window.is_some()) {
            return error(
                "never = true leaves nothing for fields or window to do: leave one of them out",
            );
        }
        if !config.never && config.fields.is_none() && config.window.is_none() {
            return error("it changes nothing: give fields, window or never = true");
        }
        for (number, field) in config.fields.iter().flatten().enumerate() {
            if Field::new(field).is_none() {
                return Err(QuietError::new(
                    format!("{place} fields[{number}]"),
                    "expected a field such as data.srcip, of 1 to 256 bytes",
                ));
            }
        }
        let rules = config.rules.iter().map(|rule| rule.as_str().to_owned());
        Ok(Self {
            rules: rules.collect(),
            groups: config.groups,
            matchers: config.matchers,
            fields: config.fields,
            window: config.window.map(|window| window.duration()),
            never: config.never,
        })
    }

    pub(super) fn holds(&self, view: &AlertView<'_>) -> bool {
        let head = view.head();
        let rule = head.rule_id.as_deref().unwrap_or_default().trim();
        let has_group = || {
            let mut groups = head.rule_groups.iter();
            groups.any(|group| {
                self.groups
                    .iter()
                    .any(|wanted| wanted.trim() == group.trim())
            })
        };
        (self.rules.is_empty() || self.rules.contains(rule))
            && (self.groups.is_empty() || has_group())
            && self
                .matchers
                .as_ref()
                .is_none_or(|matchers| matchers.hold(view))
    }
}
