//! `alertbridge silence preview`: what a silence would have silenced, asked of the alerts that are stored.

use std::{
    collections::{HashMap, VecDeque},
    io::IsTerminal,
};

use alertbridge_alert::{Alert, Head};
use alertbridge_ledger::{Ledger, SqliteLedger, Stored, TraceOutcome};
use alertbridge_pipeline::{AlertView, Matchers, SilenceRule};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use serde::Serialize;

use super::{answer, matchers, print_json, reader, usage};
use crate::{
    cli, clock,
    config::Config,
    exit::Exit,
    failure::Failure,
    output,
    table::{Table, percent, printable},
};

/// Alerts read at a time; the ledger gives fewer where they are large.
const PAGE: usize = 512;
/// Rows of the table, and examples.
const SHOWN: usize = 10;
const EXAMPLES: usize = 5;
/// Pairs of rule and agent counted; alerts of further ones are counted together.
const MOST_PAIRS: usize = 10_000;

/// What it says.
#[derive(Debug, Default, Serialize)]
struct Preview {
    since: Timestamp,
    matchers: String,
    /// Alerts in the books since the start of that hour: routed, folded or silenced.
    alerts: u64,
    /// Of them asked: those whose bytes are still kept.
    asked: u64,
    /// Of `asked`: those its matchers hold for.
    silenced: u64,
    /// Of `silenced`: those that were handed to sinks.
    routed: u64,
    /// Of `silenced`: those that were counted into another alert.
    folded: u64,
    /// Of `silenced`: those that something silenced already.
    already: u64,
    /// Rule and agent pairs, the most alerts first.
    loudest: Vec<Pair>,
    /// The newest.
    examples: VecDeque<Example>,
}

#[derive(Debug, Default, Serialize)]
struct Pair {
    rule_id: String,
    agent: String,
    description: String,
    alerts: u64,
}

#[derive(Debug, Serialize)]
struct Example {
    reference: String,
    received_at: Timestamp,
    rule_id: String,
    agent: String,
    description: String,
}

/// Runs it. Nothing is changed.
pub fn run(arguments: &cli::SilencePreview) -> Result<Exit, Failure> {
    let matchers = matchers(&arguments.matchers)?;
    let now = clock::now();
    // What `add` refuses has no preview either.
    if let Err(error) = SilenceRule::new("", &matchers.to_string(), Timestamp::MIN, now) {
        let why = error.to_string().replacen("silence : ", "", 1);
        return Err(usage(why));
    }
    let config = Config::load(&arguments.output.config.config)?;
    let ledger = reader(&config)?;
    let since = arguments.since.before(now);
    let preview = look(&ledger, &matchers, since)?;
    if arguments.output.json {
        print_json(&preview)?;
    } else {
        output::print(text(&preview))?;
    }
    Ok(Exit::Success)
}

fn look(ledger: &SqliteLedger, matchers: &Matchers, since: Timestamp) -> Result<Preview, Failure> {
    let books = answer(ledger.books(Some(since)))?;
    let kept = books
        .sources
        .iter()
        .map(|row| row.routed + row.folded + row.silenced);
    let mut preview = Preview {
        since,
        matchers: matchers.to_string(),
        alerts: kept.sum(),
        ..Preview::default()
    };
    let progress = progress(preview.alerts);
    let mut pairs: HashMap<(String, String), Pair> = HashMap::new();
    let mut after = 0;
    loop {
        let page = answer(ledger.stored(since, after, PAGE))?;
        let Some(last) = page.last() else {
            break;
        };
        after = last.number;
        progress.inc(page.len() as u64);
        for stored in page {
            preview.ask(stored, matchers, &mut pairs);
        }
    }
    progress.finish_and_clear();
    let mut loudest: Vec<Pair> = pairs.into_values().collect();
    loudest.sort_by(|one, other| {
        (other.alerts, &one.rule_id, &one.agent).cmp(&(one.alerts, &other.rule_id, &other.agent))
    });
    loudest.truncate(SHOWN);
    preview.loudest = loudest;
    Ok(preview)
}

