//! `alertbridge noise`: what was taken by what, who is loudest, and what would silence it.

use std::collections::{HashMap, HashSet};

use alertbridge_alert::Alert;
use alertbridge_ledger::{Group, GroupKind, Hits, Ledger, Noise, NoiseRow, Silence, SqliteLedger};
use alertbridge_pipeline::{AlertView, Matchers, QuietRules};
use jiff::Timestamp;
use serde::Serialize;

use super::{answer, print_json, reader, silence::words};
use crate::{
    cli, clock,
    config::Config,
    exit::Exit,
    failure::Failure,
    output,
    table::{Table, percent, printable},
};

/// A silence is suggested for the loudest so many.
const SUGGESTED: usize = 5;
/// And only for what came so often.
const REPEATS: u64 = 2;

/// What it says with `--json`.
#[derive(Serialize)]
struct Report<'a> {
    since: Timestamp,
    #[serde(flatten)]
    noise: &'a Noise,
    suggestions: &'a [Suggestion],
}

/// A silence that would spare people the most.
#[derive(Debug, Serialize)]
struct Suggestion {
    matchers: String,
    description: String,
    /// Alerts it would have silenced since then, those apart that were silenced.
    alerts: u64,
}

/// Prints it. Nothing is changed.
pub fn run(arguments: &cli::Noise) -> Result<Exit, Failure> {
    let config = Config::load(&arguments.output.config.config)?;
    // `Config::load` has tried them.
    let rules = QuietRules::try_from(config.quiet.clone()).map_err(Failure::fault)?;
    let ledger = reader(&config)?;
    let since = arguments.since.before(clock::now());
    let noise = answer(ledger.noise(since, usize::from(arguments.limit)))?;
    let silences = answer(ledger.silences())?;
    let suggestions = suggestions(&noise.loudest, &repeated(&ledger, &noise)?, &rules);
    if arguments.output.json {
        print_json(&Report {
            since,
            noise: &noise,
            suggestions: &suggestions,
        })?;
    } else {
        output::print(text(since, &noise, &silences, &suggestions))?;
    }
    Ok(Exit::Success)
}

/// The largest group of repeats of a rule on an agent: its alert, and how many it stands for.
type Repeated = HashMap<(String, String), (Vec<u8>, u64)>;

fn repeated(ledger: &SqliteLedger, noise: &Noise) -> Result<Repeated, Failure> {
    let mut largest = Repeated::new();
    for group in noise
        .groups
        .iter()
        .filter(|one| one.kind == GroupKind::Repeats)
    {
        if let Some(trace) = answer(ledger.trace(&group.parent))?
            && let Some(payload) = trace.payload
        {
            // The most folded come first.
            largest
                .entry((trace.rule_id, trace.agent))
                .or_insert((payload, group.folded + 1));
        }
    }
    Ok(largest)
}

/// For what reached people again and again; what is silenced or folded away needs none. Where most alerts of a rule on an agent
/// are the same again, those are named; where they differ, the rule and the agent.
fn suggestions(loudest: &[NoiseRow], repeated: &Repeated, rules: &QuietRules) -> Vec<Suggestion> {
    let mut suggestions: Vec<Suggestion> = Vec::new();
    let mut known = HashSet::new();
    for row in loudest {
        let heard = row.alerts - row.silenced;
        if suggestions.len() == SUGGESTED || heard < REPEATS {
            continue;
        }
        let same = repeated
            .get(&(row.rule_id.clone(), row.agent.clone()))
            .filter(|(_, alerts)| alerts * 2 > heard);
        let (example, alerts) = match same {
            Some((payload, alerts)) => (Some(payload.as_slice()), *alerts),
            None => (row.example.as_deref(), heard),
        };
        let Some(alert) = example.and_then(|raw| Alert::parse(raw).ok()) else {
            continue;
        };
        let text = alert.text();
        let Some(narrow) = rules.suggest(&AlertView::new(alert.head(), &text)) else {
            continue;
        };
        let matchers = match same {
            Some(_) => Some(narrow),
            None => rule_and_agent(&narrow),
        };
        let Some(matchers) = matchers.map(|matchers| matchers.to_string()) else {
            continue;
        };
        if known.insert(matchers.clone()) {
            let (_, _, description) = words(alert.head());
            suggestions.push(Suggestion {
                matchers,
                description,
                alerts,
            });
        }
    }
    suggestions
}

