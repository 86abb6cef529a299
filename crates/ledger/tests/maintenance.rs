//! Opening what can't be used, and looking after the file: each says what is wrong and what to do, and touches nothing it
//! should not.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{
    fs::{self, File},
    os::unix::fs::{FileExt, PermissionsExt},
    path::Path,
};

use alertbridge_ledger::{Ledger, LedgerError, SqliteLedger, backup, check, vacuum};
use support::{arrivals, intake, options, sound, wait};

/// A ledger with some alerts, closed again.
fn filled(path: &Path) {
    let ledger = SqliteLedger::open(path, options()).unwrap();
    wait(ledger.intake(intake(arrivals(0..200))));
    drop(ledger);
    // Closing may leave the log behind (the next start reads it); the tests want all of it in the file.
    let raw = rusqlite::Connection::open(path).unwrap();
    let busy: bool = raw
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .unwrap();
    assert!(!busy);
}

#[test]
fn two_daemons_never_write_one_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let first = SqliteLedger::open(&path, options()).unwrap();
    let second = SqliteLedger::open(&path, options()).err();
    assert_eq!(
        second,
        Some(LedgerError::InUse {
            path: path.display().to_string()
        })
    );
    drop(first);
    assert!(SqliteLedger::open(&path, options()).is_ok());
}

#[test]
fn alerts_are_written_to_files_that_not_everyone_may_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let copy = folder.path().join("copy.db");
    let ledger = SqliteLedger::open(&path, options()).unwrap();
    wait(ledger.intake(intake(arrivals(0..2))));
    backup(&path, &copy).unwrap();
    let log = folder.path().join("ledger.db-wal");
    for file in [&path, &log, &copy] {
        let mode = fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o137, 0, "{} {mode:o}", file.display());
    }
}

#[test]
fn a_ledger_of_a_newer_program_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    filled(&path);
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.pragma_update(None, "user_version", 99).unwrap();
    for error in [
        SqliteLedger::open(&path, options()).err(),
        SqliteLedger::open_reader(&path).err(),
        SqliteLedger::open_writer(&path, options()).err(),
    ] {
        assert!(
            matches!(error, Some(LedgerError::Newer { found: 99, .. })),
            "{error:?}"
        );
    }
    let version: u32 = raw
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(version, 99);
}

#[test]
fn a_file_that_is_no_database_is_called_damaged_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    fs::write(
        &path,
        "this is somebody's shopping list, and it is long enough ".repeat(100),
    )
    .unwrap();
    let error = SqliteLedger::open(&path, options()).err().unwrap();
    assert!(matches!(error, LedgerError::Damaged { .. }), "{error:?}");
    assert!(error.to_string().contains(".recover"), "{error}");
}

#[test]
fn another_programs_database_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.execute_batch("CREATE TABLE shopping (item TEXT)")
        .unwrap();
    let error = SqliteLedger::open(&path, options()).err().unwrap();
    assert!(
        error.to_string().contains("another program's database"),
        "{error}"
    );
    let tables: i64 = raw
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .unwrap();
    assert_eq!(tables, 1);
}

#[test]
fn damage_inside_of_the_file_is_found_before_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    filled(&path);
    let file = File::options().write(true).open(&path).unwrap();
    let pages = file.metadata().unwrap().len() / 4096;
    for page in 2..pages {
        file.write_all_at(&[0xa5; 512], page * 4096).unwrap();
    }
    let error = SqliteLedger::open(&path, options()).err().unwrap();
    assert!(matches!(error, LedgerError::Damaged { .. }), "{error:?}");
    let report = check(&path, true).unwrap();
    assert!(!report.damage.is_empty());
}

#[test]
fn a_large_damaged_file_is_opened_at_once_and_the_alarm_follows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    filled(&path);
    // Large by its size on disk: free pages behind the data, as a drained backlog leaves them.
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.execute_batch(
        "CREATE TABLE filler (body BLOB); INSERT INTO filler VALUES (zeroblob(70 << 20));",
    )
    .unwrap();
    drop(raw);
    let page = {
        let raw = rusqlite::Connection::open(&path).unwrap();
        let root: u32 = raw
            .query_row(
                "SELECT rootpage FROM sqlite_schema WHERE name = 'malformed'",
                [],
                |row| row.get(0),
            )
            .unwrap();
        u64::from(root)
    };
    let file = File::options().write(true).open(&path).unwrap();
    file.write_all_at(&[0xa5; 512], (page - 1) * 4096).unwrap();
    let ledger = SqliteLedger::open(&path, options()).unwrap();
    support::until(|| ledger.damage().is_some());
}

