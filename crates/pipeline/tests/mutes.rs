//! Mute times: nights, weekdays, ends of months, and the two nights a year on which clocks are changed.
#![expect(clippy::unwrap_used, reason = "a failed step ends the test")]

use alertbridge_alert::Alert;
use alertbridge_pipeline::{AlertView, QuietConfig, QuietRules, Silencer, Silences};

fn rules(text: &str) -> QuietRules {
    QuietRules::try_from(toml::from_str::<QuietConfig>(text).unwrap()).unwrap()
}

fn mute(conditions: &str) -> QuietRules {
    rules(&format!(
        "[[mute]]\nname = \"m\"\ncomment = \"c\"\nmatchers = \"rule.id = 1\"\n{conditions}"
    ))
}

fn is_muted(rules: &QuietRules, now: &str) -> bool {
    let alert = Alert::parse(br#"{"rule":{"id":"1"}}"#.to_vec()).unwrap();
    let text = alert.text();
    let view = AlertView::new(alert.head(), &text);
    let none = Silences::default();
    let silencer = rules.silencer(&view, &none, now.parse().unwrap());
    assert!(silencer.is_none_or(|silencer| silencer == Silencer::Mute("m")));
    silencer.is_some()
}

fn check(conditions: &str, cases: &[(&str, bool)]) {
    let rules = mute(conditions);
    for (now, expected) in cases {
        assert_eq!(is_muted(&rules, now), *expected, "{conditions}: {now}");
    }
}

#[test]
fn a_time_over_midnight_belongs_to_the_day_it_begins_on() {
    check(
        "weekdays = [\"friday\"]\ntimes = [{ start_time = \"22:00\", end_time = \"06:00\" }]",
        &[
            // 2026-01-02 is a Friday.
            ("2026-01-02T05:59Z", false),
            ("2026-01-02T21:59:59Z", false),
            ("2026-01-02T22:00Z", true),
            ("2026-01-03T05:59:59Z", true),
            ("2026-01-03T06:00Z", false),
            ("2026-01-03T23:00Z", false),
        ],
    );
}

#[test]
fn where_clocks_are_put_forward_a_time_that_is_left_out_mutes_nothing() {
    let zone = "time_zone = \"Europe/Berlin\"\n";
    check(
        &format!("{zone}times = [{{ start_time = \"02:00\", end_time = \"03:00\" }}]"),
        &[
            ("2026-03-28T01:00Z", true),
            ("2026-03-29T00:59:59Z", false),
            ("2026-03-29T01:00Z", false),
            ("2026-03-30T00:00Z", true),
        ],
    );
    // A night with a gap is shorter and ends by the clock.
    check(
        &format!("{zone}times = [{{ start_time = \"22:00\", end_time = \"06:00\" }}]"),
        &[
            ("2026-03-28T21:00Z", true),
            ("2026-03-29T03:59Z", true),
            ("2026-03-29T04:00Z", false),
        ],
    );
}

#[test]
fn where_clocks_are_put_back_a_time_that_comes_twice_mutes_twice() {
    check(
        "time_zone = \"Europe/Berlin\"\ntimes = [{ start_time = \"02:00\", end_time = \"03:00\" }]",
        &[
            ("2026-10-24T23:59Z", false),
            ("2026-10-25T00:00Z", true),
            ("2026-10-25T00:59Z", true),
            ("2026-10-25T01:00Z", true),
            ("2026-10-25T02:00Z", false),
        ],
    );
}

#[test]
fn all_given_conditions_must_hold_and_of_each_list_any() {
    check(
        "weekdays = [\"monday:friday\", \"Sunday\"]\ndays_of_month = [\"1:7\", \"-1\"]\nmonths = [\"november:january\", \"6\"]",
        &[
            ("2026-01-01T00:00Z", true),  // Thursday, the 1st
            ("2026-01-03T00:00Z", false), // Saturday
            ("2026-01-04T23:59Z", true),  // Sunday
            ("2026-01-08T00:00Z", false), // not in the first seven
            ("2026-06-30T00:00Z", true),  // the last
            ("2026-02-02T00:00Z", false), // no such month
        ],
    );
}

#[test]
fn days_are_counted_from_the_end_of_each_month() {
    check(
        "days_of_month = [\"-1\"]",
        &[
            ("2026-02-28T00:00Z", true),
            ("2028-02-28T00:00Z", false),
            ("2028-02-29T00:00Z", true),
        ],
    );
    check(
        "days_of_month = [\"-3:-1\"]",
        &[("2026-04-27T00:00Z", false), ("2026-04-28T00:00Z", true)],
    );
    check(
        "days_of_month = [\"29:31\"]",
        &[("2026-02-28T00:00Z", false), ("2026-03-31T00:00Z", true)],
    );
    check(
        "days_of_month = [\"20:-1\"]",
        &[("2026-02-19T00:00Z", false), ("2026-02-28T00:00Z", true)],
    );
}

#[test]
fn a_mute_time_that_makes_no_sense_is_refused_with_its_key() {
    let refused = |conditions: &str| {
        let text = format!(
            "[[mute]]\nname = \"m\"\ncomment = \"c\"\nmatchers = \"rule.id = 1\"\n{conditions}"
        );
        QuietRules::try_from(toml::from_str::<QuietConfig>(&text).unwrap())
            .unwrap_err()
            .to_string()
    };
    for (conditions, expected) in [
        (
            "time_zone = \"Berlin\"",
            "quiet.mute \"m\": time_zone \"Berlin\" is unknown",
        ),
        (
            "weekdays = [\"someday\"]",
            "quiet.mute \"m\" weekdays[0]: expected a day or a range",
        ),
        (
            "days_of_month = [\"1\", \"32\"]",
            "quiet.mute \"m\" days_of_month[1]: expected a day of the month",
        ),
        (
            "days_of_month = [\"25:5\"]",
            "quiet.mute \"m\" days_of_month[0]: \"25:5\" ends before it begins",
        ),
        (
            "months = [\"13\"]",
            "quiet.mute \"m\" months[0]: expected a month",
        ),
        (
            "years = [\"2028:2026\"]",
            "quiet.mute \"m\" years[0]: expected a year",
        ),
        (
            "times = [{ start_time = \"6:00\", end_time = \"07:00\" }]",
            "quiet.mute \"m\" times[0]: expected a time such as 06:00",
        ),
        (
            "times = [{ start_time = \"06:00\", end_time = \"06:00\" }]",
            "quiet.mute \"m\" times[0]: start_time and end_time are both 06:00",
        ),
    ] {
        let error = refused(conditions);
        assert!(error.starts_with(expected), "{error}");
    }
    let wide = "[[mute]]\nname = \"m\"\ncomment = \"c\"\nmatchers = \"rule.level < 5\"";
    let error = QuietRules::try_from(toml::from_str::<QuietConfig>(wide).unwrap()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("nearly everything would be muted"),
        "{error}"
    );
}
