//! How jobs come into being, who gets them, in which order, and for how long.

use std::time::Duration;

use alertbridge_ledger::{
    HIGHEST_JOB_LEVEL, JobClaim, JobState, JobVerdict, LONGEST_WAIT, LedgerError, NewJob,
};

use super::{
    add, all, asking, claimed, deliver, failed, ids, job, keep, on_each, retry, reviewed, settle,
    skipped,
    support::{arrivals, at, intake, wait},
};

#[test]
fn a_job_is_written_with_the_delivery_that_wishes_for_it() {
    on_each(|ledger| {
        wait(ledger.intake(intake(arrivals(1..3))));
        assert_eq!(deliver(ledger, "77", true).stale, 1);
        assert_eq!(all(ledger), [], "a stale settlement writes none");
        wait(ledger.release(None));
        assert_eq!(deliver(ledger, "", false).settled, 1);
        assert_eq!(all(ledger), [], "what has no id can't be looked at");
        assert_eq!(deliver(ledger, "78", false).settled, 1);

        let job = claimed(ledger, 20, 9).remove(0);
        assert_eq!((&*job.sink, &*job.id, &*job.lane), ("iris", "78", "1"));
        assert_eq!((&*job.reference, job.level), ("node:2", 9));
        assert_eq!((&*job.rule_id, job.created_at), ("5712", at(11)));
        assert_eq!(job.received_at, Some(at(0)));
        let payload = arrivals(2..3).remove(0).payload;
        assert_eq!(job.payload, Some(payload));
        assert_eq!((job.begun, job.failures, job.answer), (1, 0, None));
    });
}

#[test]
fn an_alert_found_before_its_delivery_was_settled_has_one_job_which_learns_whose_it_is() {
    on_each(|ledger| {
        wait(ledger.intake(intake(arrivals(1..2))));
        let mut found = job("77", 3, 5);
        assert_eq!(add(ledger, vec![found.clone()]), 1);
        assert_eq!(deliver(ledger, "77", false).settled, 1);
        let jobs = all(ledger);
        assert_eq!(jobs.len(), 1);
        assert_eq!((&*jobs[0].reference, jobs[0].level), ("node:1", 3));

        found.reference = "another".into();
        assert_eq!(add(ledger, vec![found]), 0);
        assert_eq!(all(ledger), jobs);
    });
}

#[test]
fn an_alert_has_one_job_however_it_stands_and_one_of_ours_is_known_by_its_delivery() {
    on_each(|ledger| {
        wait(ledger.intake(intake(arrivals(1..2))));
        let delivery = wait(ledger.claim(super::support::claim(1)));
        let settlements = super::support::settlements(&delivery, &super::support::delivered());
        wait(ledger.settle(settlements));

        let elsewhere = NewJob {
            sink: "jira".into(),
            ..job("77", 5, 1)
        };
        let nameless = job("", 5, 1);
        let jobs = vec![job("77", 5, 1), elsewhere, nameless, job("77", 9, 2)];
        assert_eq!(add(ledger, jobs.clone()), 2);
        let references: Vec<String> = all(ledger).into_iter().map(|job| job.reference).collect();
        assert_eq!(references, ["", "node:1"]);
        let both = claimed(ledger, 3, 9);
        assert_eq!(add(ledger, jobs.clone()), 0);
        settle(ledger, &both[0], 4, reviewed("benign"));
        settle(ledger, &both[1], 4, failed());
        assert_eq!(add(ledger, jobs), 0);
        assert_eq!(claimed(ledger, 999, 9), []);
    });
}

#[test]
fn the_highest_level_comes_first_and_a_job_gains_one_for_each_time_it_has_waited() {
    on_each(|ledger| {
        let jobs = vec![
            job("low", 3, 0),
            job("high", 10, 0),
            job("high and later", 10, 50),
            job("high at once", 10, 0),
            job("low and old", 3, -600),
            job("from the future", 5, 9_000),
        ];
        assert_eq!(add(ledger, jobs), 6);
        assert_eq!(
            ids(&claimed(ledger, 60, 2)),
            ["high", "high at once"],
            "of equal ones the first that was added"
        );
        // 6 levels and 60 s gained: 9.
        assert_eq!(ids(&claimed(ledger, 99, 1)), ["high and later"]);
        add(ledger, vec![job("new", 10, 100), job("newer", 9, 100)]);
        // 7 levels gained: 10, and it has waited longer than the new one.
        let order = ["low and old", "new", "newer", "from the future", "low"];
        assert_eq!(ids(&claimed(ledger, 100, 5)), order);
    });
}

