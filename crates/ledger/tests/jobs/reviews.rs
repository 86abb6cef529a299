//! What is told of jobs: to people, and to the next prompt.

use alertbridge_ledger::{Feedback, JobFilter, JobState, JobStatus, Ledger, NewJob};

use super::{
    add, all, claimed, failed, ids, job, keep, on_each, retry, reviewed, settle, skipped,
    support::{at, wait},
};

/// Pending, waiting, claimed, and one of each ending; in this order, a second apart.
fn one_of_each(ledger: &dyn Ledger) {
    add(
        ledger,
        vec![
            job("failed", 5, 3),
            job("skipped", 5, 4),
            job("reviewed", 5, 5),
        ],
    );
    let jobs = claimed(ledger, 10, 9);
    assert_eq!(ids(&jobs), ["failed", "skipped", "reviewed"]);
    for (job, verdict) in jobs.iter().zip([failed(), skipped(), reviewed("benign")]) {
        assert!(settle(ledger, job, 11, verdict));
    }
    add(ledger, vec![job("waiting", 5, 1), job("claimed", 4, 2)]);
    let jobs = claimed(ledger, 12, 9);
    assert!(settle(ledger, &jobs[0], 13, retry(900, true)));
    add(ledger, vec![job("ready", 5, 0)]);
}

fn listed(ledger: &dyn Ledger, filter: JobFilter) -> Vec<String> {
    let jobs = wait(ledger.jobs(JobFilter { limit: 9, ..filter }));
    jobs.into_iter().map(|job| job.id).collect()
}

#[test]
fn jobs_are_listed_by_what_is_asked_for() {
    on_each(|ledger| {
        assert_eq!(wait(ledger.job_status()), JobStatus::default());
        one_of_each(ledger);
        let everything = [
            "reviewed", "skipped", "failed", "claimed", "waiting", "ready",
        ];
        assert_eq!(listed(ledger, JobFilter::default()), everything);
        let of = |state| JobFilter {
            state: Some(state),
            ..JobFilter::default()
        };
        assert_eq!(listed(ledger, of(JobState::Pending)), ["waiting", "ready"]);
        assert_eq!(listed(ledger, of(JobState::Claimed)), ["claimed"]);
        assert_eq!(listed(ledger, of(JobState::Reviewed)), ["reviewed"]);
        assert_eq!(listed(ledger, of(JobState::Failed)), ["failed"]);
        assert_eq!(listed(ledger, of(JobState::Skipped)), ["skipped"]);
        let since = JobFilter {
            since: Some(at(4)),
            ..JobFilter::default()
        };
        assert_eq!(listed(ledger, since), ["reviewed", "skipped"]);
        let exact = |sink: &str, id: &str, state| JobFilter {
            sink: Some(sink.into()),
            id: Some(id.into()),
            state,
            ..JobFilter::default()
        };
        assert_eq!(listed(ledger, exact("iris", "failed", None)), ["failed"]);
        assert_eq!(
            listed(ledger, exact("jira", "failed", None)),
            Vec::<String>::new()
        );
        let not = exact("iris", "failed", Some(JobState::Claimed));
        assert_eq!(listed(ledger, not), Vec::<String>::new());
        let two = JobFilter {
            limit: 2,
            ..JobFilter::default()
        };
        assert_eq!(wait(ledger.jobs(two)).len(), 2);
        assert_eq!(
            wait(ledger.job_status()),
            JobStatus {
                pending: 2,
                claimed: 1,
                reviewed: 1,
                failed: 1,
                skipped: 1,
                oldest_pending: Some(at(0)),
                lowest_level: Some(5),
            }
        );
    });
}

#[test]
fn a_row_tells_what_means_something_in_its_state() {
    on_each(|ledger| {
        one_of_each(ledger);
        let rows = all(ledger);
        let row = |id: &str| rows.iter().find(|row| row.id == id).unwrap();
        let reviewed = row("reviewed");
        assert_eq!(reviewed.verdict.as_deref(), Some("benign"));
        assert_eq!(reviewed.model.as_deref(), Some("phi4-mini"));
        assert_eq!((reviewed.ended_at, &reviewed.why), (Some(at(11)), &None));
        assert_eq!(reviewed.worker.as_deref(), Some("worker-1"));
        assert_eq!(row("failed").class.as_deref(), Some("output_schema"));
        assert_eq!(row("failed").why.as_deref(), Some("no verdict in it"));
        assert_eq!(row("skipped").why.as_deref(), Some("below level 7"));
        let claimed = row("claimed");
        assert_eq!((claimed.lease_until, claimed.due_at), (Some(at(72)), None));
        let waiting = row("waiting");
        assert_eq!((waiting.due_at, waiting.lease_until), (Some(at(900)), None));
        assert_eq!((waiting.failures, waiting.begun), (1, 1));
        assert_eq!(
            (row("ready").worker.as_deref(), row("ready").begun),
            (None, 0)
        );
    });
}

