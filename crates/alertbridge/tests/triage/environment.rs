//! Started with nothing but the environment that the Python worker has, and a file that says where the ledger is.

use std::process::{Command, Stdio};

use alertbridge_ledger::JobState;

use crate::{
    scene::{Scene, assert_only_reviewed, assert_reviewed, has},
    world::Daemon,
};

const NAMES: [(&str, &str); 11] = [
    ("IRIS_CID", "1"),
    ("IRIS_VERIFY_SSL", "false"),
    ("OLLAMA_MODEL", "phi4-mini:latest"),
    ("OLLAMA_TIMEOUT", "120"),
    ("OLLAMA_MAX_CHARS", "12000"),
    ("OLLAMA_REDACT_SECRETS", "true"),
    ("OLLAMA_COOLDOWN_SECONDS", "30"),
    ("AI_WORKER_POLL_SECONDS", "1"),
    ("AI_WORKER_PAGE_SIZE", "2"),
    ("AI_TAG_PENDING", "soc-ai-pending"),
    ("AI_TAG_PROCESSING", "soc-ai-processing"),
];

/// A ledger, as the daemon's first start makes it, and a file that says nothing else than where it is.
fn scene() -> Scene {
    let scene = Scene::make("workers = 0\npoll_interval = 0");
    let daemon = scene.world.start_daemon();
    scene.world.http();
    assert!(daemon.terminate().success());
    let ledger = scene.world.root().join("ledger.db");
    let minimal = format!("[ledger]\npath = \"{}\"\n", ledger.display());
    std::fs::write(scene.world.root().join("minimal.toml"), minimal).unwrap();
    scene
}

fn work(scene: &Scene, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alertbridge"));
    command
        .args(["triage", "work", "--poll"])
        .args(more)
        .arg("--config")
        .arg(scene.world.root().join("minimal.toml"))
        .env_clear()
        .envs(NAMES)
        .env("IRIS_BASE_URL", scene.iris.url())
        .env("IRIS_BEARER", scene.iris.key())
        .env("OLLAMA_URL", format!("{}/api/generate", scene.model.url()))
        .stdin(Stdio::null());
    command
}

fn assert_done(scene: &Scene, ours: &[i64], other: i64) {
    let jobs = scene.jobs();
    assert_eq!(jobs.len(), ours.len());
    assert!(jobs.iter().all(|job| job.state == JobState::Reviewed));
    for id in ours {
        let alert = scene.alert(*id);
        assert_reviewed(&alert);
        assert!(has(&alert, "mail") && !has(&alert, "soc-ai-pending"));
        let versions = scene.iris.versions(*id);
        assert_only_reviewed(&versions[0], &alert);
    }
    assert_eq!(scene.iris.versions(other).len(), 1, "it has another tag");
    // All five say the same, so one question answers them.
    assert_eq!(scene.model.questions().len(), 1);
    let key = scene.iris.key();
    let requests = scene.model.requests();
    assert!(requests.iter().all(|one| !format!("{one:?}").contains(key)));
}

#[test]
fn with_the_python_workers_environment_alone_tagged_alerts_are_reviewed() {
    let scene = scene();
    let ours: Vec<i64> = (0..5)
        .map(|_| scene.foreign("mail,soc-ai-pending"))
        .collect();
    let other = scene.foreign("mail,ai-pending");
    let mut command = work(&scene, &[]);
    let worker = Daemon(
        command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    scene.all_ended(ours.len());
    assert!(worker.terminate().success());
    assert_done(&scene, &ours, other);
}

#[test]
fn until_empty_means_the_alerts_that_are_tagged_too() {
    let scene = scene();
    let ours: Vec<i64> = (0..5)
        .map(|_| scene.foreign("mail,soc-ai-pending"))
        .collect();
    let other = scene.foreign("mail,ai-pending");
    let ended = work(&scene, &["--until-empty"]).output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    let told = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert_eq!(told.trim(), "5 jobs ended");
    assert_done(&scene, &ours, other);
    // With nothing tagged it ends as well, and asks nothing.
    let ended = work(&scene, &["--until-empty"]).output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&ended.stdout).trim(),
        "0 jobs ended"
    );
    assert_eq!(scene.model.questions().len(), 1);
}
