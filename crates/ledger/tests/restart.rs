//! What was acknowledged is there after a restart: positions, claims (in doubt), outcomes, pauses, turns.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use alertbridge_ledger::{Ledger, Pause, SqliteLedger};
use support::{arrivals, at, claim, delivered, intake, options, settlements, sound, wait};

#[test]
fn a_restart_forgets_nothing_and_doubts_what_was_begun() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = SqliteLedger::open(&path, options()).unwrap();
    wait(ledger.intake(intake(arrivals(1..4))));
    let claimed = wait(ledger.claim(claim(2)));
    wait(ledger.settle(settlements(&claimed[..1], &delivered())));
    let pause = Pause {
        sink: "jira".into(),
        lane: None,
        why: "no such project".into(),
        since: at(0),
        probe_at: at(60),
    };
    wait(ledger.pause(pause.clone()));
    drop(ledger);

    let ledger = SqliteLedger::open(&path, options()).unwrap();
    assert_eq!(wait(ledger.checkpoint("follower")).as_deref(), Some("here"));
    assert_eq!(
        wait(ledger.settle(settlements(&claimed, &delivered()))).stale,
        2
    );
    let again = wait(ledger.claim(claim(9)));
    let seen: Vec<_> = again
        .iter()
        .map(|claimed| (claimed.reference.as_str(), claimed.attempt, claimed.doubt))
        .collect();
    assert_eq!(seen, [("node:2", 2, true), ("node:3", 1, false)]);
    let status = wait(ledger.status());
    assert_eq!(status.pending, [("iris".to_owned(), 2)]);
    assert_eq!(status.oldest_pending, [("iris".to_owned(), at(0))]);
    assert_eq!(status.pauses, [pause]);
    sound(&ledger);
}
