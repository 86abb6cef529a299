//! The worker against a scripted sink, the ledger's model and a clock that only moves when told to.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use alertbridge_ledger::{Arrival, Books, Folding, Intake, MemoryLedger, Placement, Route};
use alertbridge_sinks::{Outgoing, Presence, Proof, SinkFuture};
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

struct World<S = Script> {
    ledger: Arc<MemoryLedger>,
    clock: Arc<TestClock>,
    sink: Arc<S>,
    stop: watch::Sender<bool>,
    worker: JoinHandle<()>,
    arrived: watch::Sender<()>,
}

impl World {
    async fn new(sink: Script, alerts: u32) -> Self {
        Self::with(sink, alerts).await
    }
}

impl<S: Sink> World<S> {
    /// `alerts` alerts, each of its own agent, and a worker.
    async fn with(sink: S, alerts: u32) -> Self {
        let ledger = Arc::new(MemoryLedger::new());
        let clock = Arc::new(TestClock(Instant::now()));
        let (sink, metrics) = (Arc::new(sink), Arc::new(Metrics::default()));
        let (arrived, arrivals) = watch::channel(());
        let (stop, stopping) = watch::channel(false);
        let worker = Worker::new(
            sink.clone(),
            ledger.clone(),
            clock.clone(),
            metrics,
            arrivals,
            Settings::default(),
        );
        let world = Self {
            ledger,
            clock,
            sink,
            stop,
            arrived,
            worker: tokio::spawn(async {}),
        };
        world.arrive(0..alerts).await;
        Self {
            worker: tokio::spawn(worker.run(stopping)),
            ..world
        }
    }

    async fn arrive(&self, numbers: std::ops::Range<u32>) {
        let arrivals = numbers.map(|number| Arrival {
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
            folding: Folding::default(),
            tallies: Vec::new(),
        });
        let intake = Intake {
            source: "follower".into(),
            received_at: self.clock.now(),
            arrivals: arrivals.collect(),
            ..Intake::default()
        };
        self.ledger.intake(intake).await.unwrap().unwrap();
        self.arrived.send_replace(());
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
async fn a_wish_to_wait_is_not_ended_by_a_success_or_by_a_new_alert() {
    let mut script = Script::of([busy(Some(Duration::from_secs(40)))]);
    // The other three under way get through after the refusal.
    script.delay = Duration::from_millis(100);
    let world = World::new(script, 12).await;
    world.pass(20).await;
    world.arrive(100..104).await;
    world.pass(18).await;
    assert_eq!(world.sink.posts(), 4, "what was under way, and no more");
    world.pass(60).await;
    assert_eq!(world.delivered().await, 16);
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

/// Fails some alerts for ever, and delivers the others.
struct Poisoned {
    others: Script,
    poisoned: u32,
    takes: Duration,
}

impl Sink for Poisoned {
    fn name(&self) -> &str {
        self.others.name()
    }

    fn lane(&self, alert: &Alert) -> String {
        self.others.lane(alert)
    }

    fn deliver<'a>(&'a self, outgoing: &'a Outgoing) -> SinkFuture<'a, Outcome> {
        let number: u32 = outgoing
            .reference
            .trim_start_matches("m1:")
            .parse()
            .unwrap();
        if number.is_multiple_of(20) && number / 20 < self.poisoned {
            return Box::pin(async {
                tokio::time::sleep(self.takes).await;
                Outcome::Unknown {
                    why: "no answer".to_owned(),
                }
            });
        }
        self.others.deliver(outgoing)
    }

    fn look_up<'a>(&'a self, outgoing: &'a Outgoing) -> SinkFuture<'a, Presence> {
        self.others.look_up(outgoing)
    }
}

/// IRIS breaks off at once for one alert in twenty, or never answers some.
#[tokio::test(start_paused = true)]
async fn alerts_that_always_fail_do_not_hold_up_the_others() {
    for (poisoned, takes) in [
        (50, Duration::from_millis(5)),
        (10, Duration::from_secs(30)),
    ] {
        let others = Script {
            delay: Duration::from_millis(30),
            ..Script::default()
        };
        let world = World::with(
            Poisoned {
                others,
                poisoned,
                takes,
            },
            1000,
        )
        .await;
        let well = 1000 - u64::from(poisoned);
        world.pass(240).await;
        assert_eq!(
            world.delivered().await,
            well,
            "failing attempts take {takes:?}"
        );
        // New ones come through although the old ones go on failing; they wait for one that is under way at the most.
        world.arrive(1001..1011).await;
        world.pass(takes.as_secs() + 3).await;
        assert_eq!(
            world.delivered().await,
            well + 10,
            "failing attempts take {takes:?}"
        );
        world.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_alert_that_fails_while_others_get_through_ends_as_a_dead_letter() {
    let poison = Poisoned {
        others: Script::default(),
        poisoned: 1,
        takes: Duration::from_millis(5),
    };
    let world = World::with(poison, 1).await;
    // Others keep coming while it fails.
    let mut number = 1;
    while world.books().await.sinks[0].dead == 0 {
        assert!(number < 3_000, "it never died");
        world.arrive(number..number + 1).await;
        number += 1;
        world.pass(10).await;
    }
    let books = world.books().await;
    assert_eq!(
        books.sinks[0].delivered,
        u64::from(number) - 1,
        "the others got through"
    );
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_refuses_everything_for_good_is_paused_before_the_queue_is_dead() {
    let never = || Outcome::Never {
        why: "blocked".to_owned(),
    };
    let world = World::new(Script::of((0..2_000).map(|_| never())), 200).await;
    world.pass(20).await;
    let books = world.books().await;
    assert!(books.sinks[0].dead <= 10, "{books:?}");
    assert_eq!(
        (books.sinks[0].pending, world.pauses().await),
        (200 - books.sinks[0].dead, 1)
    );
    world.end().await;
}
