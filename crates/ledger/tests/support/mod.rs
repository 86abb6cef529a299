//! What the tests of the ledger share: small alerts, and waiting for what must come.
#![allow(dead_code, reason = "each test file uses its own part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

pub mod actions;
pub mod quiet;

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use alertbridge_ledger::{
    Arrival, Claim, Claimed, Folding, Intake, Ledger, OpenOptions, Placement, Receipt, Route,
    Settlement, Verdict,
};
use jiff::Timestamp;

pub fn wait<T>(receipt: Receipt<T>) -> T {
    receipt.blocking_recv().unwrap().unwrap()
}

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_760_000_000 + second).unwrap()
}

pub fn options() -> OpenOptions {
    OpenOptions::new(|| at(0))
}

pub fn route(sink: &str, lane: &str) -> Route {
    Route {
        sink: sink.into(),
        lane: lane.into(),
    }
}

/// An alert of its own for each number, for sink `iris`, lane `1`.
pub fn arrival(number: u64) -> Arrival {
    let mut fingerprint = [7; 16];
    fingerprint[..8].copy_from_slice(&number.to_le_bytes());
    Arrival {
        reference: format!("node:{number}"),
        reference_if_taken: format!("node:{number}#x"),
        fingerprint,
        agent: "web-1".into(),
        rule_id: "5710".into(),
        level: 5,
        payload: format!(
            "{{\"id\":\"{number}\",\"text\":\"{}\"}}",
            "sshd ".repeat(200)
        )
        .into_bytes(),
        placement: Placement::Routed(vec![route("iris", "1")]),
        folding: Folding::default(),
        tallies: Vec::new(),
    }
}

pub fn arrivals(numbers: Range<u64>) -> Vec<Arrival> {
    numbers.map(arrival).collect()
}

pub fn intake(arrivals: Vec<Arrival>) -> Intake {
    Intake {
        source: "follower".into(),
        received_at: at(0),
        filtered: 0,
        filtered_by: Vec::new(),
        malformed: Vec::new(),
        arrivals,
        checkpoint: Some("here".into()),
    }
}

pub fn claim(limit: usize) -> Claim {
    Claim {
        sink: "iris".into(),
        limit,
        per_agent: usize::MAX,
        now: at(10),
        lease: Duration::from_secs(60),
        probe: false,
    }
}

pub fn all_dead(claimed: &[Claimed]) -> Vec<Settlement> {
    settlements(
        claimed,
        &Verdict::Dead {
            why: "never".into(),
        },
    )
}

pub fn delivered() -> Verdict {
    Verdict::Delivered {
        id: "77".into(),
        link: None,
        adopted: false,
        changes: String::new(),
        job: None,
    }
}

pub fn settlements(claimed: &[Claimed], verdict: &Verdict) -> Vec<Settlement> {
    let settlement = |claimed: &Claimed| Settlement {
        delivery: claimed.delivery,
        fence: claimed.fence,
        at: at(11),
        verdict: verdict.clone(),
    };
    claimed.iter().map(settlement).collect()
}

/// The books balance.
pub fn sound(ledger: &dyn Ledger) {
    assert_eq!(wait(ledger.books(None)).faults, Vec::<String>::new());
}

/// Waits until it is so; fails after a time no machine needs.
pub fn until(mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !so() {
        assert!(Instant::now() < deadline, "it never came");
        std::thread::sleep(Duration::from_millis(5));
    }
}
