//! Answers that are remembered, found or not, bounded in number and age.
//!
//! Two generations: a value that is asked for moves to the young one; when that is half of the room, the old one is dropped and the young
//! one grows old. So a flood of new values pushes out only what nobody asked for lately.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{answer::Match, values::Wanted};

/// Remembered answers.
#[derive(Debug)]
pub(super) struct Cache {
    half: usize,
    hit_ttl: Duration,
    miss_ttl: Duration,
    generations: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Wanted, Entry>,
    old: HashMap<Wanted, Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    found: Vec<Match>,
    until: Instant,
}

impl Cache {
    pub(super) fn new(size: usize, hit_ttl: Duration, miss_ttl: Duration) -> Self {
        Self {
            half: size / 2,
            hit_ttl,
            miss_ttl,
            generations: Mutex::default(),
        }
    }

    /// What is remembered of a value; an empty list is an answer, too.
    pub(super) fn get(&self, wanted: &Wanted) -> Option<Vec<Match>> {
        let now = Instant::now();
        let mut generations = self.generations();
        if let Some(entry) = generations.young.get(wanted) {
            return (entry.until > now).then(|| entry.found.clone());
        }
        let (wanted, entry) = generations.old.remove_entry(wanted)?;
        if entry.until <= now {
            return None;
        }
        let found = entry.found.clone();
        self.insert(&mut generations, wanted, entry);
        Some(found)
    }

    pub(super) fn put(&self, wanted: &Wanted, found: Vec<Match>) {
        let ttl = if found.is_empty() {
            self.miss_ttl
        } else {
            self.hit_ttl
        };
        let until = Instant::now() + ttl;
        let mut generations = self.generations();
        self.insert(&mut generations, wanted.clone(), Entry { found, until });
    }

    fn insert(&self, generations: &mut Generations, wanted: Wanted, entry: Entry) {
        if self.half == 0 {
            return;
        }
        if generations.young.len() >= self.half && !generations.young.contains_key(&wanted) {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(wanted, entry);
    }

    fn generations(&self) -> std::sync::MutexGuard<'_, Generations> {
        self.generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use alertbridge_alert::observables::Kind;

    use super::{super::Asked, *};

    fn wanted(number: u32) -> Wanted {
        let value = std::net::Ipv4Addr::from(0x0b00_0000 + number).to_string();
        Wanted::of(&Asked {
            kind: Kind::Ip,
            value,
        })
        .unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_miss_is_remembered_for_its_time() {
        let cache = Cache::new(10, Duration::from_secs(60), Duration::from_secs(10));
        cache.put(&wanted(1), Vec::new());
        assert!(cache.get(&wanted(1)).is_some_and(|found| found.is_empty()));
        tokio::time::advance(Duration::from_secs(11)).await;
        assert!(cache.get(&wanted(1)).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn the_room_is_bounded_and_what_is_asked_for_stays() {
        let cache = Cache::new(100, Duration::from_secs(60), Duration::from_secs(60));
        cache.put(&wanted(0), Vec::new());
        for number in 1..10_000 {
            cache.put(&wanted(number), Vec::new());
            assert!(cache.get(&wanted(0)).is_some());
        }
        let generations = cache.generations();
        assert!(generations.young.len() + generations.old.len() <= 100);
    }

    #[tokio::test(start_paused = true)]
    async fn no_room_remembers_nothing() {
        let cache = Cache::new(0, Duration::from_secs(60), Duration::from_secs(60));
        cache.put(&wanted(1), Vec::new());
        assert!(cache.get(&wanted(1)).is_none());
    }
}