/// What is left of a suggestion where the alerts differ in the rest.
fn rule_and_agent(narrow: &Matchers) -> Option<Matchers> {
    const KEPT: [&str; 5] = [
        "rule.id",
        "agent.name",
        "agent.id",
        "cluster.node",
        "manager.name",
    ];
    let kept = narrow
        .into_iter()
        .filter(|one| KEPT.contains(&one.field().path()));
    Matchers::new(kept.cloned().collect())
}

fn text(
    since: Timestamp,
    noise: &Noise,
    silences: &[Silence],
    suggestions: &[Suggestion],
) -> String {
    let mut text = format!(
        "{} alerts received since {}\n",
        noise.received,
        since.strftime("%Y-%m-%d %H:00Z")
    );
    if !noise.taken.is_empty() {
        text.push('\n');
        text.push_str(&taken(noise, silences));
    }
    if !noise.loudest.is_empty() {
        text.push('\n');
        text.push_str(&loudest(noise));
    }
    if !noise.groups.is_empty() {
        text.push('\n');
        text.push_str(&groups(&noise.groups));
    }
    // With a character that is not shown, what is pasted would be another silence.
    let shown = |suggestion: &&Suggestion| printable(&suggestion.matchers) == suggestion.matchers;
    let suggestions: Vec<&Suggestion> = suggestions.iter().filter(shown).collect();
    if !suggestions.is_empty() {
        text.push_str(
            "\nif nobody needs to see them (`alertbridge silence preview '…'` shows what else it would take):\n",
        );
    }
    for suggestion in suggestions {
        text.push_str(&format!(
            "  # {} alerts: {}\n  alertbridge silence add {} --duration 24h --comment '…'\n",
            suggestion.alerts,
            printable(&suggestion.description),
            shell_quoted(&suggestion.matchers),
        ));
    }
    text
}

fn taken(noise: &Noise, silences: &[Silence]) -> String {
    let mut table = Table::new(&["taken by", "alerts", "share", "the last"]);
    for hits in &noise.taken {
        let cells = [
            hits.hits.to_string(),
            percent(hits.hits, noise.received),
            hits.last_hit.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
        ];
        table.cells(&rule(hits, silences), &cells);
    }
    table.text()
}

/// A silence's id says nothing to a person; its matchers do.
fn rule(hits: &Hits, silences: &[Silence]) -> String {
    let silence = silences
        .iter()
        .find(|silence| hits.rule == "silence" && silence.id == hits.name);
    match silence {
        Some(silence) => format!("silence {}  {}", hits.name, cut(&silence.matchers)),
        None => format!("{} {}", hits.rule, hits.name).trim_end().to_owned(),
    }
}

fn loudest(noise: &Noise) -> String {
    let heading = [
        "rule, agent",
        "level",
        "alerts",
        "share",
        "silenced",
        "folded",
        "routed",
    ];
    let mut table = Table::new(&heading);
    for row in &noise.loudest {
        let alert = row
            .example
            .as_deref()
            .and_then(|raw| Alert::parse(raw).ok());
        let (_, agent, description) = alert
            .as_ref()
            .map(|alert| words(alert.head()))
            .unwrap_or_default();
        let agent = if agent.is_empty() { &row.agent } else { &agent };
        let cells = [
            row.level.to_string(),
            row.alerts.to_string(),
            percent(row.alerts, noise.received),
            row.silenced.to_string(),
            row.folded.to_string(),
            row.routed.to_string(),
        ];
        table.cells(&format!("{} {agent}  {description}", row.rule_id), &cells);
    }
    table.text()
}

