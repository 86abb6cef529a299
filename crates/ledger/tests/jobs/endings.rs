//! How jobs end, come again, and are forgotten.

use std::time::Duration;

use alertbridge_ledger::{ClaimedJob, Feedback, JobState, JobVerdict, Ledger, NewJob, Prune};

use super::{
    add, all, claimed, deliver, failed, ids, job, keep, on_each, retry, reviewed, settle, skipped,
    support::{arrivals, at, intake, wait},
};

const HOUR: i64 = 3600;

/// Payloads go after an hour, references after ten.
fn prune(ledger: &dyn Ledger, second: i64, limit: usize) -> bool {
    let report = wait(ledger.prune(Prune {
        now: at(second),
        payloads_after: Duration::from_secs(3600),
        quiet_payloads_after: Duration::from_secs(3600),
        references_after: Duration::from_secs(36_000),
        limit,
    }));
    report.more
}

#[test]
fn a_job_that_failed_by_the_alerts_fault_remembers_it_and_waits() {
    on_each(|ledger| {
        add(ledger, vec![job("1", 5, 0)]);
        let first = claimed(ledger, 0, 9).remove(0);
        assert!(settle(ledger, &first, 1, retry(50, true)));
        let row = all(ledger).remove(0);
        assert_eq!((row.state, row.due_at), (JobState::Pending, Some(at(50))));
        assert_eq!(row.why.as_deref(), Some("no answer"));
        assert_eq!(claimed(ledger, 49, 9), []);
        let second = claimed(ledger, 50, 9).remove(0);
        assert_eq!((second.begun, second.failures), (2, 1));
        assert!(settle(ledger, &second, 51, retry(51, false)));
        let third = claimed(ledger, 51, 9).remove(0);
        assert_eq!((third.begun, third.failures), (3, 1));
        assert!(settle(ledger, &third, 52, JobVerdict::Returned));
        let fourth = claimed(ledger, 52, 9).remove(0);
        assert_eq!((fourth.begun, fourth.failures), (3, 1), "never begun");
    });
}

#[test]
fn a_job_that_has_ended_is_given_out_only_when_a_person_asks() {
    on_each(|ledger| {
        add(
            ledger,
            (0..3).map(|id| job(&id.to_string(), 5, id)).collect(),
        );
        let jobs = claimed(ledger, 5, 9);
        assert!(!wait(ledger.again("iris", "0", at(6))), "it has not ended");
        assert!(keep(ledger, &jobs[0], "hash", b"answer"));
        for (job, verdict) in jobs.iter().zip([reviewed("benign"), failed(), skipped()]) {
            assert!(settle(ledger, job, 6, verdict));
        }
        let feedback = Feedback {
            opinion: Some("disagree".into()),
            resolution: None,
            at: at(7),
        };
        assert!(wait(ledger.put_feedback(jobs[0].job, feedback)));
        assert_eq!(claimed(ledger, 99_999, 9), []);
        assert!(!wait(ledger.again("jira", "0", at(8))), "there is none");
        for id in ["0", "1", "2"] {
            assert!(wait(ledger.again("iris", id, at(100_000))));
        }
        assert!(!wait(ledger.again("iris", "0", at(8))), "it waits already");
        for row in all(ledger) {
            assert_eq!(
                (row.state, row.created_at),
                (JobState::Pending, at(100_000))
            );
            assert_eq!((row.begun, row.failures, row.ended_at), (0, 0, None));
            assert_eq!(
                (row.why, row.class, row.verdict, row.opinion),
                (None, None, None, None)
            );
        }
        assert!(
            !settle(ledger, &jobs[0], 100_000, reviewed("benign")),
            "of before"
        );
        let again = claimed(ledger, 100_000, 9);
        assert_eq!(ids(&again), ["0", "1", "2"]);
        assert_eq!((again[0].begun, &again[0].answer), (1, &None));
        assert!(again[0].fence > jobs[0].fence);
    });
}

