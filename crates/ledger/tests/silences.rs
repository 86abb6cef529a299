//! Silences are one list for all processes: whoever changes it, all see the same, and can tell that it changed.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use alertbridge_ledger::{
    KEPT_SILENCES, Ledger, LedgerError, MemoryLedger, Prune, Silence, SqliteLedger,
};
use proptest::prelude::*;
use support::{at, options, wait};

const DAY: i64 = 24 * 3600;
const AGES: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

fn silence(id: &str, starts: i64, ends: i64) -> Silence {
    Silence {
        id: id.into(),
        matchers: "rule.id = 5710".into(),
        starts_at: at(starts),
        ends_at: at(ends),
        created_by: "ana".into(),
        comment: "the scanner".into(),
        created_at: at(starts),
        hits: 0,
        last_hit: None,
    }
}

fn prune(now: i64) -> Prune {
    Prune {
        now: at(now),
        payloads_after: AGES,
        quiet_payloads_after: AGES,
        references_after: AGES,
        limit: 100,
    }
}

fn ids(ledger: &dyn Ledger) -> Vec<String> {
    let silences = wait(ledger.silences());
    silences.into_iter().map(|silence| silence.id).collect()
}

fn on_each(promise: impl Fn(&dyn Ledger)) {
    promise(&MemoryLedger::new());
    let folder = tempfile::tempdir().unwrap();
    promise(&SqliteLedger::open(folder.path().join("ledger.db"), options()).unwrap());
}

#[test]
fn a_silence_comes_back_as_it_was_made_and_those_that_end_first_stand_at_the_head() {
    on_each(|ledger| {
        assert_eq!(wait(ledger.silences()), []);
        let made = Silence {
            matchers: "{rule.id=\"5710\", agent.name!=\"løb\u{202e}01\"}".into(),
            comment: "line one\nline two \u{0} <script>".into(),
            ..silence("b", 0, 200)
        };
        wait(ledger.put_silence(made.clone()));
        wait(ledger.put_silence(silence("a", 5, 100)));
        wait(ledger.put_silence(silence("c", 5, 100)));
        assert_eq!(
            wait(ledger.silences()),
            [silence("a", 5, 100), silence("c", 5, 100), made]
        );
    });
}

#[test]
fn a_silence_of_the_same_id_replaces_the_other() {
    on_each(|ledger| {
        wait(ledger.put_silence(silence("a", 0, 100)));
        wait(ledger.put_silence(silence("a", 0, 300)));
        assert_eq!(wait(ledger.silences()), [silence("a", 0, 300)]);
    });
}

#[test]
fn what_a_silence_claims_to_have_silenced_is_not_believed() {
    on_each(|ledger| {
        wait(ledger.put_silence(Silence {
            hits: 9,
            last_hit: Some(at(1)),
            ..silence("a", 0, 100)
        }));
        assert_eq!(wait(ledger.silences()), [silence("a", 0, 100)]);
    });
}

#[test]
fn an_active_silence_ends_now_one_to_come_never_begins_and_an_ended_one_stays() {
    on_each(|ledger| {
        wait(ledger.put_silence(silence("active", 0, 100)));
        wait(ledger.put_silence(silence("to come", 50, 200)));
        wait(ledger.put_silence(silence("ended", 0, 10)));
        assert!(wait(ledger.expire_silence("active", at(10))));
        assert!(wait(ledger.expire_silence("to come", at(10))));
        assert!(!wait(ledger.expire_silence("ended", at(10))));
        assert!(
            !wait(ledger.expire_silence("active", at(10))),
            "it has ended"
        );
        assert!(!wait(ledger.expire_silence("nobody's", at(10))));
        assert_eq!(
            wait(ledger.silences()),
            [
                silence("active", 0, 10),
                silence("ended", 0, 10),
                Silence {
                    starts_at: at(10),
                    ends_at: at(10),
                    ..silence("to come", 50, 0)
                },
            ]
        );
    });
}

