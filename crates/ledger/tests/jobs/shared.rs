//! Several processes work on one ledger beside its daemon.

use std::{
    collections::BTreeMap,
    path::Path,
    process::{Command, Stdio},
};

use alertbridge_ledger::{JobClaim, JobState, Ledger, LedgerError, SqliteLedger, check};

use super::{
    add, all, asking, claimed, ids, job, keep, reviewed, settle,
    support::{arrivals, at, intake, options, wait},
};

const WORKER: &str = "ALERTBRIDGE_LEDGER_JOB_WORKER";
const WORKERS: usize = 10;
const JOBS: i64 = 90;

/// Claims, keeps an answer and settles until nothing is left; tells the numbers it was given.
fn work(path: &Path, name: &str) -> Vec<i64> {
    let ledger = SqliteLedger::open_writer(path, options()).unwrap();
    let mut given = Vec::new();
    loop {
        let jobs = wait(ledger.claim_jobs(JobClaim {
            worker: name.into(),
            ..asking(100, 2)
        }));
        if jobs.is_empty() {
            return given;
        }
        for job in jobs {
            assert_eq!(job.begun, 1);
            let claim = vec![(job.job, job.fence)];
            assert_eq!(wait(ledger.renew_jobs(claim, at(500))), []);
            assert!(keep(&ledger, &job, "hash", name.as_bytes()));
            assert!(settle(&ledger, &job, 101, reviewed("benign")));
            given.push(job.job);
        }
    }
}

/// A daemon with jobs; alerts come in while others work.
fn shared_out(start: impl FnOnce(&Path) -> Vec<Vec<i64>>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let daemon = SqliteLedger::open(&path, options()).unwrap();
    add(
        &daemon,
        (0..JOBS)
            .map(|id| job(&id.to_string(), id as u32 % 9, id))
            .collect(),
    );
    let given = std::thread::scope(|scope| {
        let intakes = scope.spawn(|| {
            for first in 0..40 {
                wait(daemon.intake(intake(arrivals(first..first + 2))));
            }
        });
        let given = start(&path);
        intakes.join().unwrap();
        given
    });
    let mut times: BTreeMap<i64, usize> = BTreeMap::new();
    for job in given.into_iter().flatten() {
        *times.entry(job).or_default() += 1;
    }
    assert_eq!(times.len() as i64, JOBS);
    assert!(
        times.values().all(|times| *times == 1),
        "each by one: {times:?}"
    );
    for row in all(&daemon) {
        assert_eq!((row.state, row.begun), (JobState::Reviewed, 1));
    }
    drop(daemon);
    assert!(check(&path, true).unwrap().is_sound());
}

#[test]
fn ten_connections_share_out_each_job_once() {
    shared_out(|path| {
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..WORKERS)
                .map(|number| scope.spawn(move || work(path, &format!("worker-{number}"))))
                .collect();
            let given = workers.into_iter().map(|worker| worker.join().unwrap());
            given.collect()
        })
    });
}

/// The test's program starts itself again as each of the workers.
#[test]
fn ten_processes_share_out_each_job_once() {
    if let Some(path) = std::env::var_os(WORKER) {
        for job in work(Path::new(&path), &format!("process {}", std::process::id())) {
            println!("\ngiven {job}");
        }
        return;
    }
    shared_out(|path| {
        let program = std::env::current_exe().unwrap();
        let name = "shared::ten_processes_share_out_each_job_once";
        let start = || {
            let mut worker = Command::new(&program);
            worker.args(["--exact", name, "--nocapture"]);
            worker.env(WORKER, path).stdout(Stdio::piped());
            worker.spawn().unwrap()
        };
        let workers: Vec<_> = (0..WORKERS).map(|_| start()).collect();
        let said = workers.into_iter().map(|worker| {
            let said = worker.wait_with_output().unwrap();
            assert!(said.status.success());
            String::from_utf8(said.stdout).unwrap()
        });
        said.map(|said| {
            let given = said.lines().filter_map(|line| line.strip_prefix("given "));
            given.map(|job| job.parse().unwrap()).collect()
        })
        .collect()
    });
}

#[test]
fn what_a_worker_kept_is_there_for_the_next_one_in_another_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let daemon = SqliteLedger::open(&path, options()).unwrap();
    let worker = SqliteLedger::open_writer(&path, options()).unwrap();
    add(&daemon, vec![job("1", 5, 0)]);
    let first = claimed(&worker, 0, 1).remove(0);
    assert!(keep(&worker, &first, "hash", b"answer"));
    assert_eq!(claimed(&daemon, 1, 1), [], "another one has it");
    drop(worker);
    drop(daemon);
    let daemon = SqliteLedger::open(&path, options()).unwrap();
    assert_eq!(
        claimed(&daemon, 2, 1),
        [],
        "a daemon's start takes it from nobody"
    );
    let again = claimed(&daemon, 61, 1);
    assert_eq!(ids(&again), ["1"]);
    assert_eq!(again[0].answer.as_deref(), Some(&b"answer"[..]));
    assert_eq!(again[0].begun, 2);
}

#[test]
fn a_worker_stops_when_a_newer_daemon_has_changed_the_schema() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let daemon = SqliteLedger::open(&path, options()).unwrap();
    let worker = SqliteLedger::open_writer(&path, options()).unwrap();
    add(&worker, vec![job("1", 5, 0)]);
    drop(daemon);
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.pragma_update(None, "user_version", 99).unwrap();
    let refused = worker.claim_jobs(asking(0, 1)).blocking_recv().unwrap();
    assert!(matches!(refused, Err(LedgerError::Newer { found: 99, .. })));
    let state: i64 = raw
        .query_row("SELECT state FROM job", [], |row| row.get(0))
        .unwrap();
    assert_eq!(state, 0);
}