#[test]
fn answers_go_with_payloads_and_jobs_with_references() {
    on_each(|ledger| {
        wait(ledger.intake(intake(arrivals(1..2))));
        deliver(ledger, "77", false);
        add(ledger, vec![job("waits", 1, 0), job("works", 2, 0)]);
        let jobs = claimed(ledger, 20, 2);
        assert_eq!(ids(&jobs), ["77", "works"]);
        for job in &jobs {
            assert!(keep(ledger, job, "hash", b"answer"));
        }
        assert!(settle(ledger, &jobs[0], 20, reviewed("benign")));
        let known = |ledger: &dyn Ledger| wait(ledger.answer_of("hash", at(0)));
        prune(ledger, 20 + HOUR, 99);
        assert_eq!(known(ledger), Some(("77".into(), b"answer".to_vec())));
        prune(ledger, 21 + HOUR, 99);
        assert_eq!(known(ledger), None);
        let again = claimed(ledger, 81 + HOUR, 1).remove(0);
        assert_eq!(
            again.answer.as_deref(),
            Some(&b"answer"[..]),
            "not ended yet"
        );
        assert_eq!(again.payload, None);

        prune(ledger, 20 + 10 * HOUR, 99);
        let left = |ledger: &dyn Ledger| -> Vec<String> {
            all(ledger).into_iter().map(|job| job.id).collect()
        };
        assert_eq!(
            left(ledger),
            ["77", "works"],
            "the one nobody asked for is older"
        );
        prune(ledger, 21 + 10 * HOUR, 99);
        assert_eq!(left(ledger), ["works"], "somebody works on it");
        assert_eq!(add(ledger, vec![job("77", 1, 0)]), 1, "nobody knows it");
    });
}

#[test]
fn an_alert_whose_bytes_are_forgotten_is_still_known_by_its_reference() {
    on_each(|ledger| {
        wait(ledger.intake(intake(arrivals(1..2))));
        deliver(ledger, "77", false);
        prune(ledger, 12 + HOUR, 99);
        let job = claimed(ledger, 13 + HOUR, 1).remove(0);
        assert_eq!((job.payload, job.received_at), (None, Some(at(0))));
        assert_eq!(job.reference, "node:1");
        let unknown = NewJob {
            reference: "node:99".into(),
            ..super::job("78", 5, 0)
        };
        add(ledger, vec![unknown]);
        let job = claimed(ledger, 13 + HOUR, 1).remove(0);
        assert_eq!((job.payload, job.received_at), (None, None));
    });
}

#[test]
fn no_transaction_forgets_more_than_its_limit() {
    on_each(|ledger| {
        add(
            ledger,
            (0..9).map(|id| job(&id.to_string(), 5, 0)).collect(),
        );
        for (place, job) in claimed(ledger, 0, 6).iter().enumerate() {
            assert!(keep(ledger, job, "hash", b"answer"));
            let verdicts = [reviewed("benign"), failed(), skipped()];
            assert!(settle(ledger, job, 1, verdicts[place % 3].clone()));
        }
        let count = |ledger: &dyn Ledger| {
            let answer = wait(ledger.answer_of("hash", at(0))).is_some();
            (all(ledger).len(), answer)
        };
        assert!(prune(ledger, 99 * HOUR, 4));
        assert_eq!(count(ledger).0, 9);
        assert!(prune(ledger, 99 * HOUR, 4));
        assert_eq!(count(ledger), (7, false));
        assert!(prune(ledger, 99 * HOUR, 4));
        assert_eq!(count(ledger).0, 3);
        assert!(!prune(ledger, 99 * HOUR, 4));
        assert_eq!(count(ledger).0, 0);
    });
}

/// Alert 1 is delivered as `77` and claimed.
fn delivered_and_claimed(ledger: &dyn Ledger) -> ClaimedJob {
    wait(ledger.intake(intake(arrivals(1..3))));
    deliver(ledger, "77", false);
    let first = claimed(ledger, 20, 9).remove(0);
    assert_eq!(first.reference, "node:1");
    assert!(keep(ledger, &first, "hash", b"of the old alert"));
    first
}

