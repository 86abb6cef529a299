//! Numbers that people decide by: each is counted by hand here.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use alertbridge_triage::{
    answer::Verdict::{self, BenignTruePositive, FalsePositive, NeedsInvestigation, TruePositive},
    evaluation::{Label, Labelled, LabelledFault, Outcome, Outcomes, Report, flips},
};
use proptest::prelude::*;

fn outcome(id: &str, label: Label, verdict: Option<Verdict>, confidence: u8) -> Outcome {
    Outcome {
        id: id.to_owned(),
        label,
        verdict,
        said: verdict,
        failure: verdict.is_none().then(|| "output_schema".to_owned()),
        schema_valid_first_try: verdict.is_some(),
        repaired: false,
        evidence_total: 4,
        evidence_verified: 3,
        confidence: verdict.map(|_| confidence),
        tokens_in: Some(1000),
        tokens_out: Some(300),
        seconds: 10.0,
        planted: None,
        flipped: false,
    }
}

/// 4 attacks, 4 harmless ones, 1 failure.
fn run() -> Vec<Outcome> {
    use Label::{Attack, Harmless};
    let mut run = vec![
        outcome("a", Attack, Some(TruePositive), 95),
        outcome("b", Attack, Some(TruePositive), 90),
        outcome("c", Attack, Some(BenignTruePositive), 70),
        outcome("d", Attack, Some(NeedsInvestigation), 40),
        outcome("e", Harmless, Some(TruePositive), 90),
        outcome("f", Harmless, Some(FalsePositive), 100),
        outcome("g", Harmless, Some(BenignTruePositive), 75),
        outcome("h", Harmless, Some(NeedsInvestigation), 20),
        outcome("i", Attack, None, 0),
    ];
    run[1].schema_valid_first_try = false;
    run[1].repaired = true;
    run[2].said = Some(FalsePositive);
    run[7].said = Some(FalsePositive);
    for (index, outcome) in run.iter_mut().enumerate() {
        outcome.seconds = f64::from(u8::try_from(index).unwrap() + 1);
    }
    for (payload, verdict, flipped) in [
        ("en-ignore", Some(FalsePositive), true),
        ("en-ignore", Some(TruePositive), false),
        ("tag-comma", Some(NeedsInvestigation), false),
        ("tag-comma", None, false),
        ("tpl-phi", Some(BenignTruePositive), true),
    ] {
        run.push(Outcome {
            planted: Some(payload.to_owned()),
            flipped,
            seconds: 0.0,
            ..outcome("a", Attack, verdict, 50)
        });
    }
    run
}

fn close(share: Option<f64>, wanted: f64) {
    assert!(
        (share.unwrap() - wanted).abs() < 1e-9,
        "{share:?} is not {wanted}"
    );
}

#[test]
fn a_run_is_counted_as_by_hand() {
    let report = Report::of(&run());
    assert_eq!(report.alerts, 9);
    assert_eq!(report.failures.get("output_schema"), Some(&1));
    let m = report.matrix;
    assert_eq!(
        (m.attack_alarm, m.attack_dismissed, m.attack_open),
        (2, 1, 1)
    );
    assert_eq!(
        (m.harmless_alarm, m.harmless_dismissed, m.harmless_open),
        (1, 2, 1)
    );
    close(report.decided.true_positive_rate, 2.0 / 3.0);
    close(report.decided.false_positive_rate, 1.0 / 3.0);
    close(report.decided.precision, 2.0 / 3.0);
    close(report.decided.macro_f1, 2.0 / 3.0);
    close(report.looked_at.true_positive_rate, 3.0 / 4.0);
    close(report.looked_at.false_positive_rate, 2.0 / 4.0);
    close(report.looked_at.precision, 3.0 / 5.0);
    // F1 of attacks 6/9, of harmless ones 4/7.
    close(
        report.looked_at.macro_f1,
        f64::midpoint(6.0 / 9.0, 4.0 / 7.0),
    );
    assert_eq!(report.said.harmless_dismissed, 3);
    close(report.open_share, 2.0 / 8.0);
    close(report.schema_valid_share, 7.0 / 9.0);
    assert_eq!(report.repaired, 1);
    close(report.evidence_verified_share, 0.75);
    // The eight that were answered took 1 to 8 s.
    close(report.seconds_p50, 4.0);
    close(report.seconds_p95, 8.0);
    assert_eq!((report.tokens_in, report.tokens_out), (14_000, 4_200));
}

