//! Alerts that may be counted into others, and tellings.

use std::time::Duration;

use alertbridge_ledger::{
    Arrival, Budget, Burst, Collected, Folding, Intake, IntakeReport, Ledger, Repeat, Settled,
    TellClaim, TellVerdict, Telling, Told,
};

use super::{arrival, at, intake, wait};

/// One of a kind that is folded for 100 s after the last, 250 s after the first.
pub fn repeat(number: u64, key: u8) -> Arrival {
    Arrival {
        folding: Folding {
            repeat: Some(Repeat {
                key: [key; 16],
                window: Duration::from_secs(100),
                longest_life: Duration::from_secs(250),
            }),
            ..Folding::default()
        },
        ..arrival(number)
    }
}

/// A repeat with a value of its own.
pub fn collecting(number: u64, value: u64) -> Arrival {
    let mut arrival = repeat(number, 7);
    arrival.folding.collected = vec![Collected {
        label: "source IPs".into(),
        value: format!("10.0.0.{value}"),
    }];
    arrival
}

/// One of a burst of which two go out within 60 s.
pub fn bursting(number: u64) -> Arrival {
    Arrival {
        folding: Folding {
            burst: Some(Burst {
                key: [1; 16],
                limit: 2,
                period: Duration::from_secs(60),
            }),
            ..Folding::default()
        },
        ..arrival(number)
    }
}

/// One charged to a budget of three in 100 s.
pub fn budgeted(number: u64) -> Arrival {
    Arrival {
        folding: Folding {
            budgets: vec![Budget {
                name: "iris".into(),
                key: [2; 16],
                digest_key: [3; 16],
                limit: 3,
                period: Duration::from_secs(100),
                wait: Duration::from_secs(30),
            }],
            ..Folding::default()
        },
        ..arrival(number)
    }
}

pub fn taken(ledger: &dyn Ledger, second: i64, arrivals: Vec<Arrival>) -> IntakeReport {
    wait(ledger.intake(Intake {
        received_at: at(second),
        ..intake(arrivals)
    }))
}

/// Claims all counts that may be told now, once a minute each, for 30 s.
pub fn tellings(ledger: &dyn Ledger, second: i64) -> Vec<Telling> {
    wait(ledger.claim_tellings(TellClaim {
        sink: "iris".into(),
        limit: 99,
        now: at(second),
        interval: Duration::from_secs(60),
        lease: Duration::from_secs(30),
    }))
}

pub fn tell(ledger: &dyn Ledger, telling: &Telling, second: i64, verdict: TellVerdict) -> Settled {
    wait(ledger.settle_tellings(vec![Told {
        delivery: telling.delivery,
        fence: telling.fence,
        at: at(second),
        verdict,
    }]))
}

pub fn written(telling: &Telling) -> TellVerdict {
    TellVerdict::Written {
        folded: telling.group.folded,
    }
}

pub fn ended() -> TellVerdict {
    TellVerdict::Ended {
        why: "closed".into(),
    }
}
