//! What varies between the alerts of a group: the first distinct values in words, and how many there were.
//!
//! Up to [`MOST_VALUES`] the words are all there is. Beyond, the 256 smallest hashes of the values are kept: while there are no
//! more, they are the exact count; then the largest of them tells how densely they lie, which gives an estimate (within about
//! 6 %: k minimum values, Bar-Yossef et al. 2002).
//!
//! Labels and values come from alerts, so all is bounded: [`MOST_LABELS`], [`LONGEST_LABEL`], [`LONGEST_VALUE`]. What is longer is
//! cut, and counts as the same where it is the same up to there. Further labels are counted, under [`OTHERS`], as values are.
//!
//! Stored as varints and bytes: the number of fields, then for each its label, its words (each with its length), `2 n + 1` where
//! values were left out (else `2 n`) and `n` hashes of 8 bytes, little-endian and rising. The field that counts labels is the one
//! without words.

use crate::{
    Collected, FieldSummary, Folding, GroupKind, LONGEST_LABEL, LONGEST_VALUE, MOST_LABELS,
    MOST_VALUES,
};

/// Hashes kept of each field.
const MOST_HASHES: usize = 256;

/// For people: what counts the labels beyond [`MOST_LABELS`].
const OTHERS: &str = "other fields";

/// The fields of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields {
    named: Vec<Field>,
    /// The labels left out.
    others: Hashes,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Field {
    label: String,
    words: Vec<String>,
    /// Empty while the words are all there is.
    hashes: Hashes,
}

/// The smallest hashes of what was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Hashes {
    /// Rising.
    kept: Vec<u64>,
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
            let label = cut_bytes(&one.label, LONGEST_LABEL);
            changed |= match self.named(label) {
                Some(field) => field.add(cut(&one.value)),
                None => self.others.add(hash(label)),
            };
        }
        changed
    }

    /// The field of a label, a new one where there is room.
    fn named(&mut self, label: &str) -> Option<&mut Field> {
        let place = match self.named.iter().position(|field| field.label == label) {
            Some(place) => place,
            None if self.named.len() < MOST_LABELS => {
                self.named.push(Field {
                    label: label.into(),
                    ..Field::default()
                });
                self.named.len() - 1
            }
            None => return None,
        };
        self.named.get_mut(place)
    }

    /// For people.
    pub(crate) fn summaries(&self) -> Vec<FieldSummary> {
        let mut summaries: Vec<_> = self.named.iter().map(Field::summary).collect();
        if !self.others.kept.is_empty() {
            summaries.push(FieldSummary {
                label: OTHERS.into(),
                values: Vec::new(),
                distinct: self.others.distinct(),
                estimated: self.others.overflown,
            });
        }
        summaries
    }

    /// As stored; `None` for nothing.
    pub(crate) fn encode(&self) -> Option<Vec<u8>> {
        if self.named.is_empty() {
            return None;
        }
        let mut bytes = Vec::new();
        let others = !self.others.kept.is_empty();
        number(&mut bytes, self.named.len() + usize::from(others));
        for field in &self.named {
            text(&mut bytes, &field.label);
            number(&mut bytes, field.words.len());
            for word in &field.words {
                text(&mut bytes, word);
            }
            field.hashes.encode(&mut bytes);
        }
        if others {
            text(&mut bytes, OTHERS);
            number(&mut bytes, 0);
            self.others.encode(&mut bytes);
        }
        Some(bytes)
    }

    /// From what was stored; damaged bytes are as none.
    pub(crate) fn decode(bytes: &[u8]) -> Self {
        decode(bytes).unwrap_or_default()
    }
}

impl Field {
    fn add(&mut self, value: &str) -> bool {
        if self.words.iter().any(|word| word == value) {
            return false;
        }
        if self.hashes.kept.is_empty() {
            if self.words.len() < MOST_VALUES {
                self.words.push(value.into());
                return true;
            }
            for word in &self.words {
                self.hashes.add(hash(word));
            }
        }
        self.hashes.add(hash(value))
    }

    fn summary(&self) -> FieldSummary {
        FieldSummary {
            label: self.label.clone(),
            values: self.words.clone(),
            distinct: if self.hashes.kept.is_empty() {
                self.words.len() as u64
            } else {
                self.hashes.distinct()
            },
            estimated: self.hashes.overflown,
        }
    }
}

impl Hashes {
    /// Whether anything changed.
    fn add(&mut self, hash: u64) -> bool {
        let Err(place) = self.kept.binary_search(&hash) else {
            return false;
        };
        if self.kept.len() < MOST_HASHES {
            self.kept.insert(place, hash);
            return true;
        }
        let changed = !self.overflown || place < MOST_HASHES;
        self.overflown = true;
        if place < MOST_HASHES {
            self.kept.pop();
            self.kept.insert(place, hash);
        }
        changed
    }

    fn distinct(&self) -> u64 {
        match self.kept.last() {
            Some(&largest) if self.overflown => {
                let density = (MOST_HASHES as u128 - 1) << 64;
                u64::try_from(density / (u128::from(largest) + 1)).unwrap_or(u64::MAX)
            }
            _ => self.kept.len() as u64,
        }
    }

    fn encode(&self, bytes: &mut Vec<u8>) {
        number(bytes, self.kept.len() * 2 + usize::from(self.overflown));
        for hash in &self.kept {
            bytes.extend_from_slice(&hash.to_le_bytes());
        }
    }
}

