//! `[quiet.folding]` and `[quiet.burst]`, compiled.

use std::time::Duration;

use super::{
    BudgetRule, Burst, Folding, Repeat,
    collected::collected,
    family::{Case, Family},
    generic,
    group_by::GroupBy,
    key::{Kept, Key},
    recognise::family_of,
};
use crate::{
    explain::Step,
    matcher::{Matcher, Matchers},
    path::{Path, at},
    quiet::{BurstConfig, FoldingConfig, QuietError},
    view::AlertView,
};

/// Bytes of a value that is suggested for a silence; longer ones are left out.
const LONGEST_SUGGESTED: usize = 1024;

/// The agent id of every manager.
const MANAGER: &str = "000";

#[derive(Debug)]
pub(crate) struct FoldingRules {
    enabled: bool,
    window: Duration,
    longest_life: Duration,
    group_by: Vec<GroupBy>,
    /// Limit and period.
    burst: Option<(u32, Duration)>,
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
        let mut base = base(view, Kept::Words).filter(|_| is_foldable);
        let burst = self.burst.zip(base.as_mut());
        let burst = burst.map(|((limit, period), base)| Burst {
            key: base.hash("burst"),
            limit,
            period,
        });
        Folding {
            repeat: self.repeat(view, family, exception, base),
            burst,
            budget,
            collected: collected(view, family),
        }
    }

    /// `base` is rule and agent.
    fn repeat(
        &self,
        view: &AlertView<'_>,
        family: &'static Family,
        exception: Option<&GroupBy>,
        base: Option<Key>,
    ) -> Option<Repeat> {
        if !self.enabled || exception.is_some_and(|exception| exception.never) {
            return None;
        }
        let fields = exception.and_then(|exception| exception.fields.as_deref());
        let mut key = repeat_key(view, family, fields, base?);
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
        let base = base(view, Kept::Fields)?;
        let key = repeat_key(view, family_of(view), fields, base);
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
        let repeat = self.repeat(view, family, exception, base(view, Kept::Words));
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
            && let Some(mut key) = base(view, Kept::Words)
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

/// Rule and agent, which are part of every key. `None` where there is no rule: nothing says what happened.
fn base(view: &AlertView<'_>, kept: Kept) -> Option<Key> {
    let mut key = Key::new(kept);
    if !key.add(view, &[at!("rule.id")], Case::System) {
        return None;
    }
    // An id is unique within one cluster only, and 000 is every manager's own: the name tells them apart.
    let has_id = key.add(view, &[at!("agent.id")], Case::Blind);
    let has_name = key.add(view, &[at!("agent.name")], Case::Blind);
    if !has_id && !has_name {
        key.add(
            view,
            &[at!("cluster.node"), at!("manager.name")],
            Case::Blind,
        );
        key.add(view, &[at!("agentless.host")], Case::Blind);
    }
    // The manager itself: what devices send it by syslog has the device in `location` alone.
    if view.head().agent.id.as_deref() == Some(MANAGER) {
        key.add(view, &[at!("location")], Case::Blind);
    }
    Some(key)
}

/// The base with what makes a repeat.
fn repeat_key(
    view: &AlertView<'_>,
    family: &'static Family,
    fields: Option<&[String]>,
    mut key: Key,
) -> Key {
    if let Some(fields) = fields {
        for field in fields {
            key.add_field(view, field, Path::new(field), Case::System);
        }
        return key;
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
    key
}

fn hex(key: &[u8]) -> String {
    key.iter().map(|byte| format!("{byte:02x}")).collect()
}
