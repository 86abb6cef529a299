//! How many indicators there are, by provider and by what keeps them from matching.

use crate::disk::{entry::PARTIAL, run::Record};

/// Counts of live indicators.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// By the provider's number.
    pub(crate) providers: Vec<u64>,
    /// By the number of the reason; at 0 those that can match.
    pub(crate) reasons: [u64; 16],
    /// Those of which a part can't match.
    pub(crate) partial: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, record: Record) {
        let provider = usize::from(record.provider);
        if self.providers.len() <= provider {
            self.providers.resize(provider + 1, 0);
        }
        self.providers[provider] += 1;
        self.reasons[usize::from(record.flags & 0x0f)] += 1;
        self.partial += u64::from(record.flags & PARTIAL != 0);
    }

    pub(crate) fn remove(&mut self, record: Record) {
        if let Some(count) = self.providers.get_mut(usize::from(record.provider)) {
            *count = count.saturating_sub(1);
        }
        let reason = &mut self.reasons[usize::from(record.flags & 0x0f)];
        *reason = reason.saturating_sub(1);
        self.partial -= u64::from(record.flags & PARTIAL != 0).min(self.partial);
    }

    pub(crate) fn total(&self) -> u64 {
        self.reasons.iter().sum()
    }
}