#[test]
fn calibration_counts_decided_alerts_by_decile() {
    let report = Report::of(&run());
    let seen: Vec<_> = report
        .calibration
        .iter()
        .filter(|decile| decile.alerts > 0)
        .map(|decile| (decile.from, decile.alerts, decile.right))
        .collect();
    assert_eq!(report.calibration.len(), 10);
    assert_eq!(seen, [(70, 2, 1), (90, 4, 3)]);
}

#[test]
fn planted_texts_are_counted_apart() {
    let injection = Report::of(&run()).injection;
    assert_eq!(
        (injection.answered, injection.failed, injection.flipped),
        (4, 1, 2)
    );
    close(injection.flip_rate, 0.5);
    assert_eq!(injection.flipped_by.len(), 2);
    assert_eq!(injection.flipped_by["en-ignore"], 1);
}

#[test]
fn a_flip_is_towards_good_news_alone() {
    assert!(flips(TruePositive, FalsePositive));
    assert!(flips(NeedsInvestigation, BenignTruePositive));
    assert!(!flips(FalsePositive, BenignTruePositive));
    assert!(!flips(TruePositive, NeedsInvestigation));
    assert!(!flips(FalsePositive, TruePositive));
}

#[test]
fn a_report_of_nothing_has_no_rates() {
    let report = Report::of(&[]);
    assert_eq!(report.decided.true_positive_rate, None);
    assert_eq!(report.injection.flip_rate, None);
    assert_eq!(report.seconds_p95, None);
    insta::assert_snapshot!("nothing", report.table());
}

#[test]
fn the_table_is_readable() {
    let table = Report::of(&run()).table();
    assert!(table.lines().all(|line| line.chars().count() <= 100));
    insta::assert_snapshot!("table", table);
}

#[test]
fn a_report_is_json() {
    let report = Report::of(&run());
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
}

#[test]
fn a_run_goes_on_where_it_stopped() {
    let lines: Vec<String> = run()
        .iter()
        .map(|outcome| outcome.line().unwrap())
        .collect();
    let torn = &lines[3][..40];
    let file = format!("{}\n{}\n\n{}\n{torn}", lines[0], lines[1], lines[9]);
    let outcomes = Outcomes::read(file.lines());
    assert!(outcomes.torn);
    assert_eq!((outcomes.all().len(), outcomes.damaged), (3, 0));
    assert!(outcomes.has("a", None) && outcomes.has("a", Some("en-ignore")));
    assert!(!outcomes.has("a", Some("tag-comma")) && !outcomes.has("d", None));
    assert_eq!(outcomes.plain("a").unwrap().verdict, Some(TruePositive));
    assert_eq!(outcomes.plain("d"), None);
}

#[test]
fn seconds_that_are_no_number_do_not_lose_the_outcome() {
    let line = Outcome {
        seconds: f64::NAN,
        ..run()[0].clone()
    };
    let outcomes = Outcomes::read([line.line().unwrap().as_str()]);
    assert_eq!(outcomes.all()[0].seconds.to_bits(), 0.0f64.to_bits());
}

#[test]
fn lines_that_cant_be_read_are_counted_and_asked_again() {
    let good = run()[0].line().unwrap();
    let outcomes = Outcomes::read(["{", "[1]", &good, "null", &good]);
    assert_eq!(outcomes.all().len(), 1, "the first of a kind stays");
    assert_eq!((outcomes.damaged, outcomes.torn), (3, false));
}

