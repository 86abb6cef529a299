//! A model that can't be used costs alerts nothing and IRIS no request; once it can be, all that waited is reviewed.

use alertbridge_ledger::JobState;
use alertbridge_sandbox::{ModelFault, ModelOptions, ModelSandbox, ServedModel};
use serde_json::Value;

use crate::{
    scene::{Scene, assert_reviewed, login},
    world::until,
};

const ALERTS: u32 = 5;
const FAST: &str = "poll_interval = 1\nrest = 1\nfailures = 1";

/// Delivers alerts while the model is down; the alarm must hold one of these words.
fn alerts_flow(scene: &Scene, word: &str) {
    let alerts: Vec<Value> = (0..ALERTS).map(|number| login(number, 10)).collect();
    scene.append(&alerts);
    scene.delivered(alerts.len());
    until("the alarm is raised", || {
        let ready: Value = serde_json::from_str(&scene.get("/ready")).unwrap();
        let alarms = ready["alarms"].as_array()?.iter();
        let mut alarms = alarms.filter(|alarm| alarm["alarm"] == "triage_model");
        let detail = alarms.next()?["detail"].as_str()?.to_owned();
        assert!(detail.contains(word), "{detail}");
        Some(())
    });
    until("each has its job", || {
        (scene.jobs().len() == alerts.len()).then_some(())
    });
    let jobs = scene.jobs();
    let untouched = |state, begun| state == JobState::Pending && begun == 0;
    assert!(jobs.iter().all(|job| untouched(job.state, job.begun)));
    assert!(scene.metric("circuit") > 0);
    assert_eq!(scene.changes(), 0, "IRIS is left alone");
    assert_eq!(scene.world.books().faults, Vec::<String>::new());
}

fn all_are_reviewed_by_themselves(scene: &Scene) {
    scene.all_ended(ALERTS as usize);
    scene.iris.alerts().iter().for_each(assert_reviewed);
    until("the alarm is over", || {
        (!scene.get("/ready").contains("triage_model")).then_some(())
    });
}

fn with_fault(fault: &ModelFault, word: &str) {
    let scene = Scene::make(FAST);
    scene.model.faults().always(Some(fault.clone()));
    scene.model.faults().always_look(Some(fault.clone()));
    let daemon = scene.world.start_daemon();
    alerts_flow(&scene, word);
    assert!(scene.model.questions().is_empty(), "nothing is asked of it");
    scene.model.faults().clear();
    all_are_reviewed_by_themselves(&scene);
    assert!(daemon.terminate().success());
}

#[test]
fn where_nothing_listens_alerts_flow_and_are_reviewed_later() {
    let mut scene = Scene::make(FAST);
    let port = scene.model.port();
    // Stopped, so that the port is closed; what stands in its place is asked by nobody.
    let other = scene
        .runtime
        .block_on(ModelSandbox::start(ModelOptions::default()));
    let stopped = std::mem::replace(&mut scene.model, other.unwrap());
    scene.runtime.block_on(stopped.stop());
    let daemon = scene.world.start_daemon();
    alerts_flow(&scene, "can't be reached");
    let options = ModelOptions {
        port: Some(port),
        ..ModelOptions::default()
    };
    scene.model = scene
        .runtime
        .block_on(ModelSandbox::start(options))
        .unwrap();
    all_are_reviewed_by_themselves(&scene);
    assert!(daemon.terminate().success());
}

#[test]
fn a_busy_server_is_left_alone() {
    with_fault(&ModelFault::Busy, "busy");
}

#[test]
fn a_page_of_html_is_no_model() {
    with_fault(&ModelFault::ProxyPage { status: 200 }, "model server");
}

#[test]
fn a_model_that_is_not_installed_is_the_operators_to_mend() {
    let other = ModelOptions {
        models: vec![ServedModel::new("llama3.2:3b")],
        ..ModelOptions::default()
    };
    let mut scene = Scene::with(other, FAST);
    let port = scene.model.port();
    let daemon = scene.world.start_daemon();
    alerts_flow(&scene, "ollama pull");
    assert!(scene.world.log().contains("the model can't be used"));
    // It is pulled: the same server, with the model.
    let options = ModelOptions {
        port: Some(port),
        ..ModelOptions::default()
    };
    let elsewhere = scene
        .runtime
        .block_on(ModelSandbox::start(ModelOptions::default()));
    let stopped = std::mem::replace(&mut scene.model, elsewhere.unwrap());
    scene.runtime.block_on(stopped.stop());
    scene.model = scene
        .runtime
        .block_on(ModelSandbox::start(options))
        .unwrap();
    all_are_reviewed_by_themselves(&scene);
    assert!(daemon.terminate().success());
}

#[test]
fn a_server_that_looks_well_but_answers_nothing_costs_iris_little() {
    let scene = Scene::make("poll_interval = 0\nrest = 1\nfailures = 2");
    scene.model.faults().always(Some(ModelFault::OutOfMemory));
    let daemon = scene.world.start_daemon();
    let alerts: Vec<Value> = (0..ALERTS).map(|number| login(number, 10)).collect();
    scene.append(&alerts);
    scene.delivered(alerts.len());
    let asked = || usize::try_from(scene.model.counts().asked).unwrap();
    until("it was tried again", || (asked() >= 4).then_some(()));
    // A claim is shown and taken back; the question under way may be the one after.
    assert!(scene.changes() <= 2 * (asked() + 1));
    assert!(
        scene.jobs().iter().all(|job| job.failures == 0),
        "not the alerts' fault"
    );
    scene.model.faults().clear();
    all_are_reviewed_by_themselves(&scene);
    assert!(daemon.terminate().success());
}
