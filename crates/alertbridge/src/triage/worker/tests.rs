//! The worker against a scripted IRIS, a scripted model, the ledger's specification and a clock that moves with tokio's paused one.

use std::sync::atomic::Ordering;

use alertbridge_ledger::{JobFilter, JobRow, JobState, MemoryLedger, NewJob};
use alertbridge_sinks::{Ending, Outcome};
use alertbridge_triage::model::{FailureClass, ModelError};
use jiff::Timestamp;
use tokio::task::JoinHandle;

use super::{
    scripted::{ScriptedIris, ScriptedModel, good_answer, lock},
    *,
};
use crate::triage::{OutputPlace, Poller, TagNames};

struct TestClock(Instant);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + Duration::from_secs(1_000_000) + self.0.elapsed()
    }
}

/// All parts, and the switch that stops workers.
struct Rig {
    ledger: Arc<MemoryLedger>,
    iris: Arc<ScriptedIris>,
    model: Arc<ScriptedModel>,
    clock: Arc<TestClock>,
    config: TriageConfig,
    reviewer: Arc<Reviewer>,
    stopping: watch::Sender<bool>,
}

impl Rig {
    fn new(model: ScriptedModel) -> Self {
        let config = TriageConfig {
            lease: 4,
            cache_hours: 0,
            ..TriageConfig::default()
        };
        let model = Arc::new(model);
        Self {
            ledger: Arc::new(MemoryLedger::new()),
            iris: Arc::default(),
            reviewer: Arc::new(Reviewer::new(&config, &[], model.clone()).unwrap()),
            model,
            clock: Arc::new(TestClock(Instant::now())),
            config,
            stopping: watch::channel(false).0,
        }
    }

    /// As another process would have it: nothing shared but ledger, IRIS and model.
    fn shared(&self) -> Arc<Shared> {
        Arc::new(Shared {
            ledger: self.ledger.clone(),
            clock: self.clock.clone(),
            metrics: Arc::default(),
            doorway: Doorway::new(self.model.clone(), &self.config),
            reviewer: self.reviewer.clone(),
            mirror: Mirror::new(
                self.iris.clone(),
                self.config.tags.clone(),
                self.config.output,
            ),
            facts: Facts::new(self.ledger.clone(), None, true),
            config: self.config.clone(),
            rest: Mutex::new((0, None)),
        })
    }

    /// An alert of others and its job.
    async fn add(&self, id: u32) {
        self.iris.add(id, &["wazuh", "ai-pending"]);
        let job = NewJob {
            sink: "iris".to_owned(),
            id: id.to_string(),
            reference: String::new(),
            lane: "1".to_owned(),
            rule_id: "5763".to_owned(),
            level: 10,
            created_at: self.clock.now(),
        };
        assert_eq!(self.ledger.add_jobs(vec![job]).await.unwrap().unwrap(), 1);
    }

    fn worker(&self, name: &str, until_empty: bool) -> JoinHandle<u64> {
        let worker = Worker::new(
            self.shared(),
            name.to_owned(),
            self.stopping.subscribe(),
            until_empty,
        );
        tokio::spawn(worker.run())
    }

    /// Works until nothing waits.
    async fn work(&self) -> u64 {
        self.worker("w", true).await.unwrap()
    }

    async fn job(&self, id: u32) -> JobRow {
        let filter = JobFilter {
            id: Some(id.to_string()),
            limit: 1,
            ..JobFilter::default()
        };
        let jobs = self.ledger.jobs(filter).await.unwrap().unwrap();
        jobs.into_iter().next().unwrap()
    }

    async fn open(&self) -> u64 {
        let status = self.ledger.job_status().await.unwrap().unwrap();
        status.pending + status.claimed
    }
}

fn willing() -> ScriptedModel {
    ScriptedModel::new(|_, _| Ok(good_answer()))
}

fn error(class: FailureClass) -> ModelError {
    ModelError::new(class, class.as_str())
}

