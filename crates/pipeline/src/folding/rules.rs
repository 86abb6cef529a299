//! `[quiet.folding]` and `[quiet.burst]`, compiled.

use std::{borrow::Cow, collections::HashSet, time::Duration};

use super::{
    BudgetRule, Burst, Collected, Folding, Repeat,
    family::{Case, Family},
    generic,
    key::{Key, until_nul},
    recognise::family_of,
};
use crate::{
    explain::{Step, cut},
    field::Field,
    matcher::{Matcher, Matchers},
    quiet::{BurstConfig, FoldingConfig, GroupByConfig, QuietError},
    view::AlertView,
};

/// Values of one label.
const OF_A_LABEL: usize = 8;
/// Values in all.
const IN_ALL: usize = 64;
/// Characters of a value.
const LONGEST: usize = 256;
/// Bytes of a value that is suggested for a silence; longer ones are left out.
const LONGEST_SUGGESTED: usize = 1024;

/// What tells one program's burst from another's; the first that holds something.
const ACTORS: &[&str] = &[
    "data.win.eventdata.image",
    "data.win.eventdata.newProcessName",
    "data.eventdata.image",
    "data.audit.exe",
    "data.sysmon.image",
    "data.win.eventdata.targetFilename",
    "data.eventdata.targetFilename",
    "syscheck.path",
    "data.audit.file.name",
];

#[derive(Debug)]
pub(crate) struct FoldingRules {
    enabled: bool,
    window: Duration,
    longest_life: Duration,
    group_by: Vec<GroupBy>,
    /// Limit and period.
    burst: Option<(u32, Duration)>,
}

#[derive(Debug)]
struct GroupBy {
    rules: HashSet<String>,
    groups: Vec<String>,
    matchers: Option<Matchers>,
    fields: Option<Vec<String>>,
    window: Option<Duration>,
    never: bool,
}

impl FoldingRules {
    pub(crate) fn new(config: FoldingConfig, burst: &BurstConfig) -> Result<Self, QuietError> {
        let longest_life = config.longest_life.duration();
        let not_longer = |key: String, window: Duration| match window <= longest_life {
            true => Ok(window),
            false => Err(QuietError::new(
                key,
                "longer than longest_life: shorten it, or raise longest_life",
            )),
        };
        let window = not_longer("quiet.folding window".to_owned(), config.window.duration())?;
        let mut group_by = Vec::new();
        for (number, config) in config.group_by.into_iter().enumerate() {
            let place = format!("quiet.folding.group_by[{number}]");
            let compiled = GroupBy::new(config, &place)?;
            if let Some(window) = compiled.window {
                not_longer(format!("{place} window"), window)?;
            }
            group_by.push(compiled);
        }
        if burst.enabled && burst.limit == 0 {
            return Err(QuietError::new(
                "quiet.burst limit",
                "0 would hold every alert back: give at least 1, or enabled = false",
            ));
        }
        Ok(Self {
            enabled: config.enabled,
            window,
            longest_life,
            group_by,
            burst: burst
                .enabled
                .then(|| (burst.limit, burst.period.duration())),
        })
    }

    pub(crate) fn folding(&self, view: &AlertView<'_>, budget: BudgetRule) -> Folding {
        let family = family_of(view);
        let exception = self.exception(view);
        let is_foldable = exception.is_none_or(|exception| !exception.never);
        Folding {
            repeat: self.repeat(view, family, exception),
            burst: self
                .burst
                .filter(|_| is_foldable)
                .and_then(|(limit, period)| {
                    Some(Burst {
                        key: burst_key(view)?.hash("burst"),
                        limit,
                        period,
                    })
                }),
            budget,
            collected: collected(view, family),
        }
    }

    fn repeat(
        &self,
        view: &AlertView<'_>,
        family: &'static Family,
        exception: Option<&GroupBy>,
    ) -> Option<Repeat> {
        if !self.enabled || exception.is_some_and(|exception| exception.never) {
            return None;
        }
        let fields = exception.and_then(|exception| exception.fields.as_deref());
        let mut key = repeat_key(view, family, fields)?;
        let kind = match fields {
            Some(_) => "fields",
            None => family.name,
        };
        Some(Repeat {
            key: key.hash(kind),
            words: key.words,
            window: exception
                .and_then(|exception| exception.window)
                .unwrap_or(self.window),
            longest_life: self.longest_life,
        })
    }

    fn exception(&self, view: &AlertView<'_>) -> Option<&GroupBy> {
        self.group_by.iter().find(|exception| exception.holds(view))
    }

