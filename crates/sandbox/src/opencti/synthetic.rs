//! Made-up indicators by number: a million of them cost no memory, because each is a function of its number.
//!
//! Invariants: the number can be read back from either id and, below 2^32, from the pattern; `updated_at`, `created_at`, `created`, `modified`,
//! `valid_from` and both ids grow with the number, so pages in those orders are found without sorting.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use jiff::{SignedDuration, Timestamp};

use super::model::{ObservableValue, StixIdentity, StixIndicator, Tlp, stix_type};

/// Time of number 0, 2026-09-01T00:00:00Z, and the distance to the next.
const FIRST_MS: i64 = 1_788_220_800_000;
const STEP_MS: i64 = 100;
/// 11.0.0.0 and on: outside every private range, so a matcher does not pass it over.
const FIRST_ADDRESS: u32 = 0x0b00_0000;

/// Internal id of a number.
pub fn synthetic_id(number: u64) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}

/// The made-up indicator of a number.
pub fn synthetic_indicator(number: u64) -> StixIndicator {
    let (kind, value) = value(number);
    let at = time(number);
    let mut indicator = StixIndicator::new(&value, &pattern(kind, &value));
    indicator.id = synthetic_id(number);
    indicator.standard_id = standard_id(number);
    indicator.main_observable_type = Some(kind.to_owned());
    indicator.observable_values = vec![observable_value(kind, &value)];
    // Every eleventh has no score at all: the platform allows it.
    indicator.score = (!number.is_multiple_of(11)).then_some((number % 101) as i64);
    indicator.confidence = (!number.is_multiple_of(7)).then_some((number % 101) as i64);
    indicator.detection = Some(number.is_multiple_of(2));
    indicator.revoked = number % 50 == 49;
    indicator.valid_from = Some(at);
    indicator.valid_until = (!number.is_multiple_of(5))
        .then(|| at.saturating_add(SignedDuration::from_hours(470 * 24)).ok())
        .flatten();
    indicator.created = Some(at);
    indicator.modified = Some(at);
    indicator.created_at = at;
    indicator.updated_at = at;
    indicator.labels = number
        .is_multiple_of(3)
        .then(|| vec!["synthetic".to_owned()]);
    indicator.markings = vec![if number.is_multiple_of(10) {
        Tlp::Amber
    } else {
        Tlp::Clear
    }];
    indicator.created_by = number
        .is_multiple_of(4)
        .then(|| StixIdentity::new("Organization", "Synthetic Feed"));
    indicator
}

pub(crate) fn standard_id(number: u64) -> String {
    format!("indicator--00000000-0000-5000-8000-{number:012x}")
}

pub(crate) fn time_ms(number: u64) -> i64 {
    let steps = i64::try_from(number).unwrap_or(i64::MAX);
    FIRST_MS.saturating_add(steps.saturating_mul(STEP_MS))
}

/// The first number whose time is this one or later.
pub(crate) fn first_from(milliseconds: i64) -> u64 {
    let passed = milliseconds.saturating_sub(FIRST_MS);
    u64::try_from(passed)
        .unwrap_or(0)
        .div_ceil(STEP_MS.unsigned_abs())
}

/// The number behind an internal or STIX id, if it is a made-up one.
pub(crate) fn number_of(id: &str) -> Option<u64> {
    let hex = id
        .strip_prefix("00000000-0000-4000-8000-")
        .or_else(|| id.strip_prefix("indicator--00000000-0000-5000-8000-"))?;
    (hex.len() == 12)
        .then(|| u64::from_str_radix(hex, 16).ok())
        .flatten()
}

/// The number that a pattern could be of; whether it is must still be looked at.
pub(crate) fn number_of_pattern(pattern: &str) -> Option<u64> {
    let pattern = pattern.to_lowercase();
    let value = pattern.rsplit('\'').nth(1)?;
    if value.contains(".synthetic.example") {
        let name = value.trim_start_matches("http://").strip_prefix('s')?;
        return name.split('.').next()?.parse().ok();
    }
    if let Ok(address) = value.parse::<Ipv4Addr>() {
        return Some(u64::from(u32::from(address).wrapping_sub(FIRST_ADDRESS)));
    }
    u64::from_str_radix(value.get(48..)?, 16).ok()
}

fn time(number: u64) -> Timestamp {
    Timestamp::from_millisecond(time_ms(number)).unwrap_or(Timestamp::MAX)
}

fn value(number: u64) -> (&'static str, String) {
    match number % 4 {
        0 => ("Domain-Name", format!("s{number}.synthetic.example")),
        1 => {
            let address = FIRST_ADDRESS.wrapping_add(number as u32);
            ("IPv4-Addr", Ipv4Addr::from(address).to_string())
        }
        2 => ("Url", format!("http://s{number}.synthetic.example/path")),
        _ => {
            let mut random = fastrand::Rng::with_seed(number);
            let (first, second) = (random.u128(..), random.u64(..));
            // The number is at the end, so that it can be read back.
            (
                "StixFile",
                format!("{first:032x}{second:016x}{number:016x}"),
            )
        }
    }
}

fn pattern(kind: &str, value: &str) -> String {
    match kind {
        "StixFile" => format!("[file:hashes.'SHA-256' = '{value}']"),
        kind => format!("[{}:value = '{value}']", stix_type(kind)),
    }
}

fn observable_value(kind: &str, value: &str) -> ObservableValue {
    let is_file = kind == "StixFile";
    ObservableValue {
        kind: kind.to_owned(),
        value: (!is_file).then(|| value.to_owned()),
        hashes: match is_file {
            true => BTreeMap::from([("SHA-256".to_owned(), value.to_owned())]),
            false => BTreeMap::new(),
        },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_number_is_read_back_from_its_ids_and_its_pattern(number in 0_u64..1 << 32) {
            let indicator = synthetic_indicator(number);
            assert_eq!(number_of(&indicator.id), Some(number));
            assert_eq!(number_of(&indicator.standard_id), Some(number));
            assert_eq!(number_of_pattern(&indicator.pattern.to_uppercase()), Some(number));
        }

        #[test]
        fn the_first_number_from_a_time_on_is_the_first(number in 0_u64..1 << 32, ahead in 0_i64..STEP_MS) {
            assert_eq!(first_from(time_ms(number) - ahead), number);
            assert_eq!(first_from(time_ms(number) + 1), number + 1);
        }

        #[test]
        fn any_text_may_be_asked_for_a_number(text: String) {
            let _none = (number_of(&text), number_of_pattern(&text));
        }
    }
}