#[test]
fn without_ageing_nobody_is_overtaken_and_levels_beyond_the_highest_are_alike() {
    on_each(|ledger| {
        add(
            ledger,
            vec![
                job("b", 4_000_000_000, 0),
                job("a", HIGHEST_JOB_LEVEL, -1),
                job("c", 1, -99_999),
            ],
        );
        let claim = JobClaim {
            ageing: Duration::ZERO,
            ..asking(0, 9)
        };
        let jobs = wait(ledger.claim_jobs(claim));
        assert_eq!(ids(&jobs), ["a", "b", "c"]);
        assert_eq!(jobs[1].level, HIGHEST_JOB_LEVEL);
    });
}

#[test]
fn a_claim_is_lost_when_somebody_asks_after_its_lease_and_nothing_said_with_it_is_heard() {
    on_each(|ledger| {
        add(ledger, vec![job("1", 5, 0)]);
        let first = claimed(ledger, 0, 9).remove(0);
        assert_eq!(claimed(ledger, 60, 9), [], "held to the end");
        assert_eq!(
            wait(ledger.renew_jobs(vec![(first.job, first.fence)], at(90))),
            []
        );
        assert_eq!(claimed(ledger, 90, 9), []);
        let second = claimed(ledger, 91, 9).remove(0);
        assert_eq!((second.job, second.begun), (first.job, 2));
        assert!(second.fence > first.fence);

        let before = all(ledger);
        let claims = vec![
            (first.job, first.fence),
            (second.job, second.fence),
            (99, 1),
        ];
        assert!(!keep(ledger, &first, "hash", b"late"));
        for verdict in [
            reviewed("benign"),
            failed(),
            skipped(),
            retry(92, true),
            JobVerdict::Returned,
        ] {
            assert!(!settle(ledger, &first, 92, verdict));
        }
        assert_eq!(all(ledger), before);
        assert_eq!(wait(ledger.renew_jobs(claims, at(151))), [first.job, 99]);
        assert!(settle(ledger, &second, 92, reviewed("benign")));
        assert!(!settle(ledger, &second, 93, failed()), "once");
        assert_eq!(all(ledger)[0].state, JobState::Reviewed);
    });
}

#[test]
fn a_settlement_after_the_lease_counts_as_long_as_nobody_asked() {
    on_each(|ledger| {
        add(ledger, vec![job("1", 5, 0)]);
        let job = claimed(ledger, 0, 9).remove(0);
        assert!(keep(ledger, &job, "hash", b"late"));
        assert!(settle(ledger, &job, 9_000, reviewed("benign")));
        assert_eq!(claimed(ledger, 9_001, 9), []);
    });
}

#[test]
fn a_worker_that_starts_again_frees_what_it_had_and_nobody_elses() {
    on_each(|ledger| {
        add(ledger, vec![job("1", 5, 0), job("2", 4, 0)]);
        let own = claimed(ledger, 0, 1).remove(0);
        let other = JobClaim {
            worker: "worker-2".into(),
            ..asking(0, 1)
        };
        let others = wait(ledger.claim_jobs(other)).remove(0);
        assert_eq!(
            wait(ledger.release(None)),
            0,
            "a daemon's start frees no jobs"
        );
        assert_eq!(wait(ledger.release_jobs("worker-1")), 1);
        assert_eq!(wait(ledger.release_jobs("worker-1")), 0);
        assert!(!settle(ledger, &own, 1, reviewed("benign")));
        let again = claimed(ledger, 1, 9);
        assert_eq!((ids(&again), again[0].begun), (vec!["1"], 2));
        assert!(settle(ledger, &others, 1, reviewed("benign")));
    });
}

#[test]
fn an_answer_survives_its_claim() {
    on_each(|ledger| {
        add(ledger, vec![job("1", 5, 0)]);
        let first = claimed(ledger, 0, 9).remove(0);
        assert!(keep(ledger, &first, "hash", b"an earlier one"));
        let answer = "answer ".repeat(9_000).into_bytes();
        assert!(keep(ledger, &first, "hash", &answer));
        let second = claimed(ledger, 61, 9).remove(0);
        assert_eq!(second.answer, Some(answer.clone()));
        assert!(settle(ledger, &second, 62, retry(63, false)));
        let third = claimed(ledger, 63, 9).remove(0);
        assert_eq!(third.answer, Some(answer));
        assert!(keep(ledger, &third, "hash", b""));
        assert!(settle(ledger, &third, 64, JobVerdict::Returned));
        assert_eq!(claimed(ledger, 65, 9).remove(0).answer, None);
    });
}

