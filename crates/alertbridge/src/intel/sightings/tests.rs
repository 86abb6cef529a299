//! What is counted, and what is made of a report's end.

use alertbridge_intel::Indicator;
use alertbridge_ledger::LONGEST_TALLY;
use alertbridge_sinks::Matched;
use serde_json::{Value, json};

use super::*;

const TALLIES: SightingTallies = SightingTallies { interval: 3600 };

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn alert(timestamp: &str, agent: Value) -> Alert {
    let alert = json!({"id": "1795250613.1", "timestamp": timestamp, "agent": agent, "manager": {"name": "m1"},
        "rule": {"id": "61650", "level": 5, "description": "DNS\n"}});
    Alert::parse(alert.to_string().into_bytes()).unwrap()
}

fn hit(provider: &str) -> IntelHit {
    let indicator = Indicator::stix(provider, "4f8b", "[a:b = 'c']");
    IntelHit {
        indicator_id: Some(indicator.id),
        matched: Matched::Pattern,
        value: "evil.example".to_owned(),
        kind: alertbridge_alert::ObservableKind::Domain,
        indicator: "evil.example".to_owned(),
        description: None,
        created_by: None,
        pattern: None,
        score: None,
        confidence: None,
        labels: Vec::new(),
        marking: None,
        link: None,
        detail: String::new(),
        expired: false,
        revoked: false,
        valid_from: None,
        valid_until: None,
        provider: provider.to_owned(),
        observable: None,
    }
}

fn claimed(tally: &Tally, first: &str, last: &str, count: u64) -> ClaimedTally {
    ClaimedTally {
        number: 1,
        fence: 1,
        key: tally.key.clone(),
        running: 1,
        count,
        first_at: at(first),
        last_at: at(last),
        body: tally.body.clone(),
        begun: 1,
    }
}

#[test]
fn an_hour_of_one_agent_is_one_sighting_and_other_hours_agents_and_providers_are_not() {
    let of = |timestamp: &str, agent: Value| {
        let hits = [hit(OPENCTI), hit("file")];
        let tallies = TALLIES.of(&alert(timestamp, agent), &hits, at("2026-11-21T10:40:00Z"));
        assert_eq!(tallies.len(), 1);
        tallies[0].clone()
    };
    let web = || json!({"id": "003", "name": "web01"});
    let first = of("2026-11-21T10:05:00.352+0000", web());
    assert_eq!(first.due_at, at("2026-11-21T11:05:00Z"));
    assert_eq!(of("2026-11-21T10:39:00.352+0000", web()).key, first.key);
    assert_ne!(of("2026-11-21T09:59:59.999+0000", web()).key, first.key);
    let other = of(
        "2026-11-21T10:05:00.352+0000",
        json!({"id": "004", "name": "web01"}),
    );
    assert_ne!(other.key, first.key);
    // Without a time, or with one to come, it was seen when it came.
    assert_eq!(of("2026-11-22T10:05:00.352+0000", web()).key, first.key);
    assert_eq!(of("yesterday", web()).key, first.key);
}

#[test]
fn what_was_seen_long_ago_is_reported_soon_and_with_its_own_time() {
    let old = alert(
        "2026-11-14T10:05:00.000+0000",
        json!({"id": "000", "name": "m1"}),
    );
    let tally = TALLIES
        .of(&old, &[hit(OPENCTI)], at("2026-11-21T10:40:00Z"))
        .remove(0);
    assert_eq!(tally.due_at, at("2026-11-21T10:45:00Z"));
    let late = sighting(&claimed(
        &tally,
        "2026-11-21T10:40:00Z",
        "2026-11-21T10:41:00Z",
        2,
    ));
    let late = late.unwrap();
    assert_eq!(late.first_seen, at("2026-11-14T10:05:00Z"));
    assert_eq!((late.last_seen, late.count), (late.first_seen, 2));
    assert_eq!(late.place, "Wazuh m1");
    assert!(!late.description.contains('\n'));
}

#[test]
fn a_sighting_spans_what_came_in_its_hour() {
    let agent = json!({"id": "003", "name": "web01"});
    let first = alert("2026-11-21T10:05:00.000+0000", agent);
    let tally = TALLIES
        .of(&first, &[hit(OPENCTI)], at("2026-11-21T10:05:01Z"))
        .remove(0);
    let seen = sighting(&claimed(
        &tally,
        "2026-11-21T10:05:01Z",
        "2026-11-21T10:45:00Z",
        7,
    ));
    let seen = seen.unwrap();
    assert_eq!(seen.first_seen, at("2026-11-21T10:05:00Z"));
    assert_eq!(
        (seen.last_seen, seen.count),
        (at("2026-11-21T10:45:00Z"), 7)
    );
    assert_eq!(seen.place, "web01 (agent 003 of Wazuh m1)");
    // One that came a moment behind the hour takes nothing from it.
    let straggling = sighting(&claimed(
        &tally,
        "2026-11-21T10:05:01Z",
        "2026-11-21T11:00:01Z",
        8,
    ));
    assert_eq!(
        straggling.unwrap().last_seen,
        at("2026-11-21T10:59:59.999Z")
    );
    assert!(
        sighting(&ClaimedTally {
            body: b"{}".to_vec(),
            ..claimed(&tally, "2026-11-21T10:05:01Z", "2026-11-21T10:05:01Z", 1)
        })
        .is_none()
    );
}

#[test]
fn an_opencti_that_is_away_costs_no_sighting_and_one_that_refuses_a_single_one_does() {
    let section: IntelConfig = toml::from_str(
        "[opencti]\nurl = \"http://127.0.0.1:1\"\ntoken = \"0a1b2c3d-0000-4000-8000-000000000000\"\n\
         [sightings]\ntoken = \"0a1b2c3d-0000-4000-8000-000000000001\"\n",
    )
    .unwrap();
    let reports = SightingReports::new(&section).unwrap().unwrap();
    for _ in 0..10 * MOST_TRIES {
        // Others get through in between, and it is away again.
        reports.reported.fetch_add(1, Relaxed);
        for kind in [ErrorKind::Timeout, ErrorKind::Unreachable, ErrorKind::Token] {
            assert!(!reports.is_to_blame(1, kind));
        }
    }
    for _ in 0..10 * MOST_TRIES {
        assert!(
            !reports.is_to_blame(2, ErrorKind::Busy),
            "no other got through"
        );
    }
    for _ in 1..MOST_TRIES {
        reports.reported.fetch_add(1, Relaxed);
        assert!(!reports.is_to_blame(2, ErrorKind::Busy));
    }
    reports.reported.fetch_add(1, Relaxed);
    assert!(reports.is_to_blame(2, ErrorKind::Busy));
}

proptest::proptest! {
    #[test]
    fn a_tally_is_never_due_later_than_the_ledger_keeps_it(interval in 1_i64..=21_600, made in 0_i64..2_000_000_000, now in 0_i64..2_000_000_000) {
        let tallies = SightingTallies { interval };
        let (made, now) = (Timestamp::from_second(made).unwrap(), Timestamp::from_second(now).unwrap());
        let tally = tallies.of(&alert(&made.to_string(), json!({})), &[hit(OPENCTI)], now).remove(0);
        let wait = Duration::try_from(tally.due_at.duration_since(now)).unwrap();
        proptest::prop_assert!(wait <= LONGEST_TALLY);
    }
}
