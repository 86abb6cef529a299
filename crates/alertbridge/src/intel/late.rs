//! How what is known late travels: as an alert of its own.
//!
//! An alert that was kept, and an indicator that came after it, make a new alert in the books, of the pseudo source [`SOURCE`]. Its
//! reference is made of both, so the ledger itself sees that each pair is told once; its bytes are those of the alert. So late
//! knowledge has what every alert has: it is claimed, tried again, looked up, counted, and the books balance.

use alertbridge_sinks::IntelHit;

use super::hits::pair;

/// The source's name in the books.
pub const SOURCE: &str = "intel";
/// The sink that writes late hits into what IRIS has.
pub const SINK: &str = "iris-intel";
/// The lane of late events.
pub const LANE: &str = "late";

const MARK: &str = "#intel:";

/// The reference of an alert and an indicator.
pub fn reference(of: &str, hit: &IntelHit) -> String {
    format!("{of}{MARK}{}", pair(hit))
}

/// The alert's reference and the pair, where it is one of these.
pub fn split(reference: &str) -> Option<(&str, &str)> {
    let (of, pair) = reference.rsplit_once(MARK)?;
    // A suffix may stand behind, where two alerts share a reference.
    let pair = pair.get(..16)?;
    pair.bytes()
        .all(|byte| byte.is_ascii_hexdigit())
        .then_some((of, pair))
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn only_our_own_references_are_taken_apart() {
        assert_eq!(
            split("m1:17.2#intel:0123456789abcdef"),
            Some(("m1:17.2", "0123456789abcdef"))
        );
        for other in [
            "m1:17.2",
            "m1:17#intel:",
            "m1:17#intel:0123",
            "m1#intel:wxyzwxyzwxyzwxyz",
        ] {
            assert_eq!(split(other), None, "{other}");
        }
    }
}