/// At most so many bytes, whole characters.
fn cut_bytes(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

/// A value as it is kept.
fn cut(value: &str) -> &str {
    match value.char_indices().nth(LONGEST_VALUE) {
        Some((end, _)) => &value[..end],
        None => value,
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

/// Rows from before there were bounds are brought within them.
fn decode(bytes: &[u8]) -> Option<Fields> {
    let mut rest = bytes;
    let mut fields = Fields::default();
    for _ in 0..take_number(&mut rest)? {
        let label = take_text(&mut rest)?;
        let mut words = Vec::new();
        for _ in 0..take_number(&mut rest)? {
            let word = take_text(&mut rest)?;
            if words.len() < MOST_VALUES {
                words.push(cut(&word).to_owned());
            }
        }
        let hashes = take_hashes(&mut rest)?;
        if words.is_empty() {
            fields.others = hashes;
            continue;
        }
        let label = cut_bytes(&label, LONGEST_LABEL);
        match fields.named(label) {
            Some(field) => {
                field.words = words;
                field.hashes = hashes;
            }
            None => {
                fields.others.add(hash(label));
            }
        }
    }
    Some(fields)
}

fn take_hashes(rest: &mut &[u8]) -> Option<Hashes> {
    let count = take_number(rest)?;
    let mut hashes = Hashes {
        overflown: count % 2 == 1,
        ..Hashes::default()
    };
    for _ in 0..count / 2 {
        let (hash, after) = rest.split_first_chunk::<8>()?;
        *rest = after;
        if hashes.kept.len() < MOST_HASHES {
            hashes.kept.push(u64::from_le_bytes(*hash));
        }
    }
    Some(hashes)
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

    fn collected(label: &str, value: &str) -> [Collected; 1] {
        [Collected {
            label: label.into(),
            value: value.into(),
        }]
    }

    /// What all that is kept may come to: the longest characters have 4 bytes.
    const LARGEST: usize = (MOST_LABELS + 1)
        * (LONGEST_LABEL + 2 + MOST_VALUES * (4 * LONGEST_VALUE + 2) + MOST_HASHES * 8 + 4)
        + 4;

    #[test]
    fn labels_beyond_the_first_sixteen_are_counted() {
        let mut fields = Fields::default();
        for number in 0..40 {
            assert!(fields.add(&collected(&format!("label {number}"), "a value")));
        }
        assert!(!fields.add(&collected("label 39", "another value")));
        let summaries = Fields::decode(&fields.encode().unwrap_or_default()).summaries();
        assert_eq!(summaries.len(), MOST_LABELS + 1);
        let last = &summaries[MOST_LABELS];
        assert_eq!((last.label.as_str(), last.distinct), (OTHERS, 24));
        assert!(last.values.is_empty() && !last.estimated);
    }

    #[test]
    fn a_group_that_takes_ever_new_values_of_ever_new_labels_grows_no_further() {
        let mut fields = Fields::default();
        for number in 0..20_000u32 {
            let label = format!("{}{}", "\u{1f600}".repeat(60), number % 700);
            let value = format!("{number}{}", "\u{1f600}".repeat(300));
            fields.add(&collected(&label, &value));
        }
        for number in 0..20_000u32 {
            fields.add(&collected(&number.to_string(), &number.to_string()));
        }
        assert!(fields.encode().unwrap_or_default().len() <= LARGEST);
        let summaries = fields.summaries();
        let last = summaries.last().cloned();
        assert!(last.is_some_and(|last| last.label == OTHERS && last.estimated));
    }

    #[test]
    fn what_was_stored_before_there_were_bounds_is_brought_within_them() {
        let mut bytes = Vec::new();
        number(&mut bytes, 30);
        for label in 0..30 {
            text(&mut bytes, &format!("label {label}"));
            number(&mut bytes, 2);
            text(&mut bytes, "short");
            text(&mut bytes, &"\u{e9}".repeat(9_000));
            number(&mut bytes, 0);
        }
        let fields = Fields::decode(&bytes);
        let summaries = fields.summaries();
        assert_eq!(summaries[15].label, "label 15");
        assert_eq!(
            summaries[15].values,
            ["short".to_owned(), "\u{e9}".repeat(LONGEST_VALUE)]
        );
        assert_eq!(
            (summaries[16].label.as_str(), summaries[16].distinct),
            (OTHERS, 14)
        );
        assert!(fields.encode().unwrap_or_default().len() <= LARGEST);
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
        fn what_is_stored_is_bounded_and_comes_back(
            all in prop::collection::vec(("[a-z\u{1f600}]{0,2}|.{190,210}", ".{0,3}|.{250,300}"), 0..200),
        ) {
            let mut fields = Fields::default();
            for (label, value) in &all {
                fields.add(&collected(label, value));
            }
            let bytes = fields.encode().unwrap_or_default();
            prop_assert!(bytes.len() <= LARGEST);
            prop_assert!(fields.summaries().len() <= MOST_LABELS + 1);
            prop_assert_eq!(Fields::decode(&bytes), fields);
        }

        #[test]
        fn damaged_bytes_are_no_reason_to_panic(bytes: Vec<u8>) {
            let _ = Fields::decode(&bytes);
        }
    }
}
