//! The store answers as a plain list of indicators would, whatever is done to it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use alertbridge_intel::{Change, Indicator};
use proptest::prelude::*;
use support::{cursor, delete, domain, ids, ip, open, upsert};

const PROVIDERS: [&str; 2] = ["a", "b"];
const VALUES: [&str; 6] = [
    "domain-name:value = 'one.example'",
    "domain-name:value = 'two.example'",
    "domain-name:value LIKE 'tw%'",
    "ipv4-addr:value = '203.0.113.9'",
    "ipv4-addr:value = '203.0.113.0/24'",
    "ipv4-addr:value = '203.0.0.0/16'",
];

/// What an alert has, and the values above that it has thereby.
fn probes() -> Vec<(alertbridge_alert::observables::Observable, Vec<usize>)> {
    vec![
        (domain("one.example"), vec![0]),
        (domain("two.example"), vec![1, 2]),
        (domain("none.example"), vec![]),
        (ip("203.0.113.9"), vec![3, 4, 5]),
        (ip("203.0.113.8"), vec![4, 5]),
        (ip("203.0.1.1"), vec![5]),
    ]
}

/// An indicator by its numbers: who, which, what it compares, and something that changes nothing.
#[derive(Clone, Debug)]
struct Said {
    provider: usize,
    id: u8,
    values: BTreeSet<usize>,
    score: u8,
}

impl Said {
    fn indicator(&self) -> Indicator {
        let values: Vec<_> = self.values.iter().map(|value| VALUES[*value]).collect();
        let pattern = format!("[{}]", values.join(" OR "));
        let mut indicator =
            Indicator::stix(PROVIDERS[self.provider], &self.id.to_string(), &pattern);
        indicator.score = Some(self.score);
        indicator
    }
}

fn said() -> impl Strategy<Value = Said> {
    (
        0usize..2,
        0u8..12,
        prop::collection::btree_set(0usize..6, 1..4),
        0u8..100,
    )
        .prop_map(|(provider, id, values, score)| Said {
            provider,
            id,
            values,
            score,
        })
}

#[derive(Clone, Debug)]
enum Action {
    Apply(Vec<Result<Said, (usize, u8)>>),
    Compact,
    Reopen,
    /// A whole list in pages, with changes in between; perhaps given up half-way.
    Full {
        provider: usize,
        pages: Vec<Vec<Said>>,
        meanwhile: Vec<Said>,
        finish: bool,
    },
    Reconcile {
        provider: usize,
        ids: BTreeSet<u8>,
    },
}

fn change() -> impl Strategy<Value = Result<Said, (usize, u8)>> {
    prop_oneof![3 => said().prop_map(Ok), 1 => (0usize..2, 0u8..12).prop_map(Err)]
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        6 => prop::collection::vec(change(), 1..6).prop_map(Action::Apply),
        1 => Just(Action::Compact),
        2 => Just(Action::Reopen),
        2 => (0usize..2, prop::collection::vec(prop::collection::vec(said(), 0..5), 0..4), prop::collection::vec(said(), 0..3), prop::bool::weighted(0.8))
            .prop_map(|(provider, pages, meanwhile, finish)| Action::Full { provider, pages, meanwhile, finish }),
        1 => (0usize..2, prop::collection::btree_set(0u8..12, 0..12)).prop_map(|(provider, ids)| Action::Reconcile { provider, ids }),
    ]
}

