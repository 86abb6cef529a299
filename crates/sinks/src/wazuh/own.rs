//! Which alerts came of our own events. They must never be matched again: an event names the value that was hit, so each would make
//! the next one, for ever (facts/wazuh.md §4).

use alertbridge_alert::Alert;

use super::location::NAME;

/// Whether an alert was made of an event of an OpenCTI integration, ours or a script's beside us.
///
/// ```
/// use alertbridge_alert::Alert;
/// use alertbridge_sinks::wazuh::is_own_event;
///
/// let own = Alert::parse(&br#"{"rule":{"groups":["threat_intel","opencti"]},"data":{"integration":"opencti"}}"#[..]).unwrap();
/// assert!(is_own_event(&own));
/// ```
pub fn is_own_event(alert: &Alert) -> bool {
    let head = alert.head();
    let by_location = head.location.as_deref().is_some_and(|location| {
        location == NAME
            || location
                .strip_suffix(NAME)
                .is_some_and(|from| from.ends_with("->"))
    });
    // The location is told by analysisd, not by the event: quick, and the other two are for rules that change it.
    by_location
        || head.rule_groups.iter().any(|group| group.trim() == NAME)
        || alert
            .tree()
            .pointer("/data/integration")
            .is_some_and(|name| name == NAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_events_are_known_by_location_group_or_integration_and_nothing_else_is() {
        for (text, own) in [
            (r#"{"location":"opencti"}"#, true),
            (r#"{"location":"[003] (web) 10.0.0.3->opencti"}"#, true),
            (r#"{"rule":{"groups":["opencti_alert"," opencti"]}}"#, true),
            (r#"{"data":{"integration":"opencti"}}"#, true),
            (r#"{"location":"/var/log/opencti"}"#, false),
            (
                r#"{"rule":{"groups":["threat_intel"]},"data":{"integration":"virustotal"},"location":"virustotal"}"#,
                false,
            ),
            (r#"{"data":{"integration":["opencti"]}}"#, false),
        ] {
            let alert = Alert::parse(text.as_bytes()).unwrap();
            assert_eq!(is_own_event(&alert), own, "{text}");
        }
    }
}