#[test]
fn an_ended_silence_is_kept_for_thirty_days() {
    assert_eq!(KEPT_SILENCES, Duration::from_secs(30 * 86_400));
    on_each(|ledger| {
        wait(ledger.put_silence(silence("old", 0, 100)));
        wait(ledger.put_silence(silence("young", 0, 101)));
        let before = wait(ledger.silences_version());
        wait(ledger.prune(prune(100 + 30 * DAY)));
        assert_eq!(wait(ledger.silences_version()), before);
        wait(ledger.prune(prune(101 + 30 * DAY)));
        assert_eq!(ids(ledger), ["young"]);
        assert!(wait(ledger.silences_version()) > before);
    });
}

#[test]
fn every_process_sees_what_another_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let daemon = SqliteLedger::open(&path, options()).unwrap();
    let command = SqliteLedger::open_writer(&path, options()).unwrap();
    let reader = SqliteLedger::open_reader(&path).unwrap();
    let mut seen = wait(daemon.silences_version());
    let mut rises = || {
        let now = wait(daemon.silences_version());
        assert_eq!(now, wait(reader.silences_version()));
        std::mem::replace(&mut seen, now) < now
    };
    assert!(!rises());
    wait(command.put_silence(silence("a", 0, 100)));
    assert!(rises());
    assert_eq!(ids(&daemon), ["a"]);
    assert!(!wait(command.expire_silence("b", at(0))));
    assert!(!rises(), "nothing was changed");
    assert!(wait(command.expire_silence("a", at(1))));
    assert!(rises());
    assert_eq!(wait(daemon.silences())[0].ends_at, at(1));
    assert_eq!(wait(reader.silences())[0].ends_at, at(1));
    let refused = reader.put_silence(silence("c", 0, 1)).blocking_recv();
    assert!(matches!(
        refused.unwrap(),
        Err(LedgerError::Unusable { .. })
    ));
}

#[derive(Clone, Debug)]
enum Action {
    Expire(u8),
    Pass(i64),
    Prune,
    Put { id: u8, starts: i64, lasts: i64 },
    Reopen,
}

fn actions() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (0..4u8, -DAY..DAY, 0..40 * DAY)
            .prop_map(|(id, starts, lasts)| Action::Put { id, starts, lasts }),
        3 => (0..4u8).prop_map(Action::Expire),
        2 => (0..20 * DAY).prop_map(Action::Pass),
        2 => Just(Action::Prune),
        1 => Just(Action::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Two writers of one file, each second change by the other, agree with the model after every step; the version rises
    /// exactly where the list changed or something was put.
    #[test]
    fn two_processes_and_the_model_agree(drawn in prop::collection::vec(actions(), 1..40)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let model = MemoryLedger::new();
        let mut daemon = SqliteLedger::open(&path, options()).unwrap();
        let command = SqliteLedger::open_writer(&path, options()).unwrap();
        let mut now = 0;
        for (step, action) in drawn.into_iter().enumerate() {
            let sqlite: &SqliteLedger = if step % 2 == 0 { &daemon } else { &command };
            let before = (wait(model.silences()), wait(model.silences_version()));
            let mut put = false;
            match action {
                Action::Put { id, starts, lasts } => {
                    put = true;
                    let silence = silence(&id.to_string(), now + starts, now + starts + lasts);
                    wait(model.put_silence(silence.clone()));
                    wait(sqlite.put_silence(silence));
                }
                Action::Expire(id) => {
                    let id = id.to_string();
                    let expected = wait(model.expire_silence(&id, at(now)));
                    prop_assert_eq!(wait(sqlite.expire_silence(&id, at(now))), expected);
                }
                Action::Pass(seconds) => now += seconds,
                Action::Prune => {
                    wait(model.prune(prune(now)));
                    wait(sqlite.prune(prune(now)));
                }
                Action::Reopen => {
                    drop(daemon);
                    daemon = SqliteLedger::open(&path, options()).unwrap();
                }
            }
            let after = (wait(model.silences()), wait(model.silences_version()));
            prop_assert_eq!(after.1 > before.1, put || after.0 != before.0);
            for sqlite in [&daemon, &command] {
                prop_assert_eq!(&wait(sqlite.silences()), &after.0);
                prop_assert_eq!(wait(sqlite.silences_version()), after.1);
            }
        }
    }
}
