//! `kill -9` at random moments of intake, claim and settlement: what was acknowledged is there, nothing is there twice, what
//! was begun comes back in doubt, and the books balance after each kill. Most alerts are repeats of others, and counts are told
//! meanwhile. What was delivered has its triage job, no model's answer that was kept is asked for again, and tallies hold each alert once.
//!
//! Without the test harness: the program starts itself again as the one to be killed.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{
    collections::HashSet,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use alertbridge_ledger::{
    Arrival, Claimed, JobClaim, JobSettlement, JobVerdict, JobWish, Ledger, SqliteLedger, Tally,
    TallyVerdict, Verdict, check,
};
use support::{
    arrival, at, claim, delivered, intake, options,
    quiet::{ended, repeat, tell, tellings, written},
    sound, wait,
};

const VICTIM: &str = "ALERTBRIDGE_LEDGER_CRASH_VICTIM";
const KILLS: u64 = 12;

/// One of four of a kind, which are soon many more.
fn alert(number: u64) -> Arrival {
    Arrival {
        tallies: vec![Tally {
            kind: "opencti".into(),
            key: (number % 8).to_string(),
            due_at: at(0),
            body: b"an indicator".to_vec(),
        }],
        ..repeat(number, (number / 4 % 64) as u8)
    }
}

fn main() {
    if let Some(path) = std::env::var_os(VICTIM) {
        return work_until_killed(Path::new(&path));
    }
    if std::env::args().any(|argument| argument == "--list") {
        return println!("kills_lose_nothing: test");
    }
    kills_lose_nothing();
    println!("test kills_lose_nothing ... ok");
}

/// Says on standard output what was acknowledged: `in N`, `out N`, `dead N`; and `next N` at the start.
fn work_until_killed(path: &Path) {
    let ledger = SqliteLedger::open(path, options()).unwrap();
    let next: u64 =
        wait(ledger.checkpoint("follower")).map_or(0, |checkpoint| checkpoint.parse().unwrap());
    println!("next {next}");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut number = next;
            loop {
                // Overlapping with what came before: half of them are duplicates.
                let first = number.saturating_sub(3);
                let mut intake = intake((first..number + 5).map(alert).collect());
                intake.filtered = 2;
                number += 5;
                intake.checkpoint = Some(number.to_string());
                wait(ledger.intake(intake));
                for number in number - 5..number {
                    println!("in {number}");
                }
            }
        });
        for _ in 0..2 {
            scope.spawn(|| deliver(&ledger));
            scope.spawn(|| tell_counts(&ledger));
        }
        scope.spawn(|| report_tallies(&ledger));
        scope.spawn(|| review(&ledger));
    });
}

fn deliver(ledger: &SqliteLedger) {
    loop {
        let claimed = wait(ledger.claim(claim(4)));
        begun_before_means_doubt(&claimed);
        let mut settlements = Vec::new();
        let mut lines = Vec::new();
        for one in &claimed {
            let number = one.reference.trim_start_matches("node:");
            let verdict = match one.delivery % 7 {
                0 if one.attempt < 3 => Verdict::Retry {
                    due_at: at(0),
                    why: "timeout".into(),
                    doubt: true,
                    blame: false,
                },
                1 => Verdict::Dead {
                    why: "never".into(),
                },
                _ => wishing(number),
            };
            match verdict {
                Verdict::Dead { .. } => lines.push(format!("dead {number}")),
                Verdict::Delivered { .. } => lines.push(format!("out {number}")),
                _ => {}
            }
            settlements.extend(support::settlements(std::slice::from_ref(one), &verdict));
        }
        let count = settlements.len() as u64;
        assert_eq!(wait(ledger.settle(settlements)).settled, count);
        for line in lines {
            println!("{line}");
        }
    }
}

/// Delivered, and a model is to look at it.
fn wishing(number: &str) -> Verdict {
    Verdict::Delivered {
        id: number.into(),
        link: None,
        adopted: false,
        changes: String::new(),
        job: Some(Box::new(JobWish {
            level: 5,
            rule_id: "5710".into(),
        })),
    }
}

/// Counts are reported while they grow.
fn report_tallies(ledger: &SqliteLedger) {
    let lease = Duration::from_secs(60);
    loop {
        for tally in wait(ledger.claim_tallies("opencti", at(0), lease, 3)) {
            let done = TallyVerdict::Done;
            assert!(wait(ledger.settle_tally(
                tally.number,
                tally.fence,
                done,
                at(0)
            )));
        }
    }
}

/// Keeps each answer before it settles, says `kept N` and `reviewed N`; an answer that was kept is there again.
fn review(ledger: &SqliteLedger) {
    wait(ledger.release_jobs("reviewer"));
    loop {
        for job in wait(ledger.claim_jobs(JobClaim {
            worker: "reviewer".into(),
            limit: 2,
            now: at(10),
            lease: Duration::from_secs(60),
            ageing: Duration::ZERO,
            max_age: None,
        })) {
            if job.answer.is_none() {
                let answer = job.id.clone().into_bytes();
                assert!(wait(ledger.keep_answer(
                    job.job,
                    job.fence,
                    job.id.clone(),
                    answer
                )));
                println!("kept {}", job.id);
            }
            assert!(wait(ledger.settle_job(JobSettlement {
                job: job.job,
                fence: job.fence,
                at: at(11),
                verdict: JobVerdict::Reviewed {
                    verdict: "benign".into(),
                    model: "a model".into(),
                },
            })));
            println!("reviewed {}", job.id);
        }
    }
}

