//! What a decision costs per real alert with 200 gates and 1,000 matcher sets, beside asking every one of them.
//!
//! Peers in the same run: every gate and every set asked in turn; the typed head that is read of each alert anyway; the whole
//! alert as a tree. Then quieting: gates, 1,000 silences, 1,000 allowlist entries, 20 mute times and the folding keys of one alert in one
//! view, together and each alone. The last rows show how the cost grows with the number of sets.
//! Run: `cargo bench -p alertbridge-pipeline --bench decide`

use std::hint::black_box;
use std::time::{Duration, Instant};

use alertbridge_alert::Alert;
use alertbridge_pipeline::{
    AlertView, Gate, Gates, MatcherIndex, Matchers, QuietConfig, QuietRules, SilenceRule, Silences,
};
use jiff::Timestamp;

const ALERTS: &str = include_str!("../../../data/alerts.jsonl");
const ROUNDS: usize = 60;
const GATES: usize = 200;
const SETS: usize = 1_000;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let lines: Vec<&str> = ALERTS.lines().collect();
    let mut alerts = Vec::new();
    for line in &lines {
        alerts.push(Alert::parse(line.as_bytes())?);
    }
    let gates = gates(GATES)?;
    let sets = sets(SETS)?;
    let compiled = Gates::compile(gates.clone());
    let index = MatcherIndex::new(sets.clone());
    check(&alerts, &compiled, &index);

    let head = best(alerts.len(), || {
        for line in &lines {
            let _ = black_box(Alert::parse(line.as_bytes()));
        }
    });
    let tree = best(alerts.len(), || {
        for alert in &alerts {
            black_box(alert.tree());
        }
    });
    let every = best(alerts.len(), || {
        for alert in &alerts {
            let text = alert.text();
            let view = AlertView::new(alert.head(), &text);
            for gate in &gates {
                black_box(gate.passes(&view));
            }
            for set in &sets {
                black_box(set.hold(&view));
            }
        }
    });
    let indexed = best(alerts.len(), || {
        for alert in &alerts {
            let text = alert.text();
            let view = AlertView::new(alert.head(), &text);
            black_box(compiled.passing(&view));
            black_box(index.holding(&view));
        }
    });
    println!(
        "decide: {} real alerts, {GATES} gates, {SETS} matcher sets, best of {ROUNDS}, per alert",
        alerts.len()
    );
    let show = |name: &str, time: Duration| {
        let ratio = |other: Duration| time.as_secs_f64() / other.as_secs_f64();
        println!(
            "  {name:<32} {:>8.2} us  {:>7.2} x every one asked  {:>6.2} x typed head",
            time.as_secs_f64() * 1e6,
            ratio(every),
            ratio(head)
        );
    };
    show("peer: every one asked", every);
    show("peer: typed head parse", head);
    show("peer: whole alert as a tree", tree);
    show("gates and sets by index", indexed);
    quieting(&alerts, &compiled, &sets, show)?;
    for count in [100, SETS, 10 * SETS] {
        let index = MatcherIndex::new(self::sets(count)?);
        let time = best(alerts.len(), || {
            for alert in &alerts {
                let text = alert.text();
                black_box(index.holding(&AlertView::new(alert.head(), &text)));
            }
        });
        show(&format!("{count} sets alone by index"), time);
    }
    Ok(())
}

/// Everything an alert goes through before the ledger counts it; then each part with a view of its own.
fn quieting(
    alerts: &[Alert],
    gates: &Gates,
    sets: &[Matchers],
    show: impl Fn(&str, Duration),
) -> Result<(), Failure> {
    let (begin, now, end): (Timestamp, Timestamp, Timestamp) = (
        "2026-01-01T00:00Z".parse()?,
        "2026-01-01T12:00Z".parse()?,
        "2026-01-02T00:00Z".parse()?,
    );
    let mut silences = Vec::new();
    for (n, set) in sets.iter().enumerate() {
        let id = format!("{n:04}");
        silences.push(SilenceRule::new(id, &set.to_string(), begin, end)?);
    }
    let silences = Silences::new(silences);
    let rules = QuietRules::try_from(toml::from_str::<QuietConfig>(&quiet(SETS))?)?;
    let measured = |decide: &dyn Fn(&AlertView<'_>)| {
        best(alerts.len(), || {
            for alert in alerts {
                let text = alert.text();
                decide(&AlertView::new(alert.head(), &text));
            }
        })
    };
    let in_all = measured(&|view| {
        black_box(gates.passing(view));
        black_box(rules.silencer(view, &silences, now));
        black_box(rules.folding(view));
    });
    show("gates, quiet rules, fold key", in_all);
    show(
        "  view and one field",
        measured(&|view| {
            black_box(sets[17].hold(view));
        }),
    );
    show(
        "  200 gates alone",
        measured(&|view| {
            black_box(gates.passing(view));
        }),
    );
    show(
        "  1000 silences alone",
        measured(&|view| {
            black_box(silences.matching(view, now));
        }),
    );
    show(
        "  1000 entries, 20 mutes alone",
        measured(&|view| {
            black_box(rules.silencer(view, &Silences::default(), now));
        }),
    );
    show(
        "  folding alone",
        measured(&|view| {
            black_box(rules.folding(view));
        }),
    );
    Ok(())
}

