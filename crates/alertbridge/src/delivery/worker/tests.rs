//! The worker against a scripted sink, the ledger's model and a clock that only moves when told to.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use alertbridge_ledger::{Arrival, Books, Intake, MemoryLedger, Placement, Route};
use alertbridge_sinks::{Proof, SinkFuture};
use tokio::task::JoinHandle;

use super::*;

/// Moves with tokio's paused time.
struct TestClock(Instant);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + Duration::from_secs(1_000_000) + self.0.elapsed()
    }
}

/// Answers as told, in order; then delivers.
#[derive(Default)]
struct Script {
    answers: Mutex<VecDeque<Outcome>>,
    prepared: Mutex<Option<Outcome>>,
    posts: AtomicU32,
    delay: Duration,
}

impl Script {
    fn of(answers: impl IntoIterator<Item = Outcome>) -> Self {
        Self {
            answers: Mutex::new(answers.into_iter().collect()),
            ..Self::default()
        }
    }

    fn posts(&self) -> u32 {
        self.posts.load(Ordering::SeqCst)
    }
}

impl Sink for Script {
    fn name(&self) -> &str {
        "iris"
    }

    fn lane(&self, _: &Alert) -> String {
        "1".to_owned()
    }

    fn prepare(&self) -> SinkFuture<'_, Result<(), Outcome>> {
        let outcome = self
            .prepared
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        Box::pin(async move { outcome.map_or(Ok(()), Err) })
    }

    fn deliver<'a>(&'a self, outgoing: &'a Outgoing) -> SinkFuture<'a, Outcome> {
        self.posts.fetch_add(1, Ordering::SeqCst);
        let answer = self
            .answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front();
        Box::pin(async move {
            tokio::time::sleep(self.delay).await;
            answer.unwrap_or_else(|| delivered(&outgoing.reference))
        })
    }

    fn look_up<'a>(&'a self, _: &'a Outgoing) -> SinkFuture<'a, Presence> {
        Box::pin(async { Presence::Absent })
    }
}

fn delivered(id: &str) -> Outcome {
    Outcome::Delivered(Proof {
        id: id.to_owned(),
        ..Proof::default()
    })
}

fn refused(scope: Scope) -> Outcome {
    Outcome::Paused {
        scope,
        why: "refused".to_owned(),
    }
}

fn busy(after: Option<Duration>) -> Outcome {
    Outcome::Retry {
        after,
        why: "429".to_owned(),
        sink_wide: true,
    }
}

struct World {
    ledger: Arc<MemoryLedger>,
    sink: Arc<Script>,
    stop: watch::Sender<bool>,
    worker: JoinHandle<()>,
    _arrived: watch::Sender<()>,
}

impl World {
    /// `alerts` alerts, each of its own agent, and a worker.
    async fn new(sink: Script, alerts: u32) -> Self {
        let ledger = Arc::new(MemoryLedger::new());
        let clock = Arc::new(TestClock(Instant::now()));
        let arrivals = (0..alerts).map(|number| Arrival {
            reference: format!("m1:{number}"),
            reference_if_taken: format!("m1:{number}~x"),
            fingerprint: [0; 16],
            agent: number.to_string(),
            rule_id: String::new(),
            level: 9,
            payload: b"{}".to_vec(),
            placement: Placement::Routed(vec![Route {
                sink: "iris".into(),
                lane: "1".into(),
            }]),
        });
        let intake = Intake {
            source: "follower".into(),
            received_at: clock.now(),
            arrivals: arrivals.collect(),
            ..Intake::default()
        };
        ledger.intake(intake).await.unwrap().unwrap();
        let (sink, metrics) = (Arc::new(sink), Arc::new(Metrics::default()));
        let (arrived, arrivals) = watch::channel(());
        let (stop, stopping) = watch::channel(false);
        let worker = Worker::new(
            sink.clone(),
            ledger.clone(),
            clock,
            metrics,
            arrivals,
            Settings::default(),
        );
        let worker = tokio::spawn(worker.run(stopping));
        Self {
            ledger,
            sink,
            stop,
            worker,
            _arrived: arrived,
        }
    }

    async fn books(&self) -> Books {
        let books = self.ledger.books(None).await.unwrap().unwrap();
        assert_eq!(books.faults, Vec::<String>::new());
        books
    }

    async fn delivered(&self) -> u64 {
        self.books().await.sinks[0].delivered
    }

    async fn pauses(&self) -> usize {
        self.ledger.status().await.unwrap().unwrap().pauses.len()
    }

