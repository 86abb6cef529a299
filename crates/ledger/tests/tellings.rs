//! What every ledger promises about the counts it has told to sinks, run on each of them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use alertbridge_ledger::{Claim, Ledger, MemoryLedger, Pause, SqliteLedger, TellVerdict};
use support::{
    at, delivered, options,
    quiet::{bursting, ended, repeat, taken, tell, tellings, written},
    settlements, sound, wait,
};

fn on_each(promise: impl Fn(&dyn Ledger)) {
    let memory = MemoryLedger::new();
    promise(&memory);
    sound(&memory);
    let folder = tempfile::tempdir().unwrap();
    let sqlite = SqliteLedger::open(folder.path().join("ledger.db"), options()).unwrap();
    promise(&sqlite);
    sound(&sqlite);
}

const INTERVAL: Duration = Duration::from_secs(60);

fn deliver(ledger: &dyn Ledger, second: i64) {
    let claimed = wait(ledger.claim(Claim {
        now: at(second),
        ..support::claim(99)
    }));
    wait(ledger.settle(settlements(&claimed, &delivered())));
}

#[test]
fn a_count_is_told_once_its_alert_is_delivered_and_then_once_in_an_interval() {
    on_each(|ledger| {
        taken(ledger, 0, vec![repeat(1, 7), repeat(2, 7), repeat(3, 7)]);
        assert!(tellings(ledger, 1).is_empty(), "not delivered yet");
        deliver(ledger, 1);
        assert_eq!(wait(ledger.next_telling("iris", INTERVAL)), Some(at(11)));
        let first = tellings(ledger, 11).remove(0);
        assert_eq!(
            (first.group.folded, first.group.told, first.attempt),
            (2, 0, 1)
        );
        assert_eq!((first.id.as_str(), first.lane.as_str()), ("77", "1"));
        assert!(tellings(ledger, 11).is_empty(), "claimed");
        taken(ledger, 12, vec![repeat(4, 7)]);
        tell(ledger, &first, 13, written(&first));
        assert_eq!(wait(ledger.next_telling("iris", INTERVAL)), Some(at(73)));
        assert!(tellings(ledger, 72).is_empty());
        let second = tellings(ledger, 73).remove(0);
        assert_eq!((second.group.folded, second.group.told), (3, 2));
        tell(ledger, &second, 74, written(&second));
        assert_eq!(wait(ledger.next_telling("iris", INTERVAL)), None);
        taken(ledger, 75, vec![repeat(5, 7)]);
        assert_eq!(wait(ledger.next_telling("iris", INTERVAL)), Some(at(134)));
    });
}

#[test]
fn the_status_says_how_many_counts_wait_and_since_when() {
    on_each(|ledger| {
        let waiting = || {
            let status = wait(ledger.status());
            (status.tellings_waiting, status.oldest_telling)
        };
        let iris = |count| vec![("iris".to_owned(), count)];
        taken(
            ledger,
            0,
            vec![repeat(1, 7), repeat(2, 7), repeat(3, 8), repeat(4, 8)],
        );
        assert_eq!(waiting(), (iris(0), vec![]), "not delivered yet");
        // Delivered at second 11, as the settlements say.
        deliver(ledger, 1);
        assert_eq!(waiting(), (iris(2), vec![("iris".to_owned(), at(11))]));
        let told = tellings(ledger, 20);
        assert_eq!(waiting(), (iris(2), vec![("iris".to_owned(), at(20))]));
        for telling in &told {
            tell(ledger, telling, 21, written(telling));
        }
        assert_eq!(waiting(), (iris(0), vec![]));
        taken(ledger, 22, vec![repeat(5, 7)]);
        assert_eq!(waiting(), (iris(1), vec![("iris".to_owned(), at(21))]));
    });
}

