//! Whole lists: taken in while the old one serves, and held against the store once a day.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{cursor, delete, domain, for_domain, ids, open, upsert};

#[test]
fn the_old_list_serves_until_the_new_one_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let old = ["1", "2"].map(|id| upsert(for_domain("a", id, "x.example")));
    store.apply(old.to_vec(), None).unwrap();
    store
        .apply(vec![upsert(for_domain("b", "1", "x.example"))], None)
        .unwrap();
    let mut full = store.begin_full("a").unwrap();
    assert_eq!(full.resumed_at(), None);
    full.push(for_domain("a", "2", "x.example")).unwrap();
    full.push(for_domain("a", "3", "x.example")).unwrap();
    full.push(for_domain("b", "9", "x.example")).unwrap();
    full.checkpoint("page 1").unwrap();
    assert!(store.status().providers["a"].full_sync);
    assert_eq!(ids(&store, &[domain("x.example")]), ["a/1", "a/2", "b/1"]);
    let applied = full.finish(Some(cursor("a", "end"))).unwrap();
    assert_eq!(
        (applied.upserted, applied.deleted, applied.rejected),
        (2, 1, 1)
    );
    assert_eq!(ids(&store, &[domain("x.example")]), ["a/2", "a/3", "b/1"]);
    assert_eq!(store.cursor("a").as_deref(), Some("end"));
    assert!(!store.status().providers["a"].full_sync);
}

#[test]
fn what_changes_while_a_list_is_taken_in_counts_in_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut full = store.begin_full("a").unwrap();
    full.push(for_domain("a", "changed", "old.example"))
        .unwrap();
    full.push(for_domain("a", "deleted", "old.example"))
        .unwrap();
    full.checkpoint("page 1").unwrap();
    let changes = vec![
        upsert(for_domain("a", "changed", "new.example")),
        upsert(for_domain("a", "created", "new.example")),
        delete("a", "deleted"),
    ];
    store.apply(changes, None).unwrap();
    // A crash between: what was applied is in the journal and in the list.
    drop(full);
    drop(store);
    let store = open(folder.path());
    let full = store.begin_full("a").unwrap();
    assert_eq!(full.resumed_at(), Some("page 1"));
    full.finish(None).unwrap();
    assert_eq!(ids(&store, &[domain("old.example")]), Vec::<String>::new());
    assert_eq!(
        ids(&store, &[domain("new.example")]),
        ["a/changed", "a/created"]
    );
}

#[test]
fn what_came_in_while_the_ids_were_read_is_spared() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let all = ["kept", "gone"].map(|id| upsert(for_domain("a", id, "x.example")));
    store.apply(all.to_vec(), None).unwrap();
    store
        .apply(vec![upsert(for_domain("b", "other", "x.example"))], None)
        .unwrap();
    let listed = ["kept"].into_iter().inspect(|_| {
        store
            .apply(vec![upsert(for_domain("a", "new", "x.example"))], None)
            .unwrap();
        store.compact().unwrap();
    });
    assert_eq!(store.reconcile("a", listed).unwrap(), ["gone"]);
    assert_eq!(
        ids(&store, &[domain("x.example")]),
        ["a/kept", "a/new", "b/other"]
    );
}

#[test]
fn a_list_thrown_away_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let files = || std::fs::read_dir(folder.path()).unwrap().count();
    let before = files();
    let mut full = store.begin_full("a").unwrap();
    for id in 0..20 {
        full.push(for_domain("a", &id.to_string(), "x.example"))
            .unwrap();
        full.checkpoint("page").unwrap();
    }
    assert!(files() > before + 2, "it went to disk in parts");
    full.abandon().unwrap();
    assert_eq!(files(), before);
    assert_eq!(store.begin_full("a").unwrap().resumed_at(), None);
}

#[test]
fn space_of_replaced_indicators_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for round in 0..60 {
        let all = (0..10).map(|id| {
            let mut indicator = for_domain("a", &id.to_string(), "x.example");
            indicator.description = Some(format!("round {round}"));
            upsert(indicator)
        });
        store.apply(all.collect(), None).unwrap();
        store.compact().unwrap();
    }
    assert!(
        store.status().bytes < 20_000,
        "{} bytes for ten indicators",
        store.status().bytes
    );
    assert_eq!(ids(&store, &[domain("x.example")]).len(), 10);
}
