//! The model's silences.

use jiff::Timestamp;

use super::{groups::Hit, model::Model};
use crate::{KEPT_SILENCES, Silence};

/// A list, and how often it was changed.
#[derive(Debug, Default)]
pub(super) struct Silences {
    list: Vec<Silence>,
    version: u64,
}

impl Model {
    pub(super) fn put_silence(&mut self, silence: Silence) {
        self.silences.list.retain(|known| known.id != silence.id);
        self.silences.list.push(silence);
        self.silences.version += 1;
    }

    pub(super) fn expire_silence(&mut self, id: &str, now: Timestamp) -> bool {
        let ends_later = |silence: &&mut Silence| silence.id == id && silence.ends_at > now;
        let Some(silence) = self.silences.list.iter_mut().find(ends_later) else {
            return false;
        };
        silence.ends_at = now;
        silence.starts_at = silence.starts_at.min(now);
        self.silences.version += 1;
        true
    }

    pub(super) fn silences(&self) -> Vec<Silence> {
        let mut silences = self.silences.list.clone();
        for silence in &mut silences {
            let own = |hit: &&Hit| hit.rule == "silence" && hit.name == silence.id;
            let hits = self.hits.iter().filter(own);
            silence.hits = hits.clone().map(|hit| hit.count).sum();
            silence.last_hit = hits.map(|hit| hit.at).max();
        }
        silences.sort_by(|one, other| (one.ends_at, &one.id).cmp(&(other.ends_at, &other.id)));
        silences
    }

    pub(super) fn silences_version(&self) -> u64 {
        self.silences.version
    }

    pub(super) fn forget_silences(&mut self, now: Timestamp) {
        let before = self.silences.list.len();
        self.silences
            .list
            .retain(|silence| silence.ends_at >= now - KEPT_SILENCES);
        self.silences.version += u64::from(self.silences.list.len() < before);
    }
}