    pub(crate) fn suggest(&self, view: &AlertView<'_>) -> Option<Matchers> {
        let fields = self
            .exception(view)
            .and_then(|exception| exception.fields.as_deref());
        let key = repeat_key(view, family_of(view), fields)?;
        let mut matchers = Vec::new();
        for (field, value) in &key.fields {
            // The name says more than the id, and is unique where the id is not.
            let is_doubled = field == "agent.id" && view.head().agent.name.is_some();
            if is_doubled || value.len() > LONGEST_SUGGESTED {
                continue;
            }
            matchers.extend(Matcher::equal(field, value).filter(|matcher| matcher.holds(view)));
        }
        Matchers::new(matchers)
    }

    pub(crate) fn explain(&self, view: &AlertView<'_>) -> Vec<Step> {
        let family = family_of(view);
        let exception = self.exception(view);
        let mut steps = Vec::new();
        let repeat = self.repeat(view, family, exception);
        let how = match exception {
            Some(exception) if exception.never => "never, by quiet.folding.group_by".to_owned(),
            _ if !self.enabled => "off: quiet.folding.enabled = false".to_owned(),
            Some(GroupBy {
                fields: Some(_), ..
            }) => "fields of quiet.folding.group_by".to_owned(),
            _ if repeat.is_none() => "none: the alert has no rule.id".to_owned(),
            _ => format!("family {:?}", family.name),
        };
        let mut step = Step::new("repeat key", how);
        if let Some(repeat) = repeat {
            step.says = format!(
                "{}; within {:?} of the last repeat: {}",
                step.says,
                repeat.window,
                hex(&repeat.key)
            );
            step.values = repeat
                .words
                .into_iter()
                .map(|(field, value)| (field, vec![value]))
                .collect();
        }
        steps.push(step);
        if let Some((limit, period)) = self.burst
            && exception.is_none_or(|exception| !exception.never)
            && let Some(mut key) = burst_key(view)
        {
            let says = format!(
                "{limit} within {period:?}, then folded: {}",
                hex(&key.hash("burst"))
            );
            let mut step = Step::new("burst key", says);
            step.values = key
                .words
                .into_iter()
                .map(|(field, value)| (field, vec![value]))
                .collect();
            steps.push(step);
        }
        steps
    }
}

impl GroupBy {
    fn new(config: GroupByConfig, place: &str) -> Result<Self, QuietError> {
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

    fn holds(&self, view: &AlertView<'_>) -> bool {
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

/// Rule and agent, which are part of every key. `None` where there is no rule: nothing says what happened.
fn base(view: &AlertView<'_>) -> Option<Key> {
    let mut key = Key::default();
    if !key.add(view, &["rule.id"], Case::System) {
        return None;
    }
    // An id is unique within one cluster only, and 000 is every manager's own: the name tells them apart.
    let has_id = key.add(view, &["agent.id"], Case::Blind);
    let has_name = key.add(view, &["agent.name"], Case::Blind);
    if !has_id && !has_name {
        key.add(view, &["cluster.node", "manager.name"], Case::Blind);
        key.add(view, &["agentless.host"], Case::Blind);
    }
    Some(key)
}

fn repeat_key(
    view: &AlertView<'_>,
    family: &'static Family,
    fields: Option<&[String]>,
) -> Option<Key> {
    let mut key = base(view)?;
    if let Some(fields) = fields {
        for field in fields {
            key.add_field(view, Cow::Owned(field.clone()), field, Case::System);
        }
        return Some(key);
    }
    for word in family.key {
        key.add(view, word.fields, word.letters);
    }
    if family.has_rest {
        generic::add_rest(view, &mut key);
    }
    if family.has_rest || !family.key.is_empty() {
        generic::add_message(view, &mut key);
    }
    Some(key)
}

fn burst_key(view: &AlertView<'_>) -> Option<Key> {
    let mut key = base(view)?;
    key.add(view, ACTORS, Case::System);
    Some(key)
}

fn collected(view: &AlertView<'_>, family: &'static Family) -> Vec<Collected> {
    let mut collected: Vec<Collected> = Vec::new();
    for (label, fields) in family.collected {
        let first = collected.len();
        for field in *fields {
            view.each(field, &mut |value| {
                let value = cut(until_nul(value), LONGEST);
                let is_new = collected[first..].iter().all(|known| known.value != value);
                if !value.is_empty() && value != "-" && is_new {
                    collected.push(Collected { label, value });
                }
                collected.len() - first >= OF_A_LABEL || collected.len() >= IN_ALL
            });
            if collected.len() - first >= OF_A_LABEL || collected.len() >= IN_ALL {
                break;
            }
        }
    }
    collected
}

fn hex(key: &[u8]) -> String {
    key.iter().map(|byte| format!("{byte:02x}")).collect()
}