impl Preview {
    fn ask(
        &mut self,
        stored: Stored,
        matchers: &Matchers,
        pairs: &mut HashMap<(String, String), Pair>,
    ) {
        // What was an alert when it came is one still; damaged bytes are left out.
        let Ok(alert) = Alert::parse(stored.payload) else {
            return;
        };
        self.asked += 1;
        let text = alert.text();
        if !matchers.hold(&AlertView::new(alert.head(), &text)) {
            return;
        }
        self.silenced += 1;
        match stored.outcome {
            TraceOutcome::Routed => self.routed += 1,
            TraceOutcome::Folded => self.folded += 1,
            TraceOutcome::Silenced(_) => self.already += 1,
        }
        let (rule_id, agent, description) = words(alert.head());
        let mut key = (rule_id.clone(), agent.clone());
        if pairs.len() >= MOST_PAIRS && !pairs.contains_key(&key) {
            key = ("others".into(), String::new());
        }
        let pair = pairs
            .entry(key)
            .or_insert_with_key(|(rule_id, agent)| Pair {
                rule_id: rule_id.clone(),
                agent: agent.clone(),
                description: description.clone(),
                alerts: 0,
            });
        pair.alerts += 1;
        self.examples.push_front(Example {
            reference: stored.reference,
            received_at: stored.received_at,
            rule_id,
            agent,
            description,
        });
        self.examples.truncate(EXAMPLES);
    }
}

/// Rule, agent and description of an alert, short enough for a line.
pub(in crate::commands) fn words(head: &Head) -> (String, String, String) {
    /// Characters of each.
    const LONGEST: usize = 80;
    let short = |text: Option<&str>| text.unwrap_or_default().chars().take(LONGEST).collect();
    let agent = head.agent.name.as_deref().or(head.agent.id.as_deref());
    (
        short(head.rule_id.as_deref()),
        short(agent),
        short(head.rule_description.as_deref()),
    )
}

/// On standard error, and only where somebody watches.
fn progress(alerts: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(alerts), ProgressDrawTarget::stderr_with_hz(5));
    // The template is a constant; where it were wrong, the default one serves.
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len} alerts, {eta} to go") {
        bar.set_style(style);
    }
    bar
}

fn text(preview: &Preview) -> String {
    let Preview {
        asked, silenced, ..
    } = preview;
    let mut text = format!(
        "{}\nwould have silenced {silenced} of {asked} alerts ({}) since {}\n  handed to sinks {}, counted into others {}, silenced already {}\n",
        printable(&preview.matchers),
        percent(*silenced, *asked),
        preview.since.strftime("%Y-%m-%d %H:%M:%SZ"),
        preview.routed,
        preview.folded,
        preview.already,
    );
    let gone = preview.alerts.saturating_sub(*asked);
    if gone > 0 {
        text.push_str(&format!(
            "  about {gone} more came, and can't be asked: their bytes are no longer kept\n"
        ));
    }
    if preview.loudest.is_empty() {
        return text;
    }
    let mut table = Table::new(&["rule, agent", "alerts", "share"]);
    for pair in &preview.loudest {
        table.cells(
            &format!("{} {}  {}", pair.rule_id, pair.agent, pair.description),
            &[pair.alerts.to_string(), percent(pair.alerts, *silenced)],
        );
    }
    text.push('\n');
    text.push_str(&table.text());
    text.push_str("\nthe newest\n");
    for example in &preview.examples {
        text.push_str(&printable(&format!(
            "{}  {}  {} {}  {}",
            example.received_at.strftime("%Y-%m-%d %H:%M:%SZ"),
            example.reference,
            example.rule_id,
            example.agent,
            example.description,
        )));
        text.push('\n');
    }
    text
}
