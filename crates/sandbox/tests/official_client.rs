//! The official Python client can work with the sandbox: `dfir-iris-client==2.0.4` from PyPI.

use std::path::PathBuf;
use std::process::Command;

use alertbridge_sandbox::{IrisOptions, IrisSandbox};

const REMEDY: &str = "run `cargo xtask test` as root, or: \
    python3 -m venv .venv && .venv/bin/pip install dfir-iris-client==2.0.4";

fn python() -> PathBuf {
    match std::env::var_os("ALERTBRIDGE_PYTHON") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../.venv/bin/python"),
    }
}

fn has_client(python: &PathBuf) -> bool {
    Command::new(python)
        .args(["-c", "import dfir_iris_client"])
        .output()
        .is_ok_and(|output| output.status.success())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_client_finds_everything_it_expects() {
    let python = python();
    assert!(has_client(&python), "{REMEDY}");
    let sandbox = IrisSandbox::start(IrisOptions::default()).await.unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/official_client.py");
    let mut command = Command::new(python);
    command.args([script, &sandbox.url(), sandbox.key()]);
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
    assert_eq!(
        sandbox.alert_count(),
        2,
        "one alert was deleted and made again, one stayed"
    );
}