/// Allowlist entries with every key, and mute times.
fn quiet(count: usize) -> String {
    let mut text = String::new();
    for n in 0..count {
        let keys = match n % 8 {
            0 | 1 => format!(r"processes = ['C:\Program Files\Tool{n}\*.exe']"),
            2 => format!("command_lines = ['*deploy-{n} *']\nagents = ['build{n}-*']"),
            3 => format!("target_files = ['/var/lib/app{n}/*', 'D:\\data{n}\\*']"),
            4 => format!(
                "networks = ['10.{}.{}.0/24']\nrules = ['5710']",
                n / 256,
                n % 256
            ),
            5 => format!("domains = ['cdn{n}.example.com']"),
            6 => format!("hashes = ['{n:064x}']"),
            _ => format!("rules = ['{}']\nagents = ['web{n}']", 90_000 + n),
        };
        text += &format!("[[allowlist]]\nname = 'entry{n}'\ncomment = 'c'\n{keys}\n");
    }
    for n in 0..20 {
        text += &format!(
            "[[mute]]\nname = 'mute{n}'\ncomment = 'c'\nmatchers = 'agent.name = lab{n}'\ntime_zone = 'Europe/Berlin'\n\
             times = [{{ start_time = '22:00', end_time = '06:00' }}]\n"
        );
    }
    text
}

/// Both ways must have found the same, and something.
fn check(alerts: &[Alert], gates: &Gates, index: &MatcherIndex) {
    let (mut passed, mut held) = (0, 0);
    for alert in alerts {
        let text = alert.text();
        let view = AlertView::new(alert.head(), &text);
        let passing = gates.passing(&view);
        let holding = index.holding(&view);
        assert_eq!(
            passing.len(),
            gates
                .gates()
                .iter()
                .filter(|gate| gate.passes(&view))
                .count()
        );
        assert_eq!(
            holding.len(),
            index.sets().iter().filter(|set| set.hold(&view)).count()
        );
        passed += passing.len();
        held += holding.len();
    }
    println!("  answers agree: {passed} gates passed and {held} sets held over all alerts");
}

/// Per alert, the best round. Short rounds, so that on a busy machine some are not interrupted.
fn best(alerts: usize, mut pass: impl FnMut()) -> Duration {
    const PASSES: u32 = 1;
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        for _ in 0..PASSES {
            pass();
        }
        best = best.min(begin.elapsed());
    }
    best / PASSES / u32::try_from(alerts).unwrap_or(u32::MAX)
}

/// What operators silence: rules on agents, scanners by network, tools by image and command line, paths, users. Names of the
/// samples turn up among them, so that some match.
fn sets(count: usize) -> Result<Vec<Matchers>, Failure> {
    let agents = ["web01", "db01", "win01", "fw01"];
    let mut sets = Vec::new();
    for n in 0..count {
        let agent = agents
            .get(n / 20 % 16)
            .map_or_else(|| format!("host-{n}"), |agent| (*agent).to_owned());
        let text = match n % 20 {
            0..6 => format!("{{rule.id = {}, agent.name = {agent}}}", 5700 + n % 300),
            6..8 => format!(
                r"{{rule.groups = sysmon_eid{}_detections, agent.name =~ lab{n}-\d+}}",
                n % 14
            ),
            8..10 => format!("{{rule.groups = sshd, agent.name = {agent}, rule.level < 6}}"),
            10..13 => format!(
                "data.srcip in 203.{}.{}.0/24,198.51.{}.7",
                n / 256,
                n % 256,
                n % 256
            ),
            13..15 => format!(r"data.win.eventdata.image =~ .*\\tool{n}\.exe"),
            15..17 => format!(r"data.win.eventdata.commandLine =~ (?i).*deploy-{n}\s.*"),
            17 => format!("syscheck.path =~ /var/lib/app{n}/.*"),
            18 => format!("{{data.srcuser = svc{n}, rule.level < 10}}"),
            _ => format!("full_log =~ .*health-check-{n}.*"),
        };
        sets.push(text.parse()?);
    }
    Ok(sets)
}

/// Gates of many sinks: by level, MITRE, group, agent and network.
fn gates(count: usize) -> Result<Vec<Gate>, Failure> {
    let mut gates = Vec::new();
    for n in 0..count as u32 {
        let gate = match n % 4 {
            0 => Gate::new(n % 13, None, Vec::new()),
            1 => {
                let any_of = [
                    "rule.level >= 8",
                    "rule.mitre.id exists",
                    &format!("rule.id = {}", 100_600 + n),
                ];
                let any_of: Result<Vec<Matchers>, _> =
                    any_of.iter().map(|text| text.parse()).collect();
                Gate::new(0, None, any_of?)
            }
            2 => {
                let groups = [
                    "sshd",
                    "sysmon",
                    "web",
                    "syscheck",
                    "vulnerability-detector",
                ][n as usize / 4 % 5];
                let all_of =
                    format!("{{rule.groups = {groups}, agent.name !~ lab-{n}-.*}}").parse()?;
                Gate::new(5, Some(all_of), Vec::new())
            }
            _ => {
                let all_of = format!("agent.name =~ customer{n}-.*").parse()?;
                let any_of = vec![
                    "rule.level >= 10".parse()?,
                    format!("data.srcip in 10.{n}.0.0/16").parse()?,
                ];
                Gate::new(3, Some(all_of), any_of)
            }
        };
        gates.push(gate);
    }
    Ok(gates)
}
