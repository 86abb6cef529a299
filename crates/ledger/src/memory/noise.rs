//! What makes the noise, counted anew from the model's lists.

use std::{cmp::Reverse, collections::BTreeMap};

use jiff::Timestamp;

use super::{
    model::{Model, Outcome},
    report::hour_of,
};
use crate::{Hits, Noise, NoiseRow, names::is_pseudo};

impl Model {
    pub(super) fn noise(&self, since: Timestamp, limit: usize) -> Noise {
        let since = hour_of(since);
        let mut received = 0;
        for counts in &self.counts {
            if !is_pseudo(&counts.source) && hour_of(counts.received_at) >= since {
                received += counts.received - counts.duplicates;
            }
        }
        let malformed = self.malformed.iter();
        received -= malformed
            .filter(|row| !is_pseudo(&row.source) && hour_of(row.received_at) >= since)
            .count() as u64;

        let mut groups: Vec<_> = self.groups.iter().collect();
        groups.retain(|group| group.folded > 0 && group.last_at >= since.as_millisecond());
        groups.sort_by_key(|group| (Reverse(group.folded), group.id));
        groups.truncate(limit);
        Noise {
            received,
            taken: self.taken(since, limit),
            loudest: self.loudest(since, limit),
            groups: groups
                .into_iter()
                .map(|group| self.group_as_told(group))
                .collect(),
        }
    }

    fn taken(&self, since: Timestamp, limit: usize) -> Vec<Hits> {
        let mut taken: BTreeMap<(&str, &str), Hits> = BTreeMap::new();
        for hit in &self.hits {
            let sum = taken.entry((hit.rule, &hit.name)).or_insert_with(|| Hits {
                rule: hit.rule.into(),
                name: hit.name.clone(),
                hits: 0,
                last_hit: hit.at,
            });
            sum.last_hit = sum.last_hit.max(hit.at);
            if hour_of(hit.at) >= since {
                sum.hits += hit.count;
            }
        }
        let mut taken: Vec<Hits> = taken.into_values().filter(|hits| hits.hits > 0).collect();
        taken.sort_by(|one, other| {
            (other.hits, &one.rule, &one.name).cmp(&(one.hits, &other.rule, &other.name))
        });
        taken.truncate(limit);
        taken
    }

    fn loudest(&self, since: Timestamp, limit: usize) -> Vec<NoiseRow> {
        let mut pairs: BTreeMap<(&str, &str), NoiseRow> = BTreeMap::new();
        for alert in &self.alerts {
            let old = hour_of(alert.received_at) < since;
            if old || alert.forgotten || is_pseudo(&alert.source) {
                continue;
            }
            let arrival = &alert.arrival;
            let row = pairs
                .entry((&arrival.rule_id, &arrival.agent))
                .or_insert_with(|| NoiseRow {
                    rule_id: arrival.rule_id.clone(),
                    agent: arrival.agent.clone(),
                    ..NoiseRow::default()
                });
            row.level = row.level.max(arrival.level);
            row.alerts += 1;
            match alert.outcome {
                Outcome::Folded => row.folded += 1,
                Outcome::Routed => row.routed += 1,
                Outcome::Silenced => row.silenced += 1,
            }
            if alert.payload_kept {
                row.example = Some(arrival.payload.clone());
            }
        }
        let mut loudest: Vec<NoiseRow> = pairs.into_values().collect();
        loudest.sort_by_key(|row| Reverse(row.alerts));
        loudest.truncate(limit);
        loudest
    }
}