#[test]
fn the_same_question_has_the_answer_of_the_job_reviewed_last() {
    on_each(|ledger| {
        add(
            ledger,
            (0..5).map(|id| job(&id.to_string(), 5, id)).collect(),
        );
        let jobs = claimed(ledger, 5, 9);
        for (job, answer) in jobs.iter().zip(["a", "b", "c", "d", "e"]) {
            assert!(keep(ledger, job, "hash", answer.as_bytes()));
        }
        let answer = |second| wait(ledger.answer_of("hash", at(second)));
        assert_eq!(answer(0), None, "nobody has reviewed it");
        assert!(settle(ledger, &jobs[1], 20, reviewed("benign")));
        assert!(settle(ledger, &jobs[0], 30, reviewed("benign")));
        assert!(settle(ledger, &jobs[2], 40, failed()));
        assert!(settle(ledger, &jobs[3], 10, reviewed("benign")));
        assert_eq!(answer(30), Some(("0".into(), b"a".to_vec())));
        assert_eq!(answer(31), None);
        assert_eq!(wait(ledger.answer_of("another", at(0))), None);
        wait(ledger.again("iris", "0", at(50)));
        assert_eq!(answer(0), Some(("1".into(), b"b".to_vec())));
    });
}

fn opinion(opinion: &str, resolution: Option<&str>) -> Feedback {
    Feedback {
        opinion: Some(opinion.into()).filter(|opinion: &String| !opinion.is_empty()),
        resolution: resolution.map(Into::into),
        at: at(99),
    }
}

#[test]
fn what_people_made_of_verdicts_is_counted_by_rule_model_and_verdict() {
    on_each(|ledger| {
        let of = |id: u32, rule: &str| NewJob {
            rule_id: rule.into(),
            ..job(&id.to_string(), 5, id.into())
        };
        add(
            ledger,
            (0..6)
                .map(|id| of(id, if id < 5 { "5710" } else { "9" }))
                .collect(),
        );
        let jobs = claimed(ledger, 6, 9);
        assert!(
            !wait(ledger.put_feedback(jobs[0].job, opinion("agree", None))),
            "not ended"
        );
        assert!(
            !wait(ledger.put_feedback(99, opinion("agree", None))),
            "there is none"
        );
        let verdicts = ["benign", "benign", "malicious", "benign"].map(reviewed);
        let verdicts = verdicts.into_iter().chain([failed(), reviewed("benign")]);
        for (job, verdict) in jobs.iter().zip(verdicts) {
            assert!(settle(ledger, job, 7 + job.job, verdict));
        }
        let put = |place: usize, feedback| {
            assert!(wait(ledger.put_feedback(jobs[place].job, feedback)));
        };
        put(0, opinion("agree", None));
        put(0, opinion("disagree", Some("False Positive")));
        put(1, opinion("agree", Some("False Positive")));
        put(2, opinion("agree", Some("True Positive With Impact")));
        put(4, opinion("disagree", Some("False Positive")));

        let rows = wait(ledger.feedback(at(0)));
        let told: Vec<_> = rows
            .iter()
            .map(|row| {
                (
                    &*row.rule_id,
                    &*row.verdict,
                    row.jobs,
                    row.agree,
                    row.disagree,
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("5710", "benign", 3, 1, 1),
                ("5710", "malicious", 1, 1, 0),
                ("9", "benign", 1, 0, 0)
            ]
        );
        assert_eq!(rows[0].resolutions, [("False Positive".to_owned(), 2)]);
        assert_eq!(rows[0].model, "phi4-mini");
        assert_eq!(wait(ledger.feedback(at(13))).len(), 1, "the last one");

        let earlier = |rule: &str, second| wait(ledger.earlier(rule, at(second)));
        assert_eq!(
            earlier("5710", 0),
            [("benign".to_owned(), 3), ("malicious".to_owned(), 1)]
        );
        assert_eq!(
            earlier("5710", 10),
            [("benign".to_owned(), 1), ("malicious".to_owned(), 1)]
        );
        assert_eq!(earlier("1", 0), []);
    });
}

#[test]
fn pages_go_through_all_jobs_by_number_whatever_comes_again_between_them() {
    on_each(|ledger| {
        add(
            ledger,
            (0..7).map(|id| job(&id.to_string(), 5, -id)).collect(),
        );
        for job in claimed(ledger, 5, 9) {
            assert!(settle(ledger, &job, 6, reviewed("benign")));
        }
        let mut after = None;
        let mut found = Vec::new();
        loop {
            let page = wait(ledger.jobs(JobFilter {
                state: Some(JobState::Reviewed),
                limit: 3,
                after,
                oldest_first: true,
                ..JobFilter::default()
            }));
            let Some(last) = page.last() else {
                break;
            };
            after = Some(last.job);
            found.extend(page.into_iter().map(|row| row.id));
            // Behind, and before, where the pages are.
            wait(ledger.again("iris", "1", at(50)));
        }
        assert_eq!(found, ["0", "1", "2", "3", "4", "5", "6"]);
    });
}

#[test]
fn the_jobs_of_a_page_of_alerts_come_in_its_order() {
    on_each(|ledger| {
        one_of_each(ledger);
        let ids = ["ready", "nothing", "reviewed", "claimed"].map(String::from);
        let rows = wait(ledger.jobs_of("iris", ids.to_vec()));
        let found: Vec<&str> = rows.iter().map(|row| &*row.id).collect();
        assert_eq!(found, ["ready", "reviewed", "claimed"]);
        assert_eq!(wait(ledger.jobs_of("jira", ids.to_vec())), []);
        assert_eq!(wait(ledger.jobs_of("iris", Vec::new())), []);
    });
}
