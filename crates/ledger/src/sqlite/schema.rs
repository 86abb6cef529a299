//! The tables of the SQLite ledger, and the way from an older version of them to this one.
//!
//! Times are milliseconds since 1970 UTC, hours are whole hours since 1970 UTC.
//!
//! | table | one row is | columns worth a word |
//! |---|---|---|
//! | `sequence` | (one row) | numbers are never used twice: the next `alert.id` and `delivery.id` are the highest in use + 1, but not below these, which are written when rows are pruned (and not with each intake: one page less in each of its commits) |
//! | `source` | a source | `checkpoint`: its position, written with the alerts before it |
//! | `sink`, `lane`, `agent` | a name | `lane.turn`: rises with each claim given from the lane, so that lanes take turns |
//! | `alert` | an alert kept, or a digest | `reference` is unique; `outcome` 0 routed, 1 silenced (`silenced_by`: a `rule_hit`), 2 folded (into `fold`); `fold` of a routed one: its group, where that is not simply the one of its own number; `agent` is NULL in rows from version 1 (its deliveries have it); `copies`: further copies seen; `open`: deliveries neither delivered nor handled; `first_delivery`, `deliveries`: its deliveries have the numbers from there on; `finished_at`: set when `open` became 0; `kept`: its payload is still there, 1 of a routed one, 2 of another |
//! | `payload` | an alert's bytes | `codec` 0 raw, 1 LZ4 block; `size` before compression |
//! | `delivery` | an alert on its way to a sink | `state` 0 ready, 1 waiting for `due_at`, 2 claimed, 3 delivered, 4 dead; `outcome` 0 pending (states 0–2), 1 delivered, 2 dead; `attempts`, `blamed`, `doubt`, `fence` as in `Claimed`; `proof_*`, `changes`, `adopted` of a delivered one; `why` of the last retry or the death; `handled_at` of a dead one |
//! | `malformed` | what was no alert | `place`: where it stood |
//! | `source_hour` | counters of a source in an hour | `forgotten`, `malformed_forgotten`: rows pruned since, so that counters and rows can still be compared (`forgotten` of routed ones, `silenced_forgotten`, `folded_forgotten` likewise) |
//! | `sink_hour` | counters of a sink in an hour of reception | `delivered_forgotten`, `dead_forgotten`: likewise |
//! | `fold` | a group of alerts counted into one | `id`: the number of the alert that opened it; `kind` 0 repeats, 1 burst, 2 budget; `parent`: the alert the others are counted into; `key`: NULL once nothing is folded into it; `until`: when it ends by age; `fields`: what varies (see `distinct`), NULL for nothing; `ended_by`: the delivery whose sink has closed it |
//! | `continues` | a group that goes on from an alert closed at a sink | |
//! | `telling` | a delivered alert's count on its way to the sink | by delivery; `state` 0 nothing to tell, 1 to be told from `at` on, 2 claimed, 3 never again, 4 to be told an interval after `at` (when it was told last), 5 of a digest not delivered yet; `told`: the count the sink shows |
//! | `burst`, `budget` | what was routed since a time | forgotten once `until` is past, by the next prune |
//! | `rule_hit`, `rule_hour` | how often a rule took an alert, in all and by hour | |
//! | `quiet` | (one row) | `crowded_out`: groups that left before their time |
//! | `pause` | a lane or sink that waits for the operator | `whole` 1: all of the sink (then `lane` is empty) |
//! | `silence` | a silence; hits are in `rule_hit` | until `ends_at`, not included |
//! | `silence_version` | (one row) | raised with each change of a silence |
//! | `attempt` | an attempt that did not deliver, or told a count | `number` counts up within a delivery; of many the first and the last ones are kept |
//! | `tally` | what is counted with alerts, to be reported | `state` 0 waiting, 1 claimed, 2 ended; its count changes while `begun` is 0 |
//! | `job` | an alert that a model is to look at | `state` 0 ready, 1 waiting for `due_at`, 2 claimed, 3 reviewed, 4 failed, 5 skipped; `sink` and `alert_id` are the sink's words, `answered`: it has a `job_answer`; `opinion_before`: said of the verdict before `again` |
//! | `job_answer` | a model's answer | as `payload` |
//! | `seen` | how many alerts of a rule came from an agent in an hour | hour first: all that is written goes into a few pages |
//!
//! Names (`source`, `sink`, `lane`, `agent`) are never pruned: whether an agent is still referred to could only be told by an
//! index on `delivery.agent` that every intake would have to keep, to save about 40 bytes a name, against some 2 KB for each
//! alert.
//!
//! The partial indexes are what keeps claims fast: a lane's ready deliveries by age and by agent, its waiting ones by due
//! time, and the claimed ones are each found without reading any other. `delivery.alert` is no foreign key: its check would
//! need one more index on the busiest table; `check` verifies it instead.

use rusqlite::Connection;

