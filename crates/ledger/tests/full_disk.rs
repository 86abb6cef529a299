//! While the disk takes nothing, nothing is acknowledged, everyone waits, the reason is told, and when space returns it goes
//! on by itself with nothing lost and nothing doubled.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use alertbridge_ledger::{Intake, Ledger, LedgerError, OpenOptions, SqliteLedger};
use support::{arrival, at, intake, options, sound, until, wait};
use tokio::sync::oneshot::error::TryRecvError;

/// Numbered alerts that can't be compressed, 64 KiB each.
fn heavy(number: u64) -> Intake {
    let mut alert = arrival(number);
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    alert.payload = (0..64 << 10)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
        .collect();
    let mut intake = intake(vec![alert]);
    intake.checkpoint = Some(number.to_string());
    intake
}

/// Fills the ledger until it stalls, looks at it, makes space, and sees everything done.
fn stalls_and_goes_on(path: &Path, options: OpenOptions, make_space: impl FnOnce()) {
    let ledger = SqliteLedger::open(path, options).unwrap();
    let mut acknowledged = 0;
    let mut stuck = loop {
        let mut receipt = ledger.intake(heavy(acknowledged));
        let mut answer = Err(TryRecvError::Empty);
        until(|| {
            answer = receipt.try_recv();
            answer.is_ok() || wait(ledger.status()).stalled.is_some()
        });
        match answer {
            Ok(report) => assert_eq!(report.unwrap().stored, 1),
            Err(_) => break receipt,
        }
        acknowledged += 1;
        assert!(acknowledged < 10_000, "the disk never became full");
    };
    let (since, why) = wait(ledger.status()).stalled.unwrap();
    assert_eq!(since, at(0));
    assert!(why.contains("full"), "{why}");
    assert_eq!(
        stuck.try_recv(),
        Err(TryRecvError::Empty),
        "acknowledged on a full disk"
    );

    // What was acknowledged before can still be read, and is all there is.
    let books = wait(ledger.books(None));
    assert_eq!(books.faults, Vec::<String>::new());
    assert_eq!(
        books
            .sources
            .iter()
            .map(|source| source.routed)
            .sum::<u64>(),
        acknowledged
    );

    let behind = ledger.intake(heavy(acknowledged + 1));
    make_space();
    assert_eq!(wait(stuck).stored, 1);
    assert_eq!(wait(behind).stored, 1);
    assert_eq!(wait(ledger.status()).stalled, None);
    let checkpoint = wait(ledger.checkpoint("follower"));
    assert_eq!(checkpoint, Some((acknowledged + 1).to_string()));
    sound(&ledger);
    drop(ledger);

    let ledger = SqliteLedger::open(path, support::options()).unwrap();
    assert_eq!(wait(ledger.books(None)).sources[0].routed, acknowledged + 2);
    for number in 0..acknowledged + 2 {
        assert_eq!(wait(ledger.intake(heavy(number))).duplicates, 1);
    }
}

/// A ledger that may not grow, with free space in it held by a table that can be dropped.
fn at_its_limit(path: &Path) -> (rusqlite::Connection, OpenOptions) {
    drop(SqliteLedger::open(path, options()).unwrap());
    let other = rusqlite::Connection::open(path).unwrap();
    other
        .execute_batch(
            "CREATE TABLE filler (body BLOB); INSERT INTO filler VALUES (zeroblob(4 << 20));",
        )
        .unwrap();
    let pages: u32 = other
        .pragma_query_value(None, "page_count", |row| row.get(0))
        .unwrap();
    (
        other,
        OpenOptions {
            max_pages: Some(pages + 100),
            ..options()
        },
    )
}

#[test]
fn a_database_at_its_limit_stalls_and_goes_on_when_there_is_space() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let (other, options) = at_its_limit(&path);
    stalls_and_goes_on(&path, options, || {
        other.execute_batch("DROP TABLE filler").unwrap()
    });
}

#[test]
fn a_stalled_ledger_can_be_closed_and_tells_those_who_wait() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let (_other, options) = at_its_limit(&path);
    let ledger = SqliteLedger::open(&path, options).unwrap();
    let many: Vec<_> = (0..40).map(|number| ledger.intake(heavy(number))).collect();
    until(|| wait(ledger.status()).stalled.is_some());
    drop(ledger);
    let mut stored = 0;
    for receipt in many {
        match receipt.blocking_recv() {
            Ok(Ok(_)) => stored += 1,
            Ok(Err(error)) => assert_eq!(error, LedgerError::Closed),
            Err(_) => {}
        }
    }
    assert!(stored < 40);
    let ledger = SqliteLedger::open(&path, support::options()).unwrap();
    let books = wait(ledger.books(None));
    assert_eq!(
        books
            .sources
            .iter()
            .map(|source| source.routed)
            .sum::<u64>(),
        stored
    );
    sound(&ledger);
}

/// A small file system of its own, unmounted at the end.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Option<Self> {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=12m", "tmpfs"])
            .arg(at)
            .status()
            .is_ok_and(|status| status.success());
        mounted.then(|| Self(at.into()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_file_system_stalls_the_ledger_until_there_is_space() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(folder.path()) else {
        assert!(
            std::env::var_os("CI").is_none(),
            "a file system can't be mounted here; CI must run this test as root"
        );
        eprintln!("not run: a small file system can only be mounted by root");
        return;
    };
    let filler = disk.0.join("filler");
    fs::write(&filler, vec![0; 6 << 20]).unwrap();
    let path = disk.0.join("ledger.db");
    stalls_and_goes_on(&path, options(), || fs::remove_file(&filler).unwrap());
}

#[test]
fn a_command_that_fails_by_itself_takes_no_neighbour_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let (other, options) = at_its_limit(&path);
    let ledger = SqliteLedger::open(&path, options).unwrap();
    // Behind a stall they pile up and become one batch.
    let first: Vec<_> = (0..20).map(|number| ledger.intake(heavy(number))).collect();
    until(|| wait(ledger.status()).stalled.is_some());
    let before = ledger.intake(intake(vec![arrival(100)]));
    let mut impossible = intake(vec![arrival(101)]);
    impossible.filtered = u64::MAX;
    let impossible = ledger.intake(impossible);
    let after = ledger.intake(intake(vec![arrival(102)]));
    other.execute_batch("DROP TABLE filler").unwrap();
    for receipt in first {
        assert_eq!(wait(receipt).stored, 1);
    }
    assert_eq!(wait(before).stored, 1);
    assert!(matches!(
        impossible.blocking_recv().unwrap(),
        Err(LedgerError::Fault { .. })
    ));
    assert_eq!(wait(after).stored, 1);
    assert_eq!(wait(ledger.intake(intake(vec![arrival(101)]))).stored, 1);
    sound(&ledger);
}
