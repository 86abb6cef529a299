//! What finding the observables of a real alert costs, beside reading the same bytes with serde_json.
//!
//! The floor is `serde_json::from_slice` into a tree: whoever looks into an alert pays that first. Rows above it are the IOCs of
//! the crate's root and the observables for matching, each on trees that are read already; the last is what a caller pays
//! in all. Run: `cargo bench -p alertbridge-alert --bench observables`

use std::hint::black_box;
use std::time::{Duration, Instant};

use alertbridge_alert::{
    Alert,
    observables::{ObservableFilter, of_tree, parent_domains, url_forms},
};

const ALERTS: &str = include_str!("../../../data/alerts.jsonl");
const ROUNDS: usize = 15;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let lines: Vec<&str> = ALERTS.lines().collect();
    let mut alerts = Vec::new();
    let mut trees: Vec<serde_json::Value> = Vec::new();
    for line in &lines {
        alerts.push(Alert::parse(line.as_bytes())?);
        trees.push(serde_json::from_str(line)?);
    }
    let filter = ObservableFilter::default();
    let found: usize = trees
        .iter()
        .map(|tree| of_tree(tree, &filter).list.len())
        .sum();

    let floor = best(lines.len(), || {
        for line in &lines {
            black_box(serde_json::from_slice::<serde_json::Value>(line.as_bytes()).ok());
        }
    });
    let matching = best(lines.len(), || {
        for tree in &trees {
            black_box(of_tree(tree, &filter));
        }
    });
    let whole = best(lines.len(), || {
        for alert in &alerts {
            black_box(alert.intel_observables(&filter));
        }
    });
    let iocs = best(lines.len(), || {
        for alert in &alerts {
            black_box(alert.observables());
        }
    });
    let forms = best(1, || {
        black_box(url_forms(black_box("hxxp://Evil[.]Example:80/a?b=c#d")));
    });
    let parents = best(1, || {
        black_box(parent_domains(black_box("a.b.c.example.co.uk")).count());
    });

    println!(
        "{} alerts, {} bytes on average, {:.1} observables on average",
        lines.len(),
        ALERTS.len() / lines.len(),
        found as f64 / lines.len() as f64
    );
    let row = |name: &str, time: Duration| {
        println!(
            "{name:<52} {:>8.2} us   {:>5.2} x the floor",
            time.as_secs_f64() * 1e6,
            time.as_secs_f64() / floor.as_secs_f64()
        );
    };
    row("floor: serde_json reads the alert into a tree", floor);
    row("observables for matching, tree given", matching);
    row("observables for matching, from the alert's bytes", whole);
    row("IOCs, from the alert's bytes", iocs);
    row("one URL's forms", forms);
    row("one name's parents", parents);
    Ok(())
}

/// The best of several rounds, for one of `count` items.
fn best(count: usize, mut round: impl FnMut()) -> Duration {
    (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            round();
            start.elapsed()
        })
        .min()
        .unwrap_or_default()
        / count as u32
}
