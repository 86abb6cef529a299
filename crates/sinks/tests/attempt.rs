//! The contract of `attempt`, which every sink's deliveries go through: in doubt it looks before it sends, and nothing is given up that
//! the sink may hold.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that can't go on has failed"
)]

use std::sync::{
    Mutex,
    atomic::{AtomicU32, Ordering},
};

use alertbridge_alert::Alert;
use alertbridge_sinks::{Outcome, Outgoing, Presence, Proof, Scope, Sink, SinkFuture, attempt};

/// Answers from a script and counts what it is asked.
struct Scripted {
    deliver: Mutex<Option<Outcome>>,
    look_up: Mutex<Option<Presence>>,
    sent: AtomicU32,
    looked: AtomicU32,
}

impl Scripted {
    fn new(deliver: Outcome, look_up: Presence) -> Self {
        Self {
            deliver: Mutex::new(Some(deliver)),
            look_up: Mutex::new(Some(look_up)),
            sent: AtomicU32::new(0),
            looked: AtomicU32::new(0),
        }
    }
}

impl Sink for Scripted {
    fn name(&self) -> &str {
        "scripted"
    }

    fn lane(&self, _alert: &Alert) -> String {
        String::new()
    }

    fn deliver<'a>(&'a self, _outgoing: &'a Outgoing) -> SinkFuture<'a, Outcome> {
        self.sent.fetch_add(1, Ordering::Relaxed);
        let outcome = self
            .deliver
            .lock()
            .unwrap()
            .take()
            .expect("sent once at most");
        Box::pin(std::future::ready(outcome))
    }

    fn look_up<'a>(&'a self, _outgoing: &'a Outgoing) -> SinkFuture<'a, Presence> {
        self.looked.fetch_add(1, Ordering::Relaxed);
        let presence = self
            .look_up
            .lock()
            .unwrap()
            .take()
            .expect("looked up once at most");
        Box::pin(std::future::ready(presence))
    }
}

fn proof() -> Proof {
    Proof {
        id: "5".to_owned(),
        ..Proof::default()
    }
}

fn retry() -> Outcome {
    Outcome::Retry {
        after: None,
        why: "down".to_owned(),
        sink_wide: true,
    }
}

fn paused() -> Outcome {
    Outcome::Paused {
        scope: Scope::Sink,
        why: "key".to_owned(),
    }
}

fn never() -> Outcome {
    Outcome::Never {
        why: "poison".to_owned(),
    }
}

fn unknown() -> Outcome {
    Outcome::Unknown {
        why: "down".to_owned(),
    }
}

/// The outcome, how often it was sent, how often looked up.
async fn run(deliver: Outcome, look_up: Presence, doubt: bool) -> (Outcome, u32, u32) {
    let sink = Scripted::new(deliver, look_up);
    let alert = Alert::parse(&br#"{"id":"1.2"}"#[..]).unwrap();
    let outgoing = Outgoing {
        reference: alert.reference().as_str().to_owned(),
        alert,
        lane: String::new(),
        received_at: jiff::Timestamp::UNIX_EPOCH,
        attempt: 1,
        digest: None,
        continues: None,
        intel: Vec::new(),
        tags: Vec::new(),
    };
    let outcome = attempt(&sink, &outgoing, doubt).await;
    (
        outcome,
        sink.sent.load(Ordering::Relaxed),
        sink.looked.load(Ordering::Relaxed),
    )
}

#[tokio::test]
async fn without_doubt_a_delivery_is_one_request() {
    for outcome in [
        Outcome::Delivered(proof()),
        Outcome::AlreadyThere(proof()),
        retry(),
        paused(),
        unknown(),
    ] {
        assert_eq!(
            run(outcome.clone(), Presence::Absent, false).await,
            (outcome, 1, 0)
        );
    }
}

#[tokio::test]
async fn in_doubt_nothing_is_sent_that_is_there_already() {
    let present = Presence::Present(proof());
    assert_eq!(
        run(retry(), present, true).await,
        (Outcome::AlreadyThere(proof()), 0, 1)
    );
}

#[tokio::test]
async fn in_doubt_it_is_sent_only_where_it_is_absent_or_the_sink_guards_itself() {
    let delivered = Outcome::Delivered(proof());
    for presence in [Presence::Absent, Presence::Unknowable] {
        assert_eq!(
            run(delivered.clone(), presence, true).await,
            (delivered.clone(), 1, 1)
        );
    }
}

#[tokio::test]
async fn a_look_up_that_fails_leaves_the_doubt_and_sends_nothing() {
    for (failed, expected) in [
        (retry(), unknown()),
        (unknown(), unknown()),
        (paused(), paused()),
    ] {
        assert_eq!(
            run(never(), Presence::Failed(failed), true).await,
            (expected, 0, 1)
        );
    }
    let (odd, sent, _) = run(never(), Presence::Failed(Outcome::Delivered(proof())), true).await;
    assert!(
        matches!(odd, Outcome::Unknown { .. }) && sent == 0,
        "a failed look-up proves nothing: {odd:?}"
    );
}

#[tokio::test]
async fn nothing_is_given_up_before_one_look() {
    assert_eq!(
        run(never(), Presence::Present(proof()), false).await,
        (Outcome::AlreadyThere(proof()), 1, 1)
    );
    assert_eq!(run(never(), Presence::Absent, false).await, (never(), 1, 1));
    assert_eq!(
        run(never(), Presence::Unknowable, false).await,
        (never(), 1, 1)
    );
    assert_eq!(
        run(never(), Presence::Failed(retry()), false).await,
        (unknown(), 1, 1)
    );
}
