//! Which techniques exist: MITRE ATT&CK for Enterprise, version 18.1, with the ids that it retired (Wazuh's rules still name them).

use std::{collections::HashMap, sync::LazyLock};

use super::Technique;

/// The id, its name, and a mark where it is retired. Lines with `#` are MITRE's licence.
const LIST: &str = include_str!("../../data/attack-enterprise-18.1.tsv");

static NAMES: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    LIST.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut columns = line.split('\t');
            Some((columns.next()?, columns.next()?))
        })
        .collect()
});

/// Those that exist, each once, and how many do not.
pub(super) fn known(ids: &[String], of_rule: &[String]) -> (Vec<Technique>, u32) {
    let mut known: Vec<Technique> = Vec::new();
    let mut unknown = 0;
    for id in ids {
        match NAMES.get(id.as_str()) {
            None => unknown += 1,
            Some(_) if known.iter().any(|technique| technique.id == *id) => {}
            Some(name) => known.push(Technique {
                id: id.clone(),
                name,
                from_rule: of_rule.contains(id),
            }),
        }
    }
    (known, unknown)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    const ALERTS: &str = include_str!("../../../../data/alerts.jsonl");

    fn ids_of_rules() -> BTreeSet<String> {
        ALERTS
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .filter_map(|alert| Some(alert.pointer("/rule/mitre/id")?.as_array()?.clone()))
            .flatten()
            .filter_map(|id| Some(id.as_str()?.to_owned()))
            .collect()
    }

    #[test]
    fn every_technique_that_real_rules_name_exists() {
        let ids = ids_of_rules();
        assert!(ids.len() > 20, "{}", ids.len());
        let missing: Vec<_> = ids
            .iter()
            .filter(|id| !NAMES.contains_key(id.as_str()))
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn the_list_has_ids_and_names_only() {
        assert_eq!(NAMES.len(), 835);
        for (id, name) in NAMES.iter() {
            let (technique, sub) = id.split_once('.').unwrap_or((id, "000"));
            assert!(
                technique.len() == 5 && technique.starts_with('T') && sub.len() == 3,
                "{id}"
            );
            assert!(!name.is_empty() && !name.contains('<'), "{id}");
        }
        assert_eq!(NAMES["T1059.001"], "PowerShell");
        assert_eq!(
            NAMES["T1107"], "File Deletion",
            "retired, but rules have it"
        );
    }

    #[test]
    fn an_id_that_does_not_exist_is_counted_and_one_that_is_told_twice_is_not() {
        let ids = ["T1059.001", "T9999", "T1105", "T1059.001", "T1059.999"].map(str::to_owned);
        let (known, unknown) = known(&ids, &["T1105".to_owned()]);
        let shown: Vec<_> = known
            .iter()
            .map(|technique| (technique.id.as_str(), technique.name, technique.from_rule))
            .collect();
        assert_eq!(
            shown,
            [
                ("T1059.001", "PowerShell", false),
                ("T1105", "Ingress Tool Transfer", true)
            ]
        );
        assert_eq!(unknown, 2);
    }
}
