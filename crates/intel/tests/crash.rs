//! A crash or a failing disk at any step leaves the old state or the new one.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{
    io,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
};

use alertbridge_intel::{IndicatorStore, IntelError, Result, StepHook};
use support::{contents, copy, cursor, delete, domain, for_domain, ids, open, small, upsert};

const UNIVERSE: [(&str, &str); 6] = [
    ("a", "1"),
    ("a", "2"),
    ("a", "3"),
    ("a", "4"),
    ("a", "5"),
    ("b", "1"),
];

/// A store with an index file, changes behind it, and a list half taken in.
fn prepared(folder: &Path) {
    let store = open(folder);
    let first = (1..=3).map(|id| upsert(for_domain("a", &id.to_string(), "old.example")));
    store
        .apply(first.collect(), Some(cursor("a", "0")))
        .unwrap();
    store.compact().unwrap();
    store
        .apply(
            vec![
                upsert(for_domain("b", "1", "old.example")),
                delete("a", "3"),
            ],
            None,
        )
        .unwrap();
    let mut full = store.begin_full("a").unwrap();
    full.push(for_domain("a", "4", "new.example")).unwrap();
    full.checkpoint("page 1").unwrap();
}

type Act = fn(&IndicatorStore) -> Result<()>;

/// Everything that writes.
const ACTS: [(&str, Act); 5] = [
    ("apply", |store| {
        let changes = vec![
            upsert(for_domain("a", "1", "new.example")),
            delete("a", "2"),
        ];
        store.apply(changes, Some(cursor("a", "1"))).map(|_| ())
    }),
    ("compact", IndicatorStore::compact),
    ("reconcile", |store| store.reconcile("a", ["1"]).map(|_| ())),
    ("finish", |store| {
        let mut full = store.begin_full("a")?;
        full.push(for_domain("a", "5", "new.example"))?;
        full.finish(Some(cursor("a", "2"))).map(|_| ())
    }),
    ("checkpoint", |store| {
        let mut full = store.begin_full("a")?;
        for id in ["5", "1", "2"] {
            full.push(for_domain("a", id, "new.example"))?;
        }
        full.checkpoint("page 2")
    }),
];

#[test]
fn a_crash_at_any_step_leaves_the_old_state_or_the_new_one() {
    for (name, act) in ACTS {
        let folder = tempfile::tempdir().unwrap();
        let copies = tempfile::tempdir().unwrap();
        prepared(folder.path());
        let armed = Arc::new(AtomicBool::new(false));
        let taken = Arc::new(Mutex::new(Vec::new()));
        let hook: StepHook = {
            let (armed, taken) = (Arc::clone(&armed), Arc::clone(&taken));
            let (from, to) = (folder.path().to_owned(), copies.path().to_owned());
            Arc::new(move |step| {
                if armed.load(SeqCst) {
                    let mut taken = taken.lock().unwrap();
                    let target = to.join(taken.len().to_string());
                    copy(&from, &target);
                    taken.push((step.to_owned(), target));
                }
                Ok(())
            })
        };
        let store = IndicatorStore::open(folder.path(), small(Some(hook))).unwrap();
        let before = contents(&store, &UNIVERSE);
        armed.store(true, SeqCst);
        act(&store).unwrap();
        armed.store(false, SeqCst);
        let after = contents(&store, &UNIVERSE);
        drop(store);
        assert_eq!(contents(&open(folder.path()), &UNIVERSE), after, "{name}");

        let taken = std::mem::take(&mut *taken.lock().unwrap());
        assert!(taken.len() >= 2, "{name} writes in steps");
        for (step, copy) in taken {
            let store = open(&copy);
            let found = contents(&store, &UNIVERSE);
            assert!(
                found == before || found == after,
                "{name}: crash before `{step}`"
            );
            // And it goes on from there.
            if found == before {
                act(&store).unwrap();
            }
            assert_eq!(
                contents(&store, &UNIVERSE),
                after,
                "{name} again after a crash before `{step}`"
            );
            drop(store);
            assert_eq!(contents(&open(&copy), &UNIVERSE), after);
        }
    }
}