type Model = BTreeMap<(usize, u8), Said>;

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_it_answers_as_a_plain_list_would(actions in prop::collection::vec(action(), 1..14)) {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(folder.path());
        let mut model = Model::new();
        let mut cursors = [None, None];
        for (step, action) in actions.iter().enumerate() {
            match action {
                Action::Apply(changes) => {
                    let batch: Vec<Change> = changes.iter().map(|change| match change {
                        Ok(said) => upsert(said.indicator()),
                        Err((provider, id)) => delete(PROVIDERS[*provider], &id.to_string()),
                    }).collect();
                    let text = format!("step {step}");
                    store.apply(batch, Some(cursor("a", &text))).unwrap();
                    cursors[0] = Some(text);
                    for change in changes {
                        match change {
                            Ok(said) => { model.insert((said.provider, said.id), said.clone()); }
                            Err((provider, id)) => { model.remove(&(*provider, *id)); }
                        }
                    }
                }
                Action::Compact => store.compact().unwrap(),
                Action::Reopen => {
                    drop(store);
                    store = open(folder.path());
                }
                Action::Full { provider, pages, meanwhile, finish } => {
                    let mut full = store.begin_full(PROVIDERS[*provider]).unwrap();
                    if full.resumed_at().is_some() {
                        full.abandon().unwrap();
                        full = store.begin_full(PROVIDERS[*provider]).unwrap();
                    }
                    let mut list: Model = BTreeMap::new();
                    for (number, page) in pages.iter().enumerate() {
                        for said in page {
                            let said = Said { provider: *provider, ..said.clone() };
                            full.push(said.indicator()).unwrap();
                            list.insert((*provider, said.id), said);
                        }
                        full.checkpoint(&format!("page {number}")).unwrap();
                        if number == 0 {
                            // A crash, or a restart, in the middle of the list.
                            drop(full);
                            drop(store);
                            store = open(folder.path());
                            full = store.begin_full(PROVIDERS[*provider]).unwrap();
                            prop_assert_eq!(full.resumed_at(), Some("page 0"));
                        }
                        if let Some(said) = meanwhile.get(number) {
                            store.apply(vec![upsert(said.indicator())], None).unwrap();
                            model.insert((said.provider, said.id), said.clone());
                            if said.provider == *provider {
                                list.insert((said.provider, said.id), said.clone());
                            }
                        }
                    }
                    if *finish {
                        let text = format!("full {step}");
                        full.finish(Some(cursor(PROVIDERS[*provider], &text))).unwrap();
                        cursors[*provider] = Some(text);
                        model.retain(|(owner, _), _| owner != provider);
                        model.extend(list);
                    } else {
                        full.abandon().unwrap();
                    }
                }
                Action::Reconcile { provider, ids } => {
                    let listed: Vec<String> = ids.iter().map(u8::to_string).collect();
                    let mut removed = store.reconcile(PROVIDERS[*provider], listed).unwrap();
                    removed.sort();
                    let mut expected: Vec<String> = model.keys()
                        .filter(|(owner, id)| owner == provider && !ids.contains(id))
                        .map(|(_, id)| id.to_string()).collect();
                    expected.sort();
                    prop_assert_eq!(removed, expected);
                    model.retain(|(owner, id), _| owner != provider || ids.contains(id));
                }
            }
            check(&store, &model, &cursors)?;
        }
        drop(store);
        check(&open(folder.path()), &model, &cursors)?;
    }
}

fn check(
    store: &alertbridge_intel::IndicatorStore,
    model: &Model,
    cursors: &[Option<String>; 2],
) -> Result<(), TestCaseError> {
    for (seen, has) in probes() {
        let mut expected: Vec<String> = model
            .values()
            .filter(|said| said.values.iter().any(|value| has.contains(value)))
            .map(|said| format!("{}/{}", PROVIDERS[said.provider], said.id))
            .collect();
        expected.sort();
        prop_assert_eq!(
            ids(store, std::slice::from_ref(&seen)),
            expected,
            "{:?}",
            seen.value
        );
    }
    for (number, provider) in PROVIDERS.iter().enumerate() {
        for id in 0u8..12 {
            let there = store.get(provider, &id.to_string()).unwrap();
            let expected = model.get(&(number, id)).map(Said::indicator);
            prop_assert_eq!(there, expected);
        }
        prop_assert_eq!(store.cursor(provider), cursors[number].clone());
    }
    let status = store.status();
    prop_assert_eq!(status.indicators, model.len() as u64);
    for (number, provider) in PROVIDERS.iter().enumerate() {
        let expected = model.keys().filter(|(owner, _)| *owner == number).count() as u64;
        let counted = status
            .providers
            .get(*provider)
            .map_or(0, |provider| provider.indicators);
        prop_assert_eq!(counted, expected);
    }
    prop_assert_eq!(status.matching.unreadable, 0);
    Ok(())
}
