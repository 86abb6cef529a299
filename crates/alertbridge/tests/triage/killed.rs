//! Ten worker processes at once, killed at any moment: one review for each alert, and no question for nothing.

use std::{collections::BTreeSet, process::Child, time::Duration};

use alertbridge_ledger::{JobRow, JobState};
use alertbridge_sandbox::ModelOptions;
use serde_json::Value;

use crate::{
    scene::{Scene, assert_only_reviewed, assert_reviewed, login, note},
    world::until,
};

const ALERTS: u32 = 20;
const WORKERS: usize = 10;
/// More than enough to hit each step of a worker.
const MOST_KILLS: usize = 40;

/// Worker processes, killed where the test ends.
struct Pool<'a> {
    scene: &'a Scene,
    workers: Vec<Child>,
}

impl<'a> Pool<'a> {
    fn start(scene: &'a Scene) -> Self {
        let workers = (0..WORKERS).map(|_| scene.work("workers", &[])).collect();
        Self { scene, workers }
    }

    /// SIGKILL, and another one takes its place.
    fn replace(&mut self, at: usize) {
        let new = self.scene.work("workers", &[]);
        let mut old = std::mem::replace(&mut self.workers[at], new);
        old.kill().unwrap();
        old.wait().unwrap();
    }
}

impl Drop for Pool<'_> {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            let _ = worker.kill();
            let _ = worker.wait();
        }
    }
}

/// All alerts are in IRIS, each with its job, and nobody has begun.
fn scene(lease: u32, pace: Duration) -> Scene {
    let options = ModelOptions {
        pace,
        parallel: 4,
        ..ModelOptions::default()
    };
    let scene = Scene::with(
        options,
        &format!("workers = 0\npoll_interval = 0\ncache_hours = 0\nlease = {lease}"),
    );
    let daemon = scene.world.start_daemon();
    let alerts: Vec<Value> = (0..ALERTS).map(|number| login(number, 10)).collect();
    scene.append(&alerts);
    scene.delivered(alerts.len());
    until("each has its job", || {
        (scene.jobs().len() == alerts.len()).then_some(())
    });
    assert!(daemon.terminate().success());
    scene
}

fn is_open(job: &JobRow) -> bool {
    matches!(job.state, JobState::Pending | JobState::Claimed)
}

/// One review each, the same one from when it was written first.
fn assert_each_once(scene: &Scene) {
    let jobs = scene.jobs();
    assert!(jobs.iter().all(|job| job.state == JobState::Reviewed));
    for alert in scene.iris.alerts() {
        assert_reviewed(&alert);
        let versions = scene.iris.versions(alert.id);
        assert_only_reviewed(&versions[0], &alert);
        let notes: BTreeSet<String> = versions.iter().map(note).collect();
        assert_eq!(notes.len(), 2, "none, and then this one: {notes:?}");
    }
}

/// How often a claim ended although its worker lived: a machine too busy to renew it.
fn taken_over(scene: &Scene) -> usize {
    let log = std::fs::read_to_string(scene.world.root().join("log.workers")).unwrap();
    log.matches("another worker has taken over").count()
        + log.matches("settled by another worker").count()
}

#[test]
fn workers_killed_at_random_moments_leave_one_review_for_each_alert() {
    // Slow enough that workers are killed while the model speaks, too.
    let scene = scene(2, Duration::from_millis(8));
    let mut random = fastrand::Rng::with_seed(20_261_121);
    let mut pool = Pool::start(&scene);
    let mut kills = 0;
    let mut stage = 0;
    // A moment is a number of requests: so the work goes on however slow the machine is.
    let requests = || scene.iris.requests().len() + scene.model.requests().len();
    while kills < MOST_KILLS {
        stage = requests().max(stage) + random.usize(1..12);
        let open = until("the work goes on", || {
            let open = scene.jobs().iter().any(is_open);
            (!open || requests() >= stage).then_some(open)
        });
        if !open {
            break;
        }
        pool.replace(random.usize(0..WORKERS));
        kills += 1;
    }
    until("nothing waits", || {
        (!scene.jobs().iter().any(is_open)).then_some(())
    });
    drop(pool);
    assert!(kills >= 5, "{kills}");
    assert_each_once(&scene);
    let asked = scene.model.questions().len();
    let most = ALERTS as usize + kills + taken_over(&scene);
    assert!(asked <= most, "{asked} questions, {kills} kills");
}

#[test]
fn ten_workers_that_live_ask_each_question_once() {
    let scene = scene(30, Duration::ZERO);
    let pool = Pool::start(&scene);
    until("nothing waits", || {
        (!scene.jobs().iter().any(is_open)).then_some(())
    });
    drop(pool);
    assert_each_once(&scene);
    assert_eq!(scene.model.questions().len(), ALERTS as usize);
    assert_eq!(taken_over(&scene), 0);
}
