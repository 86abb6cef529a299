//! `triage eval` and `triage check` against a server that answers, is killed in between, and is away.

use std::{collections::BTreeSet, fmt::Write as _, process::Stdio};

use alertbridge_sandbox::ModelFault;
use alertbridge_triage::evaluation::{Outcomes, Report};
use serde_json::Value;

use crate::{scene::Scene, world::until};

const LABELLED: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../triage/tests/data/triage_labelled.jsonl"
);
const ALERTS: usize = 20;
/// What the service is not there for (sysexits).
const UNAVAILABLE: i32 = 69;

#[test]
fn an_evaluation_that_is_killed_goes_on_where_it_stopped() {
    let scene = Scene::make("");
    let kept = scene.world.root().join("outcomes.jsonl");
    let arguments = [
        "triage",
        "eval",
        LABELLED,
        "--limit",
        "20",
        "--inject",
        "--json",
        "--outcomes",
        kept.to_str().unwrap(),
    ];
    // In the middle of the planted texts.
    let before = ALERTS + 5;
    scene
        .model
        .faults()
        .after(before as u64, ModelFault::HoldFirstToken);
    let mut first = std::process::Command::new(env!("CARGO_BIN_EXE_alertbridge"))
        .args(arguments)
        .arg("--config")
        .arg(scene.world.root().join("alertbridge.toml"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("the model holds a question", || {
        (scene.model.counts().held == 1).then_some(())
    });
    let lines = || std::fs::read_to_string(&kept).unwrap().lines().count();
    until("what was answered is kept", || {
        (lines() == before).then_some(())
    });
    first.kill().unwrap();
    first.wait().unwrap();
    // As a kill in the middle of a line leaves it.
    let mut text = std::fs::read_to_string(&kept).unwrap();
    write!(text, "{{\"id\":\"torn").unwrap();
    std::fs::write(&kept, text).unwrap();
    scene.model.release();
    let told: Value = serde_json::from_str(&scene.world.text(&arguments)).unwrap();
    assert_eq!(
        scene.model.questions().len(),
        2 * ALERTS + 1,
        "the held one alone is asked again"
    );
    let text = std::fs::read_to_string(&kept).unwrap();
    let outcomes = Outcomes::read(text.lines());
    assert_eq!(outcomes.all().len(), 2 * ALERTS);
    let planted: BTreeSet<_> = outcomes
        .all()
        .iter()
        .filter_map(|one| one.planted.clone())
        .collect();
    assert_eq!(planted.len(), ALERTS, "each with a text of its own");
    let report: Report = serde_json::from_value(told.clone()).unwrap();
    assert_eq!(report, Report::of(outcomes.all()));
    assert_eq!(report.alerts, ALERTS as u64);
    assert_eq!(
        report.injection.answered + report.injection.failed,
        ALERTS as u64
    );
    assert_eq!(
        report.injection.flipped, 0,
        "{:?}",
        report.injection.flipped_by
    );
    assert_eq!(report.evidence_verified_share, Some(1.0));
    for field in [
        "matrix",
        "decided",
        "looked_at",
        "said",
        "calibration",
        "seconds_p50",
        "seconds_p95",
        "tokens_in",
    ] {
        assert!(!told[field].is_null(), "{field}");
    }
    // Everything is there: nothing is asked any more.
    scene.world.text(&arguments);
    assert_eq!(scene.model.questions().len(), 2 * ALERTS + 1);
}

#[test]
fn a_check_asks_one_question_and_tells_alerts_an_hour() {
    let scene = Scene::make("");
    let told = scene.world.text(&["triage", "check", "--json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert!(told["alerts_per_hour"].as_f64().unwrap() > 0.0);
    assert_eq!(told["model"], "phi4-mini:latest");
    assert_eq!(told["pseudonyms"], false, "it runs here");
    assert_eq!(told["repaired"], false);
    assert!(told["prompt_tokens"].as_u64().unwrap() > 0);
    assert!(told["version"].is_string() && told["digest"].is_string());
    assert_eq!(scene.model.questions().len(), 1);
    assert!(scene.iris.requests().is_empty(), "IRIS has no part in it");
}

#[test]
fn without_a_server_check_and_eval_say_so_and_what_to_do() {
    let scene = Scene::make("");
    scene.model.faults().always(Some(ModelFault::Reset));
    scene.model.faults().always_look(Some(ModelFault::Reset));
    let kept = scene.world.root().join("outcomes.jsonl");
    let eval = [
        "triage",
        "eval",
        LABELLED,
        "--limit",
        "3",
        "--outcomes",
        kept.to_str().unwrap(),
    ];
    for arguments in [&["triage", "check", "--json"][..], &eval] {
        let ended = scene.world.command(arguments);
        assert_eq!(ended.status.code(), Some(UNAVAILABLE), "{ended:?}");
    }
    let scene_is_gone = scene.model.url();
    let Scene {
        runtime,
        model,
        world,
        ..
    } = scene;
    runtime.block_on(model.stop());
    for arguments in [&["triage", "check", "--json"][..], &eval] {
        let ended = world.command(arguments);
        assert_eq!(
            ended.status.code(),
            Some(UNAVAILABLE),
            "{scene_is_gone}: {ended:?}"
        );
        assert!(!ended.stderr.is_empty());
    }
    // No outcome is made of a server that is away.
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), "");
}