fn groups(groups: &[Group]) -> String {
    let mut table = Table::new(&["counted into one", "folded", "since", "the last"]);
    for group in groups {
        let kind = match group.kind {
            GroupKind::Repeats => "repeats of",
            GroupKind::Burst => "burst",
            GroupKind::Budget => "budget",
        };
        let cells = [
            group.folded.to_string(),
            group.opened_at.strftime("%Y-%m-%d %H:%M").to_string(),
            group.last_at.strftime("%Y-%m-%d %H:%M").to_string(),
        ];
        table.cells(&format!("{kind} {}", group.parent), &cells);
    }
    table.text()
}

fn cut(text: &str) -> String {
    /// Characters of matchers in a table.
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// For a POSIX shell: nothing in it means anything.
fn shell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn example(rule: &str, description: &str) -> Option<Vec<u8>> {
        let alert = serde_json::json!({
            "rule": {"id": rule, "level": 5, "description": description},
            "agent": {"id": "001", "name": "web'01"},
        });
        Some(serde_json::to_vec(&alert).unwrap())
    }

    #[test]
    fn it_names_what_took_alerts_who_is_loudest_and_what_to_paste() {
        let taken = |rule: &str, name: &str, hits| Hits {
            rule: rule.into(),
            name: name.into(),
            hits,
            last_hit: at("2026-11-21T11:59:00Z"),
        };
        let noise = Noise {
            received: 2000,
            taken: vec![
                taken("gate", "iris", 1200),
                taken("silence", "3a7a", 100),
                taken("repeat", "", 60),
            ],
            loudest: vec![
                NoiseRow {
                    rule_id: "5710".into(),
                    agent: "001".into(),
                    level: 5,
                    alerts: 412,
                    silenced: 100,
                    folded: 60,
                    routed: 252,
                    example: example("5710", "sshd: it's \x1b[2J $(reboot)"),
                },
                NoiseRow {
                    rule_id: "554".into(),
                    agent: "002".into(),
                    level: 3,
                    alerts: 7,
                    silenced: 7,
                    example: example("554", "silenced already"),
                    ..NoiseRow::default()
                },
                NoiseRow {
                    rule_id: "550".into(),
                    agent: "gone\u{202e}".into(),
                    level: 7,
                    alerts: 5,
                    routed: 5,
                    ..NoiseRow::default()
                },
            ],
            groups: vec![Group {
                id: 5,
                kind: GroupKind::Repeats,
                parent: "node:1795250613.5".into(),
                level: 5,
                opened_at: at("2026-11-21T10:00:00Z"),
                last_at: at("2026-11-21T11:58:00Z"),
                folded: 60,
                fields: Vec::new(),
                told: 60,
                ended: None,
                members: Vec::new(),
            }],
        };
        let silences = [Silence {
            id: "3a7a".into(),
            matchers: "rule.id = \"5710\"".into(),
            starts_at: at("2026-11-21T10:00:00Z"),
            ends_at: at("2026-11-22T10:00:00Z"),
            created_by: "ana".into(),
            comment: "pentest".into(),
            created_at: at("2026-11-21T10:00:00Z"),
            hits: 100,
            last_hit: None,
        }];
        let rules = QuietRules::try_from(alertbridge_pipeline::QuietConfig::default()).unwrap();
        let suggestions = suggestions(&noise.loudest, &Repeated::new(), &rules);
        let since = at("2026-11-14T12:00:00Z");
        insta::assert_snapshot!(text(since, &noise, &silences, &suggestions));
    }

    #[test]
    fn a_suggestion_can_be_pasted_whatever_is_in_it() {
        assert_eq!(shell_quoted("a = \"it's $(x)\""), r#"'a = "it'\''s $(x)"'"#);
    }
}
