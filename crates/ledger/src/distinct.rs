//! What varies between the alerts of a group: the first distinct values in words, and how many there were.
//!
//! Up to [`MOST_VALUES`] the words are all there is. Beyond, the 256 smallest hashes of the values are kept: while there are no
//! more, they are the exact count; then the largest of them tells how densely they lie, which gives an estimate (within about
//! 6 %: k minimum values, Bar-Yossef et al. 2002).
//!
//! Stored as varints and bytes: the number of fields, then for each its label, its words (each with its length), `2 n + 1` where
//! values were left out (else `2 n`) and `n` hashes of 8 bytes, little-endian and rising.

use crate::{Collected, FieldSummary, Folding, GroupKind, MOST_VALUES};

/// Hashes kept of each field.
const MOST_HASHES: usize = 256;

/// The fields of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields(Vec<Field>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Field {
    label: String,
    words: Vec<String>,
    /// Rising. Empty while the words are all there is.
    hashes: Vec<u64>,
    /// Some were left out.
    overflown: bool,
}

impl Fields {
    /// Takes in what an alert brings to a group of a kind. Whether anything changed.
    pub(crate) fn take(&mut self, folding: &Folding, kind: GroupKind) -> bool {
        let differs = kind != GroupKind::Repeats && self.add(&folding.differs);
        self.add(&folding.collected) || differs
    }

    /// Takes an alert's values in. Whether anything changed.
    pub(crate) fn add(&mut self, collected: &[Collected]) -> bool {
        let mut changed = false;
        for one in collected {
            let place = match self.0.iter().position(|field| field.label == one.label) {
                Some(place) => place,
                None => {
                    self.0.push(Field {
                        label: one.label.clone(),
                        ..Field::default()
                    });
                    self.0.len() - 1
                }
            };
            changed |= self.0[place].add(&one.value);
        }
        changed
    }

    /// For people.
    pub(crate) fn summaries(&self) -> Vec<FieldSummary> {
        self.0.iter().map(Field::summary).collect()
    }

    /// As stored; `None` for nothing.
    pub(crate) fn encode(&self) -> Option<Vec<u8>> {
        if self.0.is_empty() {
            return None;
        }
        let mut bytes = Vec::new();
        number(&mut bytes, self.0.len());
        for field in &self.0 {
            text(&mut bytes, &field.label);
            number(&mut bytes, field.words.len());
            for word in &field.words {
                text(&mut bytes, word);
            }
            number(
                &mut bytes,
                field.hashes.len() * 2 + usize::from(field.overflown),
            );
            for hash in &field.hashes {
                bytes.extend_from_slice(&hash.to_le_bytes());
            }
        }
        Some(bytes)
    }

    /// From what was stored; damaged bytes are as none.
    pub(crate) fn decode(bytes: &[u8]) -> Self {
        Self(decode(bytes).unwrap_or_default())
    }
}

impl Field {
    fn add(&mut self, value: &str) -> bool {
        if self.words.iter().any(|word| word == value) {
            return false;
        }
        if self.hashes.is_empty() {
            if self.words.len() < MOST_VALUES {
                self.words.push(value.into());
                return true;
            }
            self.hashes = self.words.iter().map(|word| hash(word)).collect();
            self.hashes.sort_unstable();
        }
        let hash = hash(value);
        let Err(place) = self.hashes.binary_search(&hash) else {
            return false;
        };
        if self.hashes.len() < MOST_HASHES {
            self.hashes.insert(place, hash);
            return true;
        }
        let changed = !self.overflown || place < MOST_HASHES;
        self.overflown = true;
        if place < MOST_HASHES {
            self.hashes.pop();
            self.hashes.insert(place, hash);
        }
        changed
    }

    fn summary(&self) -> FieldSummary {
        let distinct = match self.hashes.last() {
            None => self.words.len() as u64,
            Some(&largest) if self.overflown => {
                let density = (MOST_HASHES as u128 - 1) << 64;
                u64::try_from(density / (u128::from(largest) + 1)).unwrap_or(u64::MAX)
            }
            Some(_) => self.hashes.len() as u64,
        };
        FieldSummary {
            label: self.label.clone(),
            values: self.words.clone(),
            distinct,
            estimated: self.overflown,
        }
    }
}

fn hash(value: &str) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&blake3::hash(value.as_bytes()).as_bytes()[..8]);
    u64::from_le_bytes(first)
}

fn number(bytes: &mut Vec<u8>, mut number: usize) {
    while number > 0x7f {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn text(bytes: &mut Vec<u8>, text: &str) {
    number(bytes, text.len());
    bytes.extend_from_slice(text.as_bytes());
}

fn decode(bytes: &[u8]) -> Option<Vec<Field>> {
    let mut rest = bytes;
    let mut fields = Vec::new();
    for _ in 0..take_number(&mut rest)? {
        let mut field = Field {
            label: take_text(&mut rest)?,
            ..Field::default()
        };
        for _ in 0..take_number(&mut rest)? {
            field.words.push(take_text(&mut rest)?);
        }
        let hashes = take_number(&mut rest)?;
        field.overflown = hashes % 2 == 1;
        for _ in 0..hashes / 2 {
            let (hash, after) = rest.split_first_chunk::<8>()?;
            rest = after;
            field.hashes.push(u64::from_le_bytes(*hash));
        }
        fields.push(field);
    }
    Some(fields)
}

fn take_number(rest: &mut &[u8]) -> Option<usize> {
    let mut number = 0;
    for shift in (0..35).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        number |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

fn take_text(rest: &mut &[u8]) -> Option<String> {
    let length = take_number(rest)?;
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: impl Iterator<Item = u32>) -> Fields {
        let mut fields = Fields::default();
        for value in values {
            fields.add(&[Collected {
                label: "source IPs".into(),
                value: value.to_string(),
            }]);
        }
        fields
    }

    #[test]
    fn the_first_twenty_are_kept_in_words_and_up_to_256_are_counted_exactly() {
        for count in [1, 20, 21, 255, 256] {
            let summary = &of((0..count).chain(0..count)).summaries()[0];
            assert_eq!(summary.distinct, u64::from(count));
            assert!(!summary.estimated);
            assert_eq!(summary.values.len(), count.min(20) as usize);
        }
    }

    #[test]
    fn very_many_are_estimated() {
        for count in [257, 1_000, 50_000] {
            let summary = &of(0..count).summaries()[0];
            let off = summary.distinct as f64 / f64::from(count) - 1.0;
            assert!(off.abs() < 0.2, "{count}: {}", summary.distinct);
            assert!(summary.estimated);
        }
    }

    #[test]
    fn nothing_is_stored_for_nothing() {
        assert_eq!(Fields::default().encode(), None);
    }

    proptest! {
        #[test]
        fn what_is_stored_comes_back(values in prop::collection::vec(0..600u32, 0..900)) {
            let fields = of(values.into_iter());
            let bytes = fields.encode().unwrap_or_default();
            prop_assert_eq!(Fields::decode(&bytes), fields);
        }

        #[test]
        fn damaged_bytes_are_no_reason_to_panic(bytes: Vec<u8>) {
            let _ = Fields::decode(&bytes);
        }
    }
}