#[test]
fn an_answer_too_long_is_refused_and_the_longest_is_kept_whole() {
    on_each(|ledger| {
        add(ledger, vec![job("1", 5, 0)]);
        let job = claimed(ledger, 0, 9).remove(0);
        let longest: Vec<u8> = (0..64u32 << 10)
            .map(|byte| (byte * 31 % 251) as u8)
            .collect();
        let longer = [&longest[..], b"!"].concat();
        let refused = ledger.keep_answer(job.job, job.fence, "hash".into(), longer);
        let refused = refused.blocking_recv().unwrap().unwrap_err();
        assert!(matches!(refused, LedgerError::Unusable { .. }), "{refused}");
        assert!(keep(ledger, &job, "hash", &longest));
        assert_eq!(claimed(ledger, 61, 9).remove(0).answer, Some(longest));
    });
}

#[test]
fn those_too_old_are_skipped_and_never_given_out() {
    on_each(|ledger| {
        add(
            ledger,
            vec![job("old", 9, 0), job("tried", 9, 0), job("held", 9, 0)],
        );
        let jobs = claimed(ledger, 1, 9);
        assert!(settle(ledger, &jobs[0], 2, JobVerdict::Returned));
        assert!(settle(ledger, &jobs[1], 2, retry(4_000, true)));
        add(ledger, vec![job("young", 1, 11)]);
        let asking = |second: i64| JobClaim {
            max_age: Some(Duration::from_secs(100)),
            ..asking(second, 9)
        };
        wait(ledger.renew_jobs(vec![(jobs[2].job, jobs[2].fence)], at(120)));
        assert_eq!(ids(&wait(ledger.claim_jobs(asking(111)))), ["young"]);
        let told: Vec<_> = all(ledger)
            .into_iter()
            .map(|job| (job.id, job.state, job.why.unwrap_or_default(), job.ended_at))
            .collect();
        let old = |id: &str| {
            (
                id.into(),
                JobState::Skipped,
                "too old".into(),
                Some(at(111)),
            )
        };
        assert_eq!(told[1].1, JobState::Claimed, "somebody works on it");
        assert_eq!(told[2..], [old("tried"), old("old")]);
        assert_eq!(
            ids(&wait(ledger.claim_jobs(asking(121)))),
            Vec::<&str>::new()
        );
        assert_eq!(wait(ledger.job_status()).skipped, 3, "its lease is over");
    });
}

#[test]
fn a_clock_that_was_set_back_keeps_nothing_waiting_or_claimed_for_longer_than_the_longest_wait() {
    on_each(|ledger| {
        add(ledger, vec![job("1", 5, 0), job("2", 5, 0)]);
        let far = 50 * 86_400;
        let jobs = claimed(ledger, far, 9);
        assert!(settle(ledger, &jobs[0], far, retry(2 * far, false)));
        let longest = LONGEST_WAIT.as_secs() as i64;
        let due = all(ledger).pop().unwrap().due_at;
        assert_eq!(due, Some(at(far + longest)), "cut");
        let again = claimed(ledger, 0, 9);
        assert_eq!(ids(&again), ["1", "2"]);
        assert!(!settle(ledger, &jobs[1], 0, reviewed("benign")));
    });
}

#[test]
fn a_claim_renewed_for_too_long_is_held_for_the_longest_wait_and_no_longer() {
    on_each(|ledger| {
        add(ledger, vec![job("1", 5, 0)]);
        let held = claimed(ledger, 0, 1).remove(0);
        let longest = LONGEST_WAIT.as_secs() as i64;
        let claim = vec![(held.job, held.fence)];
        assert_eq!(wait(ledger.renew_jobs(claim, at(50 * longest))), []);
        assert_eq!(all(ledger)[0].lease_until, Some(at(longest)));
        assert_eq!(claimed(ledger, 1, 9), [], "another one has it");
        assert_eq!(claimed(ledger, longest, 9), [], "to the end");
        assert_eq!(ids(&claimed(ledger, longest + 1, 9)), ["1"]);
    });
}