    /// Lets time pass.
    async fn pass(&self, seconds: u64) {
        // In small steps, so that what one timer starts is done before the next fires.
        for _ in 0..seconds * 20 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn end(self) {
        self.stop.send(true).unwrap();
        self.worker.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn all_is_delivered_and_the_books_balance() {
    let world = World::new(Script::default(), 40).await;
    world.pass(5).await;
    assert_eq!(world.delivered().await, 40);
    assert_eq!(world.sink.posts(), 40);
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_late_success_after_a_refusal_opens_the_sink_again() {
    // Four under way: one is refused, three get through a second later.
    let mut script = Script::of([refused(Scope::Sink)]);
    script.delay = Duration::from_secs(1);
    let world = World::new(script, 12).await;
    world.pass(30).await;
    assert_eq!(world.delivered().await, 12);
    assert_eq!(world.pauses().await, 0);
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_key_is_probed_by_one_delivery_at_a_time_and_the_pause_stays_until_one_gets_through()
 {
    let world = World::new(Script::of((0..6).map(|_| refused(Scope::Sink))), 12).await;
    world.pass(20).await;
    // What was under way together, and no more.
    assert_eq!(world.sink.posts(), 4);
    world.pass(15).await;
    assert_eq!(
        (world.sink.posts(), world.pauses().await),
        (5, 1),
        "the first probe, after 30 s"
    );
    world.pass(62).await;
    assert_eq!(
        (world.sink.posts(), world.pauses().await),
        (6, 1),
        "the second, after 60 s more"
    );
    world.pass(125).await;
    assert_eq!((world.delivered().await, world.pauses().await), (12, 0));
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_wrong_is_known_before_the_first_alert() {
    let script = Script {
        prepared: Mutex::new(Some(refused(Scope::Sink))),
        ..Script::default()
    };
    let world = World::new(script, 3).await;
    world.pass(20).await;
    assert_eq!((world.sink.posts(), world.pauses().await), (0, 1));
    world.pass(20).await;
    assert_eq!((world.delivered().await, world.pauses().await), (3, 0));
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_for_no_patience_at_all_gets_some() {
    let world = World::new(
        Script::of((0..10_000).map(|_| busy(Some(Duration::ZERO)))),
        4,
    )
    .await;
    world.pass(60).await;
    assert!(
        world.sink.posts() < 40,
        "{} posts in a minute",
        world.sink.posts()
    );
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_wish_to_wait_is_honoured() {
    let world = World::new(Script::of([busy(Some(Duration::from_secs(40)))]), 1).await;
    world.pass(39).await;
    assert_eq!(world.sink.posts(), 1);
    world.pass(8).await;
    assert_eq!(world.delivered().await, 1);
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_alert_that_fails_while_others_get_through_ends_as_a_dead_letter() {
    /// Refuses one alert with a 500 for ever.
    struct Poisoned(Script);
    impl Sink for Poisoned {
        fn name(&self) -> &str {
            self.0.name()
        }
        fn lane(&self, alert: &Alert) -> String {
            self.0.lane(alert)
        }
        fn deliver<'a>(&'a self, outgoing: &'a Outgoing) -> SinkFuture<'a, Outcome> {
            if outgoing.reference == "m1:0" {
                return Box::pin(async {
                    Outcome::Unknown {
                        why: "500".to_owned(),
                    }
                });
            }
            self.0.deliver(outgoing)
        }
        fn look_up<'a>(&'a self, outgoing: &'a Outgoing) -> SinkFuture<'a, Presence> {
            self.0.look_up(outgoing)
        }
    }
    let ledger = Arc::new(MemoryLedger::new());
    let clock = Arc::new(TestClock(Instant::now()));
    let (arrived, arrivals) = watch::channel(());
    let (stop, stopping) = watch::channel(false);
    let sink = Arc::new(Poisoned(Script::default()));
    let metrics = Arc::new(Metrics::default());
    let worker = Worker::new(
        sink,
        ledger.clone(),
        clock.clone(),
        metrics,
        arrivals,
        Settings::default(),
    );
    let worker = tokio::spawn(worker.run(stopping));
    // Others keep coming while it fails.
    let mut number = 0_u32;
    let dead = loop {
        let arrival = Arrival {
            reference: format!("m1:{number}"),
            reference_if_taken: format!("m1:{number}~x"),
            fingerprint: [0; 16],
            agent: number.to_string(),
            rule_id: String::new(),
            level: 9,
            payload: b"{}".to_vec(),
            placement: Placement::Routed(vec![Route {
                sink: "iris".into(),
                lane: "1".into(),
            }]),
        };
        let intake = Intake {
            source: "follower".into(),
            received_at: clock.now(),
            arrivals: vec![arrival],
            ..Intake::default()
        };
        ledger.intake(intake).await.unwrap().unwrap();
        arrived.send_replace(());
        number += 1;
        tokio::time::sleep(Duration::from_secs(10)).await;
        let books = ledger.books(None).await.unwrap().unwrap();
        if books.sinks[0].dead > 0 || number > 5_000 {
            break books;
        }
    };
    assert_eq!(dead.sinks[0].dead, 1, "after {number} alerts");
    assert!(
        dead.sinks[0].delivered >= u64::from(number) - 20,
        "the others got through: {dead:?}"
    );
    stop.send(true).unwrap();
    worker.await.unwrap();
}