use super::{error::SqlError, migrations::MIGRATIONS};
use crate::LedgerError;

/// The newest version this program knows.
pub(super) const KNOWN: u32 = MIGRATIONS.len() as u32;

/// The version of a database; refuses one that a newer program wrote.
pub(super) fn version(connection: &Connection) -> Result<u32, SqlError> {
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > KNOWN {
        return Err(SqlError::Refused(LedgerError::Newer {
            found,
            known: KNOWN,
        }));
    }
    Ok(found)
}

/// Brings a database to the newest version, each step in a transaction of its own.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), SqlError> {
    let mut at = version(connection)?;
    if at == 0 {
        refuse_foreign(connection)?;
    }
    for step in &MIGRATIONS[at as usize..] {
        at += 1;
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", at)?;
        transaction.commit()?;
    }
    Ok(())
}

/// A database without a version must be an empty one.
fn refuse_foreign(connection: &Connection) -> Result<(), SqlError> {
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 {
        return Ok(());
    }
    Err(SqlError::Refused(LedgerError::Unusable {
        detail:
            "this is another program's database; give the ledger a file of its own in `ledger.path`"
                .into(),
    }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::path::Path;

    use jiff::Timestamp;

    use super::{super::migrations::VERSION_1, *};
    use crate::{Claim, Ledger, OpenOptions, Prune, Receipt, SqliteLedger, check};

    /// A file as the first version left it: one alert delivered, one dead, one pending, and what it read that was none.
    fn first_version(path: &Path) {
        let connection = Connection::open(path).unwrap();
        connection.execute_batch(VERSION_1).unwrap();
        connection
            .execute_batch(
                "PRAGMA user_version = 1;
                 INSERT INTO source VALUES (1, 'follower', 'byte 9');
                 INSERT INTO sink VALUES (1, 'iris');
                 INSERT INTO lane VALUES (1, 1, '1', 4);
                 INSERT INTO agent VALUES (1, 'web-1');
                 INSERT INTO alert VALUES (1, 'node:1', zeroblob(16), 1, 0, 0, 5, '5710', 1, 1, 0, 1, 9);
                 INSERT INTO alert VALUES (2, 'node:2', zeroblob(16), 1, 0, 0, 5, '5710', 2, 1, 1, 1, NULL);
                 INSERT INTO alert VALUES (3, 'node:3', zeroblob(16), 1, 0, 0, 5, '5710', 3, 1, 1, 1, NULL);
                 INSERT INTO payload SELECT id, 0, 2, x'7b7d' FROM alert;
                 INSERT INTO delivery (id, alert, sink, lane, agent, hour, outcome, state, finished_at, proof_id)
                    VALUES (1, 1, 1, 1, 1, 0, 1, 3, 9, '77'), (2, 2, 1, 1, 1, 0, 2, 4, 9, NULL),
                        (3, 3, 1, 1, 1, 0, 0, 0, NULL, NULL);
                 INSERT INTO source_hour (hour, source, received, filtered, routed) VALUES (0, 1, 5, 2, 3);
                 INSERT INTO sink_hour (hour, sink, routed, delivered, dead, pending) VALUES (0, 1, 3, 1, 1, 1);",
            )
            .unwrap();
    }

    fn wait<T>(receipt: Receipt<T>) -> T {
        receipt.blocking_recv().unwrap().unwrap()
    }

    #[test]
    fn a_file_of_the_first_version_goes_on_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        first_version(&path);
        assert!(matches!(
            SqliteLedger::open_reader(&path),
            Err(LedgerError::Unusable { .. })
        ));
        let ledger = SqliteLedger::open(&path, OpenOptions::new(|| Timestamp::UNIX_EPOCH)).unwrap();
        assert!(check(&path, true).unwrap().is_sound());
        let trace = wait(ledger.trace("node:1")).unwrap();
        assert_eq!(trace.agent, "web-1");
        let seen = wait(ledger.seen("5710", "web-1", Timestamp::UNIX_EPOCH));
        assert_eq!((seen.alerts, seen.agents, seen.here), (3, 1, 3));
        assert_eq!(seen.first, Some(Timestamp::UNIX_EPOCH));
        let now = Timestamp::from_second(100_000).unwrap();
        let claimed = wait(ledger.claim(Claim {
            sink: "iris".into(),
            limit: 9,
            per_agent: 9,
            now,
            lease: std::time::Duration::from_secs(60),
            probe: false,
        }));
        assert_eq!(
            (claimed.len(), claimed[0].reference.as_str()),
            (1, "node:3")
        );
        let prune = Prune {
            now,
            payloads_after: std::time::Duration::from_secs(1),
            quiet_payloads_after: std::time::Duration::from_secs(1),
            references_after: std::time::Duration::from_secs(1),
            limit: 9,
        };
        assert_eq!(wait(ledger.prune(prune)).references, 1);
        assert!(check(&path, true).unwrap().is_sound());
    }
}