#[test]
fn a_telling_that_was_lost_comes_back_and_settles_nothing() {
    on_each(|ledger| {
        taken(ledger, 0, vec![repeat(1, 7), repeat(2, 7)]);
        deliver(ledger, 1);
        let lost = tellings(ledger, 20).remove(0);
        wait(ledger.release(None));
        let again = tellings(ledger, 21).remove(0);
        assert_eq!((again.attempt, again.fence), (2, lost.fence + 1));
        assert_eq!(tell(ledger, &lost, 22, written(&lost)).stale, 1);
        // The lease is 30 s.
        let third = tellings(ledger, 52).remove(0);
        assert_eq!(third.attempt, 3);
        let retry = TellVerdict::Retry {
            due_at: at(90),
            why: "busy".into(),
        };
        assert_eq!(tell(ledger, &third, 53, retry).settled, 1);
        assert!(tellings(ledger, 89).is_empty());
        assert_eq!(tellings(ledger, 90)[0].attempt, 4);
    });
}

#[test]
fn what_waited_longest_is_told_first() {
    on_each(|ledger| {
        for key in 0..3 {
            taken(ledger, 0, vec![repeat(u64::from(key), key)]);
        }
        deliver(ledger, 1);
        for (second, key) in [(20, 2), (21, 0), (22, 1)] {
            taken(ledger, second, vec![repeat(10 + u64::from(key), key)]);
        }
        let order: Vec<_> = tellings(ledger, 30)
            .into_iter()
            .map(|one| one.reference)
            .collect();
        assert_eq!(order, ["node:2", "node:0", "node:1"]);
    });
}

#[test]
fn a_sink_that_cannot_take_a_count_ends_the_group_and_the_next_repeat_is_delivered() {
    on_each(|ledger| {
        taken(ledger, 0, vec![repeat(1, 7), repeat(2, 7)]);
        deliver(ledger, 1);
        let telling = tellings(ledger, 20).remove(0);
        let never = TellVerdict::GivenUp {
            why: "é".repeat(1_000),
        };
        tell(ledger, &telling, 21, never);
        let ended = wait(ledger.trace("node:1")).unwrap().group.unwrap();
        assert_eq!(ended.members, ["node:2"], "what was folded stays");
        assert_eq!(
            ended.ended.unwrap(),
            format!("can't be told: {}…", "é".repeat(100))
        );
        assert!(tellings(ledger, 1_000).is_empty());

        assert_eq!(taken(ledger, 22, vec![repeat(3, 7)]).folded, 0);
        let next = wait(ledger.claim(Claim {
            now: at(23),
            ..support::claim(9)
        }));
        assert_eq!(next[0].reference, "node:3");
        assert_eq!(next[0].continues, None);
        wait(ledger.settle(settlements(&next, &delivered())));
        assert_eq!(taken(ledger, 24, vec![repeat(4, 7)]).folded, 1);
        assert_eq!(tellings(ledger, 25)[0].reference, "node:3");
        assert_eq!(wait(ledger.status()).open_groups, 1);
    });
}

#[test]
fn a_digest_that_cannot_be_told_is_followed_by_another() {
    on_each(|ledger| {
        taken(ledger, 0, (0..4).map(bursting).collect());
        taken(ledger, 30, vec![bursting(4)]);
        deliver(ledger, 60);
        taken(ledger, 61, vec![bursting(5)]);
        let telling = tellings(ledger, 200).remove(0);
        let never = TellVerdict::GivenUp {
            why: "no such field".into(),
        };
        tell(ledger, &telling, 62, never);
        // The next period of the burst: two of it go out, then a digest.
        let report = taken(ledger, 63, (6..10).map(bursting).collect());
        assert_eq!((report.folded, report.digests), (2, 1));
    });
}

#[test]
fn a_paused_lane_is_told_nothing() {
    on_each(|ledger| {
        taken(ledger, 0, vec![repeat(1, 7), repeat(2, 7)]);
        deliver(ledger, 1);
        wait(ledger.pause(Pause {
            sink: "iris".into(),
            lane: Some("1".into()),
            why: "the key was refused".into(),
            since: at(5),
            probe_at: at(6),
        }));
        assert!(tellings(ledger, 20).is_empty());
        assert_eq!(wait(ledger.next_telling("iris", INTERVAL)), None);
        wait(ledger.resume("iris", Some("1"), false));
        assert_eq!(tellings(ledger, 21).len(), 1);
    });
}

