//! Real alerts (data/alerts.jsonl) are read whole.

use std::collections::HashSet;

use alertbridge_alert::{Alert, level};

fn lines() -> Vec<&'static str> {
    include_str!("../../../data/alerts.jsonl").lines().collect()
}

#[test]
fn every_real_alert_has_a_reference_a_rule_and_a_time() {
    let mut references = HashSet::new();
    for line in lines() {
        let alert = Alert::parse(line.as_bytes()).unwrap();
        assert!(alert.head().rule_id.is_some(), "{line}");
        assert!(alert.head().timestamp.is_some(), "{line}");
        assert_eq!(level(line.as_bytes()).unwrap(), alert.head().level);
        references.insert((alert.reference(), alert.fingerprint()));
    }
    assert_eq!(
        references.len(),
        lines().len(),
        "each alert has its own identity"
    );
}

#[test]
fn a_copy_written_anew_has_the_same_identity() {
    for line in lines() {
        let alert = Alert::parse(line.as_bytes()).unwrap();
        let copy = Alert::parse(serde_json::to_vec_pretty(&alert.tree()).unwrap()).unwrap();
        assert_eq!(copy.reference(), alert.reference());
        assert_eq!(copy.fingerprint(), alert.fingerprint());
    }
}

#[test]
fn a_copy_of_an_alert_without_an_id_has_the_same_identity() {
    for line in lines() {
        let mut tree: serde_json::Value = serde_json::from_str(line).unwrap();
        tree.as_object_mut().unwrap().remove("id");
        let alert = Alert::parse(serde_json::to_vec(&tree).unwrap()).unwrap();
        let copy = Alert::parse(serde_json::to_vec_pretty(&tree).unwrap()).unwrap();
        assert!(alert.reference().as_str().contains(":content-"));
        assert_eq!(copy.reference(), alert.reference());
    }
}
