//! Which of two severities is the graver one.
//!
//! Ids say nothing (1 is Medium, 2 Unspecified on a fresh 2.4: facts/iris.md §3), so names are compared: IRIS's own six by their
//! meaning, others by the rule levels the configuration gives them. Where two can't be compared, nothing is raised.

use super::config::Mapping;

/// IRIS's own, the least grave first.
const OWN: [&str; 6] = [
    "unspecified",
    "informational",
    "low",
    "medium",
    "high",
    "critical",
];

/// Whether `one` is graver than `other`.
pub(crate) fn is_graver(mapping: &Mapping, one: &str, other: &str) -> bool {
    let own = |name: &str| {
        OWN.iter()
            .position(|own| name.trim().eq_ignore_ascii_case(own))
    };
    if let (Some(one), Some(other)) = (own(one), own(other)) {
        return one > other;
    }
    let level = |wanted: &str| {
        let found = mapping
            .severities
            .iter()
            .find(|(_, name)| name.trim().eq_ignore_ascii_case(wanted.trim()));
        found.map(|(level, _)| *level)
    };
    matches!((level(one), level(other)), (Some(one), Some(other)) if one > other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iris::IrisConfig;

    #[test]
    fn severities_are_compared_by_meaning_and_unknown_ones_not_at_all() {
        let config: IrisConfig =
            serde_json::from_str(r#"{"severities":{"Watch":0,"Page":9,"High":5}}"#).unwrap();
        let mapping = Mapping::of(&config);
        for (one, other, graver) in [
            ("High", "medium", true),
            ("Medium", "High", false),
            ("High", "High", false),
            ("Informational", "Unspecified", true),
            ("Page", "Watch", true),
            ("Page", "High", true),
            ("Page", "Critical", false),
            ("Nothing", "Low", false),
        ] {
            assert_eq!(is_graver(&mapping, one, other), graver, "{one} {other}");
        }
    }
}
