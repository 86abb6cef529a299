//! Triage jobs: one for each alert, worked on by one at a time, whoever asks, whatever the clock does and whoever dies.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod agree;
mod claims;
mod endings;
mod reviews;
mod shared;

use std::time::Duration;

use alertbridge_ledger::{
    ClaimedJob, JobClaim, JobFilter, JobRow, JobSettlement, JobVerdict, JobWish, Ledger,
    MemoryLedger, NewJob, Settled, Settlement, SqliteLedger, Verdict,
};
use support::{at, claim, options, wait};

/// On both ledgers.
fn on_each(promise: impl Fn(&dyn Ledger)) {
    promise(&MemoryLedger::new());
    let folder = tempfile::tempdir().unwrap();
    promise(&SqliteLedger::open(folder.path().join("ledger.db"), options()).unwrap());
}

/// A job of an alert of others.
fn job(id: &str, level: u32, second: i64) -> NewJob {
    NewJob {
        sink: "iris".into(),
        id: id.into(),
        reference: String::new(),
        lane: "1".into(),
        rule_id: "5710".into(),
        level,
        created_at: at(second),
    }
}

fn add(ledger: &dyn Ledger, jobs: Vec<NewJob>) -> u64 {
    wait(ledger.add_jobs(jobs))
}

/// For a minute; a level is gained in 100 s, and nothing becomes too old.
fn asking(second: i64, limit: usize) -> JobClaim {
    JobClaim {
        worker: "worker-1".into(),
        limit,
        now: at(second),
        lease: Duration::from_secs(60),
        ageing: Duration::from_secs(100),
        max_age: None,
    }
}

fn claimed(ledger: &dyn Ledger, second: i64, limit: usize) -> Vec<ClaimedJob> {
    wait(ledger.claim_jobs(asking(second, limit)))
}

fn ids(jobs: &[ClaimedJob]) -> Vec<&str> {
    jobs.iter().map(|job| &*job.id).collect()
}

fn settle(ledger: &dyn Ledger, job: &ClaimedJob, second: i64, verdict: JobVerdict) -> bool {
    wait(ledger.settle_job(JobSettlement {
        job: job.job,
        fence: job.fence,
        at: at(second),
        verdict,
    }))
}

fn reviewed(verdict: &str) -> JobVerdict {
    JobVerdict::Reviewed {
        verdict: verdict.into(),
        model: "phi4-mini".into(),
    }
}

fn failed() -> JobVerdict {
    JobVerdict::Failed {
        class: "output_schema".into(),
        why: "no verdict in it".into(),
    }
}

fn skipped() -> JobVerdict {
    JobVerdict::Skipped {
        why: "below level 7".into(),
    }
}

fn retry(second: i64, blame: bool) -> JobVerdict {
    JobVerdict::Retry {
        due_at: at(second),
        why: "no answer".into(),
        blame,
    }
}

fn keep(ledger: &dyn Ledger, job: &ClaimedJob, hash: &str, answer: &[u8]) -> bool {
    wait(ledger.keep_answer(job.job, job.fence, hash.into(), answer.to_vec()))
}

/// Every job, those that came last at the head.
fn all(ledger: &dyn Ledger) -> Vec<JobRow> {
    wait(ledger.jobs(JobFilter {
        limit: 99,
        ..JobFilter::default()
    }))
}

/// Delivers one alert and wishes for a job.
fn deliver(ledger: &dyn Ledger, id: &str, stale: bool) -> Settled {
    let delivery = wait(ledger.claim(claim(1))).remove(0);
    let settlement = |fence| Settlement {
        delivery: delivery.delivery,
        fence,
        at: at(11),
        verdict: Verdict::Delivered {
            id: id.into(),
            link: None,
            adopted: false,
            changes: String::new(),
            job: Some(Box::new(JobWish {
                level: 9,
                rule_id: "5712".into(),
            })),
        },
    };
    let fence = delivery.fence + i64::from(stale);
    wait(ledger.settle(vec![settlement(fence)]))
}
