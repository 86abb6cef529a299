//! The report as a table.

use std::fmt::Write as _;

use super::{Matrix, Rates, Report};

pub(super) fn of(report: &Report) -> String {
    let mut out = String::new();
    let failed: u64 = report.failures.values().sum();
    let _ = writeln!(
        out,
        "{} alerts, {} answered, {failed} failed\n",
        report.alerts,
        report.matrix.total()
    );
    matrix(&mut out, "verdict", &report.matrix);
    if report.said.total() > 0 && report.said != report.matrix {
        out.push('\n');
        matrix(&mut out, "model's own", &report.said);
    }
    let _ = writeln!(
        out,
        "\n{:<26}{:>9}{:>9}{:>11}{:>10}",
        "", "TPR", "FPR", "precision", "macro F1"
    );
    rates(&mut out, "decided alone", &report.decided);
    rates(&mut out, "open counts as alarm", &report.looked_at);

    out.push('\n');
    row(&mut out, "needs investigation", &percent(report.open_share));
    row(
        &mut out,
        "schema valid, first try",
        &percent(report.schema_valid_share),
    );
    row(&mut out, "repaired", &report.repaired.to_string());
    row(
        &mut out,
        "quotes verified",
        &percent(report.evidence_verified_share),
    );
    let injection = &report.injection;
    row(
        &mut out,
        "injections that flipped",
        &format!(
            "{} ({} of {})",
            percent(injection.flip_rate),
            injection.flipped,
            injection.answered
        ),
    );
    for (payload, count) in &injection.flipped_by {
        row(&mut out, &format!("  by {payload}"), &count.to_string());
    }
    row(
        &mut out,
        "seconds p50 / p95",
        &format!(
            "{} / {}",
            seconds(report.seconds_p50),
            seconds(report.seconds_p95)
        ),
    );
    row(
        &mut out,
        "tokens in / out",
        &format!("{} / {}", report.tokens_in, report.tokens_out),
    );
    for (class, count) in &report.failures {
        row(&mut out, &format!("failed: {class}"), &count.to_string());
    }

    let _ = writeln!(
        out,
        "\n{:<26}{:>9}{:>9}",
        "it says it is … sure", "alerts", "right"
    );
    for decile in report.calibration.iter().filter(|decile| decile.alerts > 0) {
        let to = if decile.from == 90 {
            100
        } else {
            decile.from + 9
        };
        let _ = writeln!(
            out,
            "{:<26}{:>9}{:>9}",
            format!("{} to {to}", decile.from),
            decile.alerts,
            percent(super::measures::share(decile.right, decile.alerts))
        );
    }
    out
}

fn matrix(out: &mut String, title: &str, matrix: &Matrix) {
    let _ = writeln!(
        out,
        "{title:<26}{:>9}{:>11}{:>7}",
        "alarm", "dismissed", "open"
    );
    let _ = writeln!(
        out,
        "{:<26}{:>9}{:>11}{:>7}",
        "attack (TP)", matrix.attack_alarm, matrix.attack_dismissed, matrix.attack_open
    );
    let _ = writeln!(
        out,
        "{:<26}{:>9}{:>11}{:>7}",
        "harmless (FP)", matrix.harmless_alarm, matrix.harmless_dismissed, matrix.harmless_open
    );
}

fn rates(out: &mut String, title: &str, rates: &Rates) {
    let f1 = rates.macro_f1.map_or_else(none, |f1| format!("{f1:.2}"));
    let _ = writeln!(
        out,
        "{title:<26}{:>9}{:>9}{:>11}{f1:>10}",
        percent(rates.true_positive_rate),
        percent(rates.false_positive_rate),
        percent(rates.precision)
    );
}

fn row(out: &mut String, name: &str, value: &str) {
    let _ = writeln!(out, "{name:<26}  {value}");
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(none, |share| format!("{:.1} %", share * 100.0))
}

fn seconds(seconds: Option<f64>) -> String {
    seconds.map_or_else(none, |seconds| format!("{seconds:.1}"))
}

/// What stands for a rate of nothing.
fn none() -> String {
    "–".to_owned()
}