#[test]
fn a_clock_set_back_puts_no_telling_off() {
    on_each(|ledger| {
        taken(ledger, 0, vec![repeat(1, 7), repeat(2, 7)]);
        deliver(ledger, 1);
        let told = tellings(ledger, 900_000).remove(0);
        tell(ledger, &told, 900_001, written(&told));
        taken(ledger, 50, vec![repeat(3, 7)]);
        assert_eq!(tellings(ledger, 51).len(), 1);
    });
}

#[test]
fn a_digest_shows_its_count_as_it_is_delivered_and_is_told_what_comes_later() {
    on_each(|ledger| {
        taken(ledger, 0, (0..5).map(bursting).collect());
        taken(ledger, 30, vec![bursting(5)]);
        deliver(ledger, 60);
        assert_eq!(wait(ledger.next_telling("iris", INTERVAL)), None);
        taken(ledger, 61, vec![bursting(6)]);
        // Delivered at second 11, as the settlement says.
        assert_eq!(wait(ledger.next_telling("iris", INTERVAL)), Some(at(71)));
        let telling = tellings(ledger, 71).remove(0);
        assert_eq!((telling.group.told, telling.group.folded), (4, 5));
    });
}

#[test]
fn a_digest_in_doubt_counts_as_told_what_its_first_attempt_said() {
    on_each(|ledger| {
        taken(ledger, 0, (0..4).map(bursting).collect());
        let at_60 = Claim {
            now: at(60),
            ..support::claim(99)
        };
        wait(ledger.claim(at_60.clone()));
        taken(ledger, 60, vec![bursting(4)]);
        wait(ledger.release(None));
        let again = wait(ledger.claim(at_60));
        let digest = again.iter().find_map(|claimed| claimed.digest.clone());
        assert_eq!(digest.unwrap().folded, 3);
        wait(ledger.settle(settlements(&again, &delivered())));
        let telling = tellings(ledger, 200).remove(0);
        assert_eq!((telling.group.told, telling.group.folded), (2, 3));
    });
}

#[test]
fn a_closed_alert_with_nothing_untold_is_named_by_the_next_of_its_key() {
    on_each(|ledger| {
        taken(ledger, 0, vec![repeat(1, 7), repeat(2, 7)]);
        deliver(ledger, 1);
        let told = tellings(ledger, 20).remove(0);
        tell(ledger, &told, 21, written(&told));
        taken(ledger, 22, vec![repeat(3, 7)]);
        let told = tellings(ledger, 90).remove(0);
        wait(ledger.prune(alertbridge_ledger::Prune {
            now: at(91),
            payloads_after: Duration::from_secs(1_000),
            quiet_payloads_after: Duration::from_secs(1),
            references_after: Duration::from_secs(1_000),
            limit: 100,
        }));
        // What is not told has no bytes left to be sent with.
        tell(ledger, &told, 92, ended());
        assert_eq!(taken(ledger, 93, vec![repeat(4, 7)]).folded, 0);
        let next = wait(ledger.claim(Claim {
            now: at(94),
            ..support::claim(9)
        }));
        assert_eq!(next[0].continues.as_ref().unwrap().id, "77");
        assert_eq!(taken(ledger, 95, vec![repeat(5, 7)]).folded, 1);
    });
}

#[test]
fn a_closed_digest_goes_on_as_a_digest() {
    on_each(|ledger| {
        taken(ledger, 0, (0..4).map(bursting).collect());
        taken(ledger, 30, vec![bursting(4)]);
        deliver(ledger, 60);
        taken(ledger, 61, vec![bursting(5), bursting(6)]);
        let telling = tellings(ledger, 200).remove(0);
        tell(ledger, &telling, 110, ended());
        let next = wait(ledger.claim(Claim {
            now: at(111),
            ..support::claim(9)
        }));
        let group = next[0].digest.clone().unwrap();
        assert_eq!(next[0].reference, "node:5+digest");
        assert_eq!(group.members, ["node:5", "node:6"]);
        assert_eq!((group.folded, group.told), (2, 0));
        assert_eq!(next[0].continues.as_ref().unwrap().why, "closed");
        assert_eq!(taken(ledger, 115, vec![bursting(7)]).folded, 1);
    });
}
