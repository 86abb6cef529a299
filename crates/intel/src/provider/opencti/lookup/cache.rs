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

use super::values::Wanted;

/// Remembered answers.
#[derive(Debug)]
pub(super) struct Cache<V> {
    half: usize,
    hit_ttl: Duration,
    miss_ttl: Duration,
    generations: Mutex<Generations<V>>,
}

#[derive(Debug)]
struct Generations<V> {
    young: HashMap<Wanted, Entry<V>>,
    old: HashMap<Wanted, Entry<V>>,
}

#[derive(Clone, Debug)]
struct Entry<V> {
    found: V,
    until: Instant,
}

impl<V: Clone> Cache<V> {
    pub(super) fn new(size: usize, hit_ttl: Duration, miss_ttl: Duration) -> Self {
        Self {
            half: size / 2,
            hit_ttl,
            miss_ttl,
            generations: Mutex::new(Generations {
                young: HashMap::new(),
                old: HashMap::new(),
            }),
        }
    }

    /// What is remembered of a value; that nothing was found is an answer, too.
    pub(super) fn get(&self, wanted: &Wanted) -> Option<V> {
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

    /// Remembers an answer; `is_hit` says for which of the two times.
    pub(super) fn put(&self, wanted: &Wanted, found: V, is_hit: bool) {
        let ttl = if is_hit { self.hit_ttl } else { self.miss_ttl };
        let until = Instant::now() + ttl;
        let mut generations = self.generations();
        self.insert(&mut generations, wanted.clone(), Entry { found, until });
    }

    fn insert(&self, generations: &mut Generations<V>, wanted: Wanted, entry: Entry<V>) {
        if self.half == 0 {
            return;
        }
        if generations.young.len() >= self.half && !generations.young.contains_key(&wanted) {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(wanted, entry);
    }

    fn generations(&self) -> std::sync::MutexGuard<'_, Generations<V>> {
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
        cache.put(&wanted(1), (), false);
        assert!(cache.get(&wanted(1)).is_some());
        tokio::time::advance(Duration::from_secs(11)).await;
        assert!(cache.get(&wanted(1)).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn the_room_is_bounded_and_what_is_asked_for_stays() {
        let cache = Cache::new(100, Duration::from_secs(60), Duration::from_secs(60));
        cache.put(&wanted(0), (), false);
        for number in 1..10_000 {
            cache.put(&wanted(number), (), false);
            assert!(cache.get(&wanted(0)).is_some());
        }
        let generations = cache.generations();
        assert!(generations.young.len() + generations.old.len() <= 100);
    }

    #[tokio::test(start_paused = true)]
    async fn no_room_remembers_nothing() {
        let cache = Cache::new(0, Duration::from_secs(60), Duration::from_secs(60));
        cache.put(&wanted(1), (), false);
        assert!(cache.get(&wanted(1)).is_none());
    }
}