#[test]
fn damaged_bytes_of_one_alert_become_a_dead_letter_and_stop_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    filled(&path);
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.execute_batch(
        "UPDATE payload SET body = x'f0ff', codec = 1 WHERE alert = 1;
         UPDATE payload SET size = -1 WHERE alert = 2;
         DELETE FROM payload WHERE alert = 3;
         UPDATE payload SET size = 1 << 60 WHERE alert = 4;",
    )
    .unwrap();
    drop(raw);
    let ledger = SqliteLedger::open(&path, options()).unwrap();
    let claimed = wait(ledger.claim(support::claim(10)));
    let first: Vec<i64> = claimed.iter().map(|claimed| claimed.delivery).collect();
    assert_eq!(first, [5, 6, 7, 8, 9, 10]);
    let letters = wait(ledger.dead_letters(None, 10));
    let ids: Vec<&str> = letters.iter().map(|letter| letter.id.as_str()).collect();
    assert_eq!(ids, ["d1", "d2", "d3", "d4"]);
    sound(&ledger);
}

#[test]
fn a_backup_beside_a_running_daemon_is_whole_and_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let copy = folder.path().join("copy.db");
    let ledger = SqliteLedger::open(&path, options()).unwrap();
    wait(ledger.intake(intake(arrivals(0..500))));
    let writing = std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            for batch in 0..50 {
                wait(ledger.intake(intake(arrivals(500 + batch * 10..510 + batch * 10))));
            }
        });
        backup(&path, &copy).unwrap();
        writing.join()
    });
    writing.unwrap();
    let report = check(&copy, true).unwrap();
    assert!(report.is_sound(), "{report:?}");
    let before = fs::metadata(&copy).unwrap().len();
    let error = backup(&path, &copy).unwrap_err();
    assert!(error.to_string().contains("exists already"), "{error}");
    assert_eq!(fs::metadata(&copy).unwrap().len(), before);

    let restored = SqliteLedger::open(&copy, options()).unwrap();
    let books = wait(restored.books(None));
    assert!(books.sources[0].routed >= 500 && books.sources[0].routed.is_multiple_of(10));
    let names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains(".part"))
        .collect();
    assert_eq!(names, Vec::<String>::new());
}

#[test]
fn vacuum_makes_the_file_small_and_waits_for_no_daemon() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    filled(&path);
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.execute_batch("CREATE TABLE filler (body BLOB); INSERT INTO filler VALUES (zeroblob(4 << 20)); DROP TABLE filler;")
        .unwrap();
    drop(raw);
    let before = fs::metadata(&path).unwrap().len();
    let ledger = SqliteLedger::open(&path, options()).unwrap();
    assert!(matches!(vacuum(&path), Err(LedgerError::InUse { .. })));
    drop(ledger);
    vacuum(&path).unwrap();
    assert!(fs::metadata(&path).unwrap().len() + (4 << 20) <= before);
    assert!(check(&path, true).unwrap().is_sound());
}

#[test]
fn check_finds_counters_that_do_not_fit_the_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    filled(&path);
    assert!(check(&path, false).unwrap().is_sound());
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.execute_batch("DELETE FROM payload WHERE alert = 7; DELETE FROM alert WHERE id = 7;")
        .unwrap();
    let report = check(&path, false).unwrap();
    assert!(
        report
            .dangling
            .iter()
            .any(|found| found.starts_with("delivery 7: its alert is missing"))
    );
    assert!(
        report
            .faults
            .iter()
            .any(|fault| fault.contains("routed 200, alerts stored 199")),
        "{report:?}"
    );
}

#[test]
fn the_command_line_reads_and_handles_dead_letters_beside_the_daemon() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let daemon = SqliteLedger::open(&path, options()).unwrap();
    wait(daemon.intake(intake(arrivals(0..3))));
    let claimed = wait(daemon.claim(support::claim(3)));
    wait(daemon.settle(support::all_dead(&claimed)));

    let reader = SqliteLedger::open_reader(&path).unwrap();
    assert_eq!(wait(reader.dead_letters(None, 10)).len(), 3);
    assert_eq!(wait(reader.checkpoint("follower")).as_deref(), Some("here"));
    assert_eq!(wait(reader.status()).dead_letters, 3);
    sound(&reader);
    let refused = reader
        .dismiss("d1", support::at(9))
        .blocking_recv()
        .unwrap();
    assert!(matches!(refused, Err(LedgerError::Unusable { .. })));

    let writer = SqliteLedger::open_writer(&path, options()).unwrap();
    assert!(wait(writer.replay("d2", support::at(9))));
    assert!(!wait(writer.replay("d2", support::at(9))));
    assert!(wait(writer.dismiss("d3", support::at(9))));
    let again = wait(daemon.claim(support::claim(3)));
    assert_eq!(again.len(), 1);
    assert_eq!(
        (again[0].delivery, again[0].doubt, again[0].attempt),
        (2, true, 2)
    );
    sound(&daemon);
}