#[test]
fn a_disk_that_fails_at_any_step_changes_nothing() {
    for (name, act) in ACTS {
        let well = tempfile::tempdir().unwrap();
        prepared(well.path());
        let store = open(well.path());
        act(&store).unwrap();
        let expected = contents(&store, &UNIVERSE);
        for failing in 0.. {
            let folder = tempfile::tempdir().unwrap();
            prepared(folder.path());
            let left = Arc::new(AtomicUsize::new(usize::MAX));
            let hook: StepHook = {
                let left = Arc::clone(&left);
                Arc::new(move |_| match left.fetch_sub(1, SeqCst) {
                    0 => Err(io::Error::from(io::ErrorKind::StorageFull)),
                    _ => Ok(()),
                })
            };
            let store = IndicatorStore::open(folder.path(), small(Some(hook))).unwrap();
            let before = contents(&store, &UNIVERSE);
            left.store(failing, SeqCst);
            let result = act(&store);
            let fired = left.swap(usize::MAX, SeqCst) > failing;
            if !fired {
                break;
            }
            let now = contents(&store, &UNIVERSE);
            if result.is_err() {
                assert_eq!(now, before, "{name}, step {failing}");
                // The disk is well again. Only a store that can't know its own state refuses, until it is opened anew.
                match act(&store) {
                    Ok(()) => assert_eq!(contents(&store, &UNIVERSE), expected, "{name}"),
                    Err(error) => assert!(matches!(error, IntelError::Stopped(_)), "{error}"),
                }
            }
            drop(store);
            let store = open(folder.path());
            let found = contents(&store, &UNIVERSE);
            // The new state is there only where the manifest was renamed and the folder could not be synced.
            if found == before {
                act(&store).unwrap();
            }
            assert_eq!(
                contents(&store, &UNIVERSE),
                expected,
                "{name}, step {failing}"
            );
        }
    }
}

#[test]
fn a_journal_cut_off_anywhere_keeps_whole_batches_with_their_cursors() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut states = vec![contents(&store, &UNIVERSE)];
    for (step, (provider, id)) in UNIVERSE.iter().enumerate() {
        let changes = vec![upsert(for_domain(provider, id, "x.example"))];
        store
            .apply(changes, Some(cursor("a", &step.to_string())))
            .unwrap();
        states.push(contents(&store, &UNIVERSE));
    }
    drop(store);
    let journal = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "log"))
        .unwrap();
    let bytes = std::fs::read(&journal).unwrap();
    let mut found_before = states.len();
    for length in (16..=bytes.len()).rev().step_by(7) {
        let cut = tempfile::tempdir().unwrap();
        copy(folder.path(), cut.path());
        std::fs::write(
            cut.path().join(journal.file_name().unwrap()),
            &bytes[..length],
        )
        .unwrap();
        let store = open(cut.path());
        let found = contents(&store, &UNIVERSE);
        let place = states.iter().position(|state| *state == found).unwrap();
        assert!(place <= found_before, "more is cut off, less is there");
        found_before = place;
        store
            .apply(vec![upsert(for_domain("b", "1", "again.example"))], None)
            .unwrap();
        drop(store);
        assert_eq!(ids(&open(cut.path()), &[domain("again.example")]), ["b/1"]);
    }
    assert_eq!(found_before, 0);
}

#[test]
fn a_damaged_byte_is_told_and_never_answered_from() {
    let folder = tempfile::tempdir().unwrap();
    prepared(folder.path());
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_owned();
        let bytes = std::fs::read(&path).unwrap();
        for at in (0..bytes.len()).step_by(5) {
            let damaged = tempfile::tempdir().unwrap();
            copy(folder.path(), damaged.path());
            let mut bytes = bytes.clone();
            bytes[at] ^= 0x41;
            std::fs::write(damaged.path().join(&name), &bytes).unwrap();
            // It may open or not; it may know less; it never says what nobody said.
            let Ok(store) = IndicatorStore::open(damaged.path(), small(None)) else {
                continue;
            };
            for id in ids(&store, &[domain("old.example")]) {
                assert!(["a/1", "a/2", "a/3", "b/1"].contains(&id.as_str()));
            }
            let _ = store.compact();
            let _ = store.get("a", "1");
        }
    }
}

#[test]
fn one_process_writes_and_others_may_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store
        .apply(vec![upsert(for_domain("a", "1", "x.example"))], None)
        .unwrap();
    assert!(IndicatorStore::open(folder.path(), small(None)).is_err());
    let mut options = small(None);
    options.read_only = true;
    let reader = IndicatorStore::open(folder.path(), options).unwrap();
    assert_eq!(ids(&reader, &[domain("x.example")]), ["a/1"]);
    assert!(reader.apply(vec![delete("a", "1")], None).is_err());
    assert!(reader.begin_full("a").is_err());
}