#[tokio::test(start_paused = true)]
async fn an_alert_is_reviewed_in_one_question_and_two_updates() {
    let rig = Rig::new(willing());
    rig.add(1).await;
    assert_eq!(rig.work().await, 1);
    assert_eq!(rig.model.asked(), 1);
    assert_eq!(rig.iris.writes.load(Ordering::SeqCst), 2);
    let tags = rig.iris.tags(1);
    assert!(tags.contains(&"wazuh".to_owned()) && tags.contains(&"ai-reviewed".to_owned()));
    assert!(
        !tags
            .iter()
            .any(|tag| tag == "ai-pending" || tag == "ai-processing")
    );
    let notes = rig.iris.notes(1);
    assert_eq!(notes.len(), 1);
    assert!(
        notes[0].starts_with("AI TRIAGE REVIEW (OLLAMA)"),
        "{}",
        notes[0]
    );
    let job = rig.job(1).await;
    assert_eq!(job.state, JobState::Reviewed);
    assert_eq!(job.verdict.as_deref(), Some("true_positive"));
}

#[tokio::test(start_paused = true)]
async fn twenty_alerts_ten_workers_and_kills_at_random_give_one_note_each() {
    for seed in 0..6 {
        let rig = Rig::new(willing());
        for id in 1..=20 {
            rig.add(id).await;
        }
        let mut random = fastrand::Rng::with_seed(seed);
        let mut workers: Vec<JoinHandle<u64>> =
            (0..10).map(|n| rig.worker(&n.to_string(), false)).collect();
        let mut kills = 0;
        for _ in 0..2000 {
            tokio::time::sleep(Duration::from_millis(random.u64(1..400))).await;
            if rig.open().await == 0 {
                break;
            }
            if kills < 40 {
                let at = random.usize(0..workers.len());
                workers[at].abort();
                workers[at] = rig.worker(&format!("k{kills}"), false);
                kills += 1;
            }
        }
        assert_eq!(rig.open().await, 0, "seed {seed}: never stuck");
        let about = lock(&rig.model.about).clone();
        let crashes = u32::try_from(kills).unwrap();
        for id in 1..=20 {
            let notes = rig.iris.notes(id);
            let distinct: std::collections::HashSet<&String> = notes.iter().collect();
            assert_eq!(distinct.len(), 1, "seed {seed}, alert {id}: {notes:?}");
            assert!(rig.iris.tags(id).contains(&"ai-reviewed".to_owned()));
            assert_eq!(rig.job(id).await.state, JobState::Reviewed, "seed {seed}");
            let questions = about.iter().filter(|of| **of == id.to_string()).count();
            assert!(questions >= 1);
        }
        assert!(
            rig.model.asked() <= 20 + crashes,
            "seed {seed}: {} questions, {crashes} kills",
            rig.model.asked()
        );
        for worker in workers {
            worker.abort();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn ten_workers_without_kills_ask_once_for_each_alert() {
    let rig = Rig::new(willing());
    for id in 1..=20 {
        rig.add(id).await;
    }
    let workers: Vec<JoinHandle<u64>> = (0..10).map(|n| rig.worker(&n.to_string(), true)).collect();
    let mut ended = 0;
    for worker in workers {
        ended += worker.await.unwrap();
    }
    assert_eq!((ended, rig.model.asked()), (20, 20));
    assert_eq!(lock(&rig.iris.written).len(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_model_that_is_down_from_the_start_costs_iris_no_request() {
    let rig = Rig::new(willing());
    for id in 1..=5 {
        rig.add(id).await;
    }
    *lock(&rig.model.down) = Some(error(FailureClass::Connect));
    let worker = rig.worker("w", false);
    tokio::time::sleep(Duration::from_secs(6 * 3600)).await;
    assert_eq!(rig.iris.reads.load(Ordering::SeqCst), 0);
    assert_eq!(rig.iris.writes.load(Ordering::SeqCst), 0);
    assert_eq!(rig.model.asked(), 0);
    let looked = rig.model.looked.load(Ordering::SeqCst);
    assert!((3..200).contains(&looked), "{looked} looks in six hours");
    assert_eq!(rig.job(1).await.begun, 0);
    // And when it is back, all goes on by itself.
    *lock(&rig.model.down) = None;
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(rig.open().await, 0);
    worker.abort();
}

#[tokio::test(start_paused = true)]
async fn a_model_that_dies_meanwhile_is_asked_no_more_and_no_alert_is_given_up() {
    let rig = Rig::new(willing());
    for id in 1..=6 {
        rig.add(id).await;
    }
    let worker = rig.worker("w", false);
    tokio::time::sleep(Duration::from_secs(4)).await;
    *lock(&rig.model.down) = Some(error(FailureClass::Server));
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let writes = rig.iris.writes.load(Ordering::SeqCst);
    assert!(writes <= 6, "{writes} updates");
    for id in 1..=6 {
        assert!(
            !rig.iris.tags(id).contains(&"ai-processing".to_owned()),
            "what waits says so"
        );
    }
    *lock(&rig.model.down) = None;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(rig.open().await, 0);
    for id in 1..=6 {
        assert_eq!(rig.job(id).await.state, JobState::Reviewed);
    }
    worker.abort();
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_no_good_is_mended_once_then_asked_once_more_then_given_up() {
    let rig = Rig::new(ScriptedModel::new(|_, _| {
        Ok("Sure! It is benign.".to_owned())
    }));
    rig.add(1).await;
    assert_eq!(rig.work().await, 1);
    assert_eq!(rig.model.asked(), 4);
    assert!(rig.iris.tags(1).contains(&"ai-failed".to_owned()));
    let job = rig.job(1).await;
    assert_eq!(job.state, JobState::Failed);
    assert_eq!(job.class.as_deref(), Some("output_not_json"));
    assert!(rig.iris.notes(1)[0].contains("output_not_json"));

    let mends = Rig::new(ScriptedModel::new(|number, _| {
        Ok(if number == 0 {
            "{}".to_owned()
        } else {
            good_answer()
        })
    }));
    mends.add(1).await;
    mends.work().await;
    assert_eq!(mends.model.asked(), 2);
    assert_eq!(mends.job(1).await.state, JobState::Reviewed);
}

#[tokio::test(start_paused = true)]
async fn an_alert_that_the_server_can_not_stand_is_given_up_and_holds_up_no_other() {
    let rig = Rig::new(ScriptedModel::new(|_, question| {
        if question.user.contains("zz1x") {
            return Err(error(FailureClass::TimeoutTotal));
        }
        Ok(good_answer())
    }));
    rig.add(1).await;
    let worker = rig.worker("w", false);
    for id in 2..40 {
        rig.add(id).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    assert_eq!(rig.job(1).await.state, JobState::Failed);
    assert_eq!(rig.job(1).await.class.as_deref(), Some("timeout_total"));
    for id in 2..39 {
        assert_eq!(rig.job(id).await.state, JobState::Reviewed, "{id}");
    }
    worker.abort();
}

#[tokio::test(start_paused = true)]
async fn people_overrule_it_at_any_moment() {
    type Change = fn(&ScriptedIris);
    let changes: [(&str, Change, bool); 6] = [
        (
            "took the tag off",
            |iris| iris.change(1, |seen| seen.tags = vec!["wazuh".into()]),
            false,
        ),
        (
            "said hands off",
            |iris| iris.change(1, |seen| seen.tags.push("ai-skip".into())),
            false,
        ),
        (
            "closed it",
            |iris| iris.change(1, |seen| seen.ended = Some(Ending::Closed)),
            false,
        ),
        (
            "merged it",
            |iris| iris.change(1, |seen| seen.ended = Some(Ending::Merged)),
            false,
        ),
        (
            "deleted it",
            |iris| drop(lock(&iris.alerts).remove("1")),
            false,
        ),
        (
            "added a tag",
            |iris| iris.change(1, |seen| seen.tags.push("vip".into())),
            true,
        ),
    ];
    for (output, (what, change, is_reviewed)) in [OutputPlace::Note, OutputPlace::Comment]
        .into_iter()
        .flat_map(|output| changes.map(|change| (output, change)))
    {
        // Before it is begun, while the model thinks, and right before the text is written.
        for after in [0, 1000, 3090] {
            let what = format!("{what} ({output:?})");
            let mut rig = Rig::new(willing());
            rig.config.output = output;
            rig.add(1).await;
            let worker = rig.worker("w", true);
            tokio::time::sleep(Duration::from_millis(after)).await;
            change(&rig.iris);
            worker.await.unwrap();
            let job = rig.job(1).await;
            if is_reviewed {
                assert_eq!(job.state, JobState::Reviewed, "{what} after {after} ms");
                assert!(rig.iris.tags(1).contains(&"vip".to_owned()));
                assert_eq!(rig.iris.notes(1).len(), 1, "{what} after {after} ms");
            } else {
                assert_eq!(job.state, JobState::Skipped, "{what} after {after} ms");
                assert!(rig.iris.notes(1).is_empty(), "{what} after {after} ms");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_stopped_puts_its_alert_back() {
    let rig = Rig::new(willing());
    rig.add(1).await;
    let worker = rig.worker("w", false);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(rig.iris.tags(1).contains(&"ai-processing".to_owned()));
    rig.stopping.send(true).unwrap();
    worker.await.unwrap();
    assert!(rig.iris.tags(1).contains(&"ai-pending".to_owned()));
    let job = rig.job(1).await;
    assert_eq!((job.state, job.begun), (JobState::Pending, 0));
}

#[tokio::test(start_paused = true)]
async fn a_tag_put_back_by_hand_means_again_and_a_stale_list_does_not() {
    let rig = Rig::new(willing());
    rig.iris.add(7, &["ai-pending"]);
    rig.iris.add(8, &["not-ai-pending"]);
    let poller = Poller::new(rig.shared(), "iris".to_owned());
    let looked = poller.look().await.unwrap();
    assert_eq!((looked.seen, looked.added), (1, 1));
    assert_eq!(poller.look().await.unwrap().added, 0);
    assert_eq!(rig.work().await, 1);
    assert_eq!(poller.look().await.unwrap().again, 0);
    rig.iris
        .change(7, |seen| seen.tags.push("ai-pending".into()));
    assert_eq!(poller.look().await.unwrap().again, 1);
    assert_eq!(rig.work().await, 1);
    assert_eq!(rig.model.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_review_whose_tags_iris_can_not_change_is_not_asked_for_again() {
    for output in [OutputPlace::Note, OutputPlace::Comment] {
        let mut rig = Rig::new(willing());
        rig.config.output = output;
        rig.iris.keeps_tags.store(true, Ordering::SeqCst);
        rig.iris.add(7, &["ai-pending"]);
        let poller = Poller::new(rig.shared(), "iris".to_owned());
        assert_eq!(poller.look().await.unwrap().added, 1);
        assert_eq!(rig.work().await, 1);
        for _ in 0..3 {
            let looked = poller.look().await.unwrap();
            assert_eq!((looked.seen, looked.added, looked.again), (1, 0, 0));
            assert_eq!(rig.work().await, 0);
        }
        assert_eq!(rig.model.asked(), 1, "{output:?}");
        assert_eq!(rig.iris.notes(7).len(), 1, "{output:?}");
        let job = rig.job(7).await;
        assert_eq!(
            (job.state, job.class.as_deref()),
            (JobState::Failed, Some("iris_refused"))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_another_worker_left_is_taken_over_when_it_is_stale() {
    let rig = Rig::new(willing());
    rig.iris.add(7, &["ai-processing"]);
    let now = rig.clock.now();
    rig.iris.change(7, |seen| seen.updated_at = Some(now));
    let poller = Poller::new(rig.shared(), "iris".to_owned());
    assert_eq!(poller.look().await.unwrap().added, 0);
    tokio::time::sleep(Duration::from_secs(1801)).await;
    assert_eq!(poller.look().await.unwrap().added, 1);
    assert_eq!(rig.work().await, 1);
    assert_eq!(
        rig.iris.tags(7),
        ["ai-reviewed", "ai-verdict:true-positive"]
    );
}

#[tokio::test(start_paused = true)]
async fn what_another_program_has_under_way_is_left_to_it_until_it_is_stale() {
    let rig = Rig::new(willing());
    rig.add(1).await;
    let now = rig.clock.now();
    rig.iris.change(1, |seen| {
        seen.tags = vec!["ai-processing".into()];
        seen.updated_at = Some(now);
    });
    let worker = rig.worker("w", false);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(
        (rig.model.asked(), rig.job(1).await.state),
        (0, JobState::Pending)
    );
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(rig.job(1).await.state, JobState::Reviewed);
    worker.abort();
}

#[tokio::test(start_paused = true)]
async fn an_alert_that_iris_refuses_is_not_asked_for_again_and_stops_no_other() {
    let rig = Rig::new(willing());
    rig.add(1).await;
    *lock(&rig.iris.down) = Some(Outcome::Never {
        why: "the answer is larger than `response_limit`".into(),
    });
    assert_eq!(rig.work().await, 1);
    *lock(&rig.iris.down) = None;
    let job = rig.job(1).await;
    assert_eq!(job.class.as_deref(), Some("iris_refused"));
    let poller = Poller::new(rig.shared(), "iris".to_owned());
    assert_eq!(poller.look().await.unwrap().again, 0);
    rig.add(2).await;
    assert_eq!(rig.work().await, 1);
    assert_eq!(rig.job(2).await.state, JobState::Reviewed);
}

#[tokio::test(start_paused = true)]
async fn the_alarm_is_over_when_the_server_looks_well_and_nothing_is_to_be_asked() {
    let rig = Rig::new(willing());
    *lock(&rig.model.down) = Some(error(FailureClass::ModelMissing));
    let shared = rig.shared();
    let worker = Worker::new(
        shared.clone(),
        "w".to_owned(),
        rig.stopping.subscribe(),
        false,
    );
    let running = tokio::spawn(worker.run());
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(shared.doorway.trouble().is_some());
    *lock(&rig.model.down) = None;
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(shared.doorway.trouble(), None);
    let looked = rig.model.looked.load(Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(rig.model.looked.load(Ordering::SeqCst), looked);
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn an_iris_that_is_down_costs_no_second_question() {
    let rig = Rig::new(willing());
    rig.add(1).await;
    let worker = rig.worker("w", false);
    tokio::time::sleep(Duration::from_secs(2)).await;
    *lock(&rig.iris.down) = Some(Outcome::Retry {
        after: None,
        why: "502".into(),
        sink_wide: true,
    });
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(rig.job(1).await.state, JobState::Pending);
    *lock(&rig.iris.down) = None;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(rig.job(1).await.state, JobState::Reviewed);
    assert_eq!(rig.model.asked(), 1);
    worker.abort();
}

#[tokio::test(start_paused = true)]
async fn the_same_question_is_answered_from_the_books() {
    let mut rig = Rig::new(willing());
    rig.config.cache_hours = 24;
    rig.add(1).await;
    rig.work().await;
    rig.add(2).await;
    let same = super::scripted::alert(1);
    rig.iris.change(2, |seen| seen.source_content = same);
    rig.work().await;
    assert_eq!(rig.model.asked(), 1);
    assert!(
        rig.iris.notes(2)[0].contains("#1"),
        "{}",
        rig.iris.notes(2)[0]
    );
}

#[test]
fn tags_of_ours_hold_none_that_others_look_for() {
    let names = TagNames::default();
    for tag in alertbridge_triage::guard::TAGS {
        for state in [&names.pending, &names.processing, &names.reviewed] {
            assert!(!tag.contains(state.as_str()));
        }
    }
}