#[test]
fn a_labelled_alert_is_read_with_and_without_its_wrapper() {
    let wrapped = r#"{"id":"x1","label":"FP","rule_level":4,"alert":{"_index":"w","_source":{"rule":{"level":4}}}}"#;
    let read = Labelled::read(wrapped).unwrap();
    assert_eq!((read.id.as_str(), read.label), ("x1", Label::Harmless));
    assert_eq!(read.alert["rule"]["level"], 4);
    let bare = "\u{feff}{\"id\":7,\"label\":\"tp\",\"alert\":{\"rule\":{\"level\":9}}}\r\n";
    let read = Labelled::read(bare).unwrap();
    assert_eq!((read.id.as_str(), read.label), ("7", Label::Attack));
    assert_eq!(read.alert["rule"]["level"], 9);
}

#[test]
fn a_line_that_is_no_labelled_alert_says_what_is_missing() {
    for (line, fault) in [
        ("", LabelledFault::NotJson),
        ("[]", LabelledFault::NotJson),
        (r#"{"id":"a","label":"T"#, LabelledFault::NotJson),
        (r#"{"label":"TP","alert":{}}"#, LabelledFault::Field("id")),
        (
            r#"{"id":"a","label":"maybe","alert":{}}"#,
            LabelledFault::Field("label"),
        ),
        (
            r#"{"id":"a","label":"TP","alert":[]}"#,
            LabelledFault::Field("alert"),
        ),
    ] {
        assert_eq!(Labelled::read(line).unwrap_err(), fault, "{line}");
    }
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    (
        "[a-f]",
        any::<bool>(),
        proptest::option::of(0..4usize),
        any::<u8>(),
        proptest::option::of("[x-z]"),
        any::<bool>(),
        (0..4000u32).prop_map(|quarters| f64::from(quarters) / 4.0),
    )
        .prop_map(
            |(id, attack, verdict, confidence, planted, flipped, seconds)| {
                let label = if attack {
                    Label::Attack
                } else {
                    Label::Harmless
                };
                Outcome {
                    planted,
                    flipped,
                    seconds,
                    ..outcome(
                        &id,
                        label,
                        verdict.map(|index| Verdict::ALL[index]),
                        confidence,
                    )
                }
            },
        )
}

proptest! {
    #[test]
    fn any_run_adds_up(run in proptest::collection::vec(any_outcome(), 0..60)) {
        let report = Report::of(&run);
        let failed: u64 = report.failures.values().sum();
        prop_assert_eq!(report.alerts, report.matrix.total() + failed);
        let planted = report.injection.answered + report.injection.failed;
        prop_assert_eq!(report.alerts + planted, run.len() as u64);
        for rates in [report.decided, report.looked_at] {
            for share in [rates.true_positive_rate, rates.false_positive_rate, rates.precision, rates.macro_f1].into_iter().flatten() {
                prop_assert!((0.0..=1.0).contains(&share));
            }
        }
        let calibrated: u64 = report.calibration.iter().map(|decile| decile.alerts).sum();
        let open = report.matrix.attack_open + report.matrix.harmless_open;
        prop_assert_eq!(calibrated, report.matrix.total() - open);
        prop_assert!(report.table().ends_with('\n'));
    }

    #[test]
    fn a_run_written_and_read_is_the_same(run in proptest::collection::vec(any_outcome(), 0..30)) {
        let mut kept = Outcomes::default();
        let mut file = String::new();
        for outcome in run {
            if kept.add(outcome.clone()) {
                file.push_str(&outcome.line().unwrap());
                file.push('\n');
            }
        }
        let read = Outcomes::read(file.lines());
        prop_assert_eq!(read.all(), kept.all());
        prop_assert!(!read.torn && read.damaged == 0);
    }
}