#[test]
fn an_id_that_comes_again_for_another_alert_is_a_new_job_whatever_was_said_of_the_old_one() {
    on_each(|ledger| {
        let first = delivered_and_claimed(ledger);
        assert!(settle(ledger, &first, 21, reviewed("benign")));
        assert!(wait(ledger.put_feedback(first.job, feedback("agree"))));
        assert!(wait(ledger.again("iris", "77", at(22))));
        let second = claimed(ledger, 22, 9).remove(0);
        assert!(settle(ledger, &second, 23, reviewed("benign")));

        assert_eq!(deliver(ledger, "77", false).settled, 1);
        let row = all(ledger).remove(0);
        assert_eq!((row.state, &*row.reference), (JobState::Pending, "node:2"));
        assert_eq!((row.level, row.created_at), (9, at(11)));
        assert_eq!((row.begun, row.failures, row.asked_again), (0, 0, 0));
        assert_eq!((row.verdict, row.model, row.ended_at), (None, None, None));
        assert_eq!(
            (row.opinion, row.opinion_before, row.worker),
            (None, None, None)
        );
        assert_eq!(wait(ledger.answer_of("hash", at(0))), None);
        let new = claimed(ledger, 24, 9).remove(0);
        assert_eq!((new.begun, new.answer), (1, None));
        assert_eq!(new.payload, Some(arrivals(2..3).remove(0).payload));
    });
}

#[test]
fn who_works_on_an_alert_whose_id_has_come_again_is_not_heard() {
    on_each(|ledger| {
        let old = delivered_and_claimed(ledger);
        assert_eq!(deliver(ledger, "77", false).settled, 1);
        assert!(!keep(ledger, &old, "hash", b"late"));
        assert!(!settle(ledger, &old, 21, reviewed("benign")));
        let new = claimed(ledger, 22, 9).remove(0);
        assert!(new.fence > old.fence);
        assert_eq!((&*new.reference, new.answer), ("node:2", None));
        assert!(!settle(ledger, &old, 23, reviewed("benign")));
    });
}

#[test]
fn how_often_people_asked_is_told_with_each_claim() {
    on_each(|ledger| {
        add(ledger, vec![job("1", 5, 0)]);
        for asked in 0..3 {
            let job = claimed(ledger, 10, 9).remove(0);
            assert_eq!(job.asked_again, asked);
            assert!(settle(ledger, &job, 10, retry(10, true)));
            let job = claimed(ledger, 10, 9).remove(0);
            assert_eq!((job.asked_again, job.failures), (asked, 1));
            assert!(settle(ledger, &job, 10, reviewed("benign")));
            assert_eq!(all(ledger)[0].asked_again, asked);
            assert!(wait(ledger.again("iris", "1", at(10))));
        }
    });
}

fn feedback(opinion: &str) -> Feedback {
    Feedback {
        opinion: Some(opinion.into()).filter(|opinion: &String| !opinion.is_empty()),
        resolution: None,
        at: at(99),
    }
}

#[test]
fn an_opinion_of_the_verdict_before_is_counted_only_when_it_was_gone_once_or_changes() {
    on_each(|ledger| {
        add(ledger, vec![job("1", 5, 0)]);
        let review = || {
            let job = claimed(ledger, 10, 9).remove(0);
            assert!(settle(ledger, &job, 10, reviewed("benign")));
            job.job
        };
        let told = |seen: &str| {
            let job = all(ledger).remove(0).job;
            assert!(wait(ledger.put_feedback(job, feedback(seen))));
            let row = all(ledger).remove(0);
            let text = |word: Option<String>| word.unwrap_or_default();
            let counted = wait(ledger.feedback(at(0))).remove(0);
            assert_eq!(
                counted.agree,
                u64::from(row.opinion.as_deref() == Some("agree"))
            );
            (text(row.opinion), text(row.opinion_before))
        };
        let pair = |opinion: &str, before: &str| (opinion.to_owned(), before.to_owned());
        review();
        assert_eq!(told("agree"), pair("agree", ""));
        assert!(wait(ledger.again("iris", "1", at(10))));
        review();
        assert_eq!(told("agree"), pair("", "agree"), "still there");
        assert!(wait(ledger.again("iris", "1", at(10))));
        review();
        assert_eq!(told("agree"), pair("", "agree"), "from the first one on");
        assert_eq!(told(""), pair("", ""), "taken off");
        assert_eq!(told("agree"), pair("agree", ""), "and set again");
        assert!(wait(ledger.again("iris", "1", at(10))));
        review();
        assert_eq!(told("disagree"), pair("disagree", ""), "changed");
    });
}
