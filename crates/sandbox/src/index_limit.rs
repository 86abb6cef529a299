//! PostgreSQL's limit on indexed text: a B-tree row holds at most 2,704 bytes (facts §3, fact 9).
//!
//! An approximation: PostgreSQL compresses long values with pglz first; here LZ4 stands in. Both know only
//! repeats, no entropy coding, so random text does not shrink in either, 100 KB of one letter passes in both
//! and 1 MB fails in both. Text in between may fall on the other side of the limit.

/// Bytes a row may take.
const MAXIMUM_ROW: usize = 2_704;
/// Row header and length word.
const ROW_OVERHEAD: usize = 12;

/// The size of the index row, when it is too large.
pub(crate) fn excess(text: &str) -> Option<usize> {
    if text.len() + ROW_OVERHEAD <= MAXIMUM_ROW {
        return None;
    }
    let compressed = lz4_flex::block::compress(text.as_bytes()).len();
    let row = (compressed.min(text.len()) + ROW_OVERHEAD).next_multiple_of(8);
    (row > MAXIMUM_ROW).then_some(row)
}

#[cfg(test)]
mod tests {
    use super::excess;

    fn incompressible(length: usize) -> String {
        let mut random = fastrand::Rng::with_seed(7);
        (0..length).map(|_| random.alphanumeric()).collect()
    }

    #[test]
    fn the_measured_points_fall_on_the_measured_side() {
        assert_eq!(excess(&incompressible(2_690)), None);
        assert_eq!(excess(&incompressible(2_700)), Some(2_712));
        assert_eq!(excess(&"a".repeat(100_000)), None);
        assert!(excess(&"a".repeat(1_000_000)).is_some());
    }
}