/// Every fifth alert was closed by an analyst.
fn tell_counts(ledger: &SqliteLedger) {
    for second in 0.. {
        for telling in tellings(ledger, second * 61) {
            let verdict = match telling.delivery % 5 {
                0 => ended(),
                _ => written(&telling),
            };
            tell(ledger, &telling, second * 61, verdict);
        }
    }
}

fn begun_before_means_doubt(claimed: &[Claimed]) {
    for one in claimed {
        assert_eq!(
            one.doubt,
            one.attempt > 1,
            "attempt {} of {}",
            one.attempt,
            one.reference
        );
    }
}

fn kills_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let mut taken: HashSet<u64> = HashSet::new();
    let mut ended: HashSet<u64> = HashSet::new();
    let mut kept: HashSet<u64> = HashSet::new();
    let mut reviewed: HashSet<u64> = HashSet::new();
    for kill in 0..KILLS {
        // Somewhere in the work, elsewhere each time; the first ones while it only just starts.
        let after = kill * kill * 37 % 1000 + kill;
        for line in run_and_kill(&path, after) {
            let (what, number) = line.split_once(' ').unwrap();
            let number: u64 = number.parse().unwrap();
            match what {
                "in" => assert!(taken.insert(number), "{number} was taken twice"),
                "next" => {
                    // What was committed and not acknowledged any more is behind the checkpoint: the source goes on after it.
                    taken.extend(0..number);
                }
                "kept" => assert!(kept.insert(number), "{number} was asked twice"),
                "reviewed" => assert!(reviewed.insert(number), "{number} was reviewed twice"),
                _ => assert!(ended.insert(number), "{number} ended twice"),
            }
        }
        // The first kill may come before there is a whole file.
        let ledger = SqliteLedger::open(&path, options()).unwrap();
        each_delivery_has_its_job_and_each_alert_its_count(&ledger, &path);
        drop(ledger);
        let report = check(&path, true).unwrap();
        assert!(report.is_sound(), "after kill {kill}: {report:?}");
    }
    assert!(
        taken.len() > 500 && ended.len() > 30,
        "{} in, {} out",
        taken.len(),
        ended.len()
    );

    assert!(reviewed.len() > 30, "{} reviewed", reviewed.len());

    let ledger = SqliteLedger::open(&path, options()).unwrap();
    let copies = wait(ledger.intake(intake(taken.iter().copied().map(alert).collect())));
    assert_eq!((copies.stored, copies.duplicates), (0, taken.len() as u64));
    loop {
        let claimed = wait(ledger.claim(claim(100)));
        if claimed.is_empty() {
            break;
        }
        begun_before_means_doubt(&claimed);
        for one in &claimed {
            let number: u64 = one.reference.trim_start_matches("node:").parse().unwrap();
            assert!(
                !ended.contains(&number),
                "{number} had ended and came again"
            );
            assert_eq!(one.payload, arrival(number).payload);
        }
        wait(ledger.settle(support::settlements(&claimed, &delivered())));
    }
    sound(&ledger);
    let books = wait(ledger.books(None));
    assert_eq!(books.sinks[0].pending, 0);
    let source = &books.sources[0];
    assert!(source.folded > 0);
    assert!(source.folded + source.routed >= taken.len() as u64);
    assert_eq!(source.routed, books.sinks[0].routed);
}

fn each_delivery_has_its_job_and_each_alert_its_count(ledger: &SqliteLedger, path: &Path) {
    let books = wait(ledger.books(None));
    let delivered: u64 = books.sinks.iter().map(|row| row.delivered).sum();
    let jobs = wait(ledger.job_status());
    assert_eq!(jobs.pending + jobs.claimed + jobs.reviewed, delivered);
    let stored: u64 = books
        .sources
        .iter()
        .map(|row| row.folded + row.routed)
        .sum();
    let counted: i64 = rusqlite::Connection::open(path)
        .unwrap()
        .query_row("SELECT coalesce(sum(count), 0) FROM tally", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(counted as u64, stored);
}

/// Lets it work until it has said so many lines, kills it, and returns all it said.
fn run_and_kill(path: &Path, after: u64) -> Vec<String> {
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .env(VICTIM, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(victim.stdout.take().unwrap());
    let mut lines = Vec::new();
    let mut killed = false;
    loop {
        if lines.len() as u64 >= after && !killed {
            killed = true;
            victim.kill().unwrap();
        }
        let mut line = String::new();
        if said.read_line(&mut line).unwrap() == 0 {
            break;
        }
        // The last line may be cut in the middle.
        if let Some(line) = line.strip_suffix('\n') {
            lines.push(line.to_owned());
        }
    }
    let status = victim.wait().unwrap();
    assert!(status.code().is_none(), "it ended by itself: {status}");
    lines
}
