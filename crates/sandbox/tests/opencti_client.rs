//! The official Python client can work with the stand-in for OpenCTI: `pycti==7.261026.0` from PyPI.

use std::path::PathBuf;
use std::process::Command;

use alertbridge_sandbox::{
    OpenCtiOptions, OpenCtiSandbox, OpenCtiVersion, StixExternalReference, StixIndicator,
    StixKillChainPhase, StixObservable, Tlp,
};

const REMEDY: &str = "run `cargo xtask test` as root, or: \
    python3 -m venv .venv && .venv/bin/pip install pycti==7.261026.0";

fn python() -> PathBuf {
    match std::env::var_os("ALERTBRIDGE_PYTHON") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../.venv/bin/python"),
    }
}

fn has_client(python: &PathBuf) -> bool {
    Command::new(python)
        .args(["-c", "import pycti"])
        .output()
        .is_ok_and(|output| output.status.success())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_client_lists_indicators_reports_sightings_and_reads_the_stream() {
    let python = python();
    assert!(has_client(&python), "{REMEDY}");
    let sandbox = OpenCtiSandbox::start(OpenCtiOptions {
        version: OpenCtiVersion::V7,
        synthetic: 30,
        ..Default::default()
    })
    .await
    .unwrap();
    let observable = StixObservable::of_value("Domain-Name", "full.example");
    let mut full = StixIndicator::of_value("Domain-Name", "full.example");
    full.score = Some(70);
    full.labels = Some(vec!["c2".to_owned()]);
    full.markings = vec![Tlp::Green];
    full.kill_chain_phases = vec![StixKillChainPhase {
        kill_chain_name: "mitre-attack".to_owned(),
        phase_name: "exfiltration".to_owned(),
    }];
    full.external_references = vec![StixExternalReference {
        source_name: "blog".to_owned(),
        url: Some("https://blog.example".to_owned()),
        ..Default::default()
    }];
    full.observables = vec![observable.id.clone()];
    sandbox.put_observable(observable);
    let id = full.id.clone();
    sandbox.load_indicators([full]);
    // The latest change of all, so the stream's recovery tells of it last.
    sandbox.update_indicator(&id, |_| {}).unwrap();

    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/opencti_client.py");
    let mut command = Command::new(python);
    command.args([script, &sandbox.url(), sandbox.token(), sandbox.stream_id()]);
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap();
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let sightings = sandbox.sightings();
    assert_eq!(sightings.len(), 1);
    assert_eq!(sightings[0].input["attribute_count"], 3);
}
