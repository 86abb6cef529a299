//! Which event times IRIS takes, and what its database makes of them (facts §3).
//!
//! The trap: a value with an offset is converted into the database session's time zone and stored without
//! a zone, while a naive one is stored as it is.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

/// The stored text, or none for "Not a valid datetime.".
pub(crate) fn stored(text: &str, database_zone: &TimeZone) -> Option<String> {
    let bytes = text.as_bytes();
    if !text.is_ascii() || bytes.len() < 16 {
        return None;
    }
    let year = number(&text[0..4])?;
    let month = number(&text[5..7])?;
    let day = number(&text[8..10])?;
    let hour = number(&text[11..13])?;
    let minute = number(&text[14..16])?;
    let separators = [bytes[4], bytes[7], bytes[13]];
    if separators != *b"--:" || !matches!(bytes[10], b'T' | b' ') {
        return None;
    }
    let mut rest = &text[16..];
    let mut second = 0;
    let mut nanosecond = 0;
    if let Some(after) = rest.strip_prefix(':') {
        second = number(after.get(..2)?)?;
        rest = &after[2..];
        if let Some(fraction) = rest.strip_prefix('.') {
            let length = fraction.bytes().take_while(u8::is_ascii_digit).count();
            if length == 0 || length > 9 {
                return None;
            }
            // Microseconds are kept, the rest is cut off.
            let micros: String = format!("{:0<6}", &fraction[..length])
                .chars()
                .take(6)
                .collect();
            nanosecond = number(&micros)? * 1_000;
            rest = &fraction[length..];
        }
    }
    let civil = DateTime::new(
        i16::try_from(year).ok()?,
        i8::try_from(month).ok()?,
        i8::try_from(day).ok()?,
        i8::try_from(hour).ok()?,
        i8::try_from(minute).ok()?,
        i8::try_from(second).ok()?,
        nanosecond,
    )
    .ok()?;
    if year == 0 {
        return None;
    }
    if rest.is_empty() {
        return Some(print(civil));
    }
    let offset = offset(rest)?;
    let instant = offset.to_timestamp(civil).ok()?;
    Some(print(database_zone.to_datetime(instant)))
}

/// A civil time as IRIS prints it: microseconds only when there are any.
pub(crate) fn print(civil: DateTime) -> String {
    let micros = civil.subsec_nanosecond() / 1_000;
    let mut text = format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
        civil.year(),
        civil.month(),
        civil.day(),
        civil.hour(),
        civil.minute(),
        civil.second()
    );
    if micros != 0 {
        text.push_str(&format!(".{micros:06}"));
    }
    text
}

fn number(digits: &str) -> Option<i32> {
    digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| digits.parse().ok())?
}

fn offset(text: &str) -> Option<Offset> {
    if text == "Z" {
        return Some(Offset::UTC);
    }
    let sign = match text.as_bytes()[0] {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits = text[1..].replacen(':', "", usize::from(text.len() == 6));
    if digits.len() != 4 {
        return None;
    }
    let hours = number(&digits[..2])?;
    let minutes = number(&digits[2..])?;
    Offset::from_seconds(sign * (hours * 3_600 + minutes * 60)).ok()
}

#[cfg(test)]
mod tests {
    use jiff::tz::{Offset, TimeZone};

    use super::stored;

    #[test]
    fn accepted_and_refused_forms_are_those_of_the_facts() {
        let utc = TimeZone::UTC;
        for (text, expected) in [
            ("2026-11-20T10:11:12", "2026-11-20T10:11:12"),
            ("2026-11-20 10:11:12", "2026-11-20T10:11:12"),
            ("2026-11-20T10:11", "2026-11-20T10:11:00"),
            ("2026-11-20T10:11:12.5", "2026-11-20T10:11:12.500000"),
            (
                "2026-11-20T10:11:12.123456789",
                "2026-11-20T10:11:12.123456",
            ),
            ("2026-11-20T10:11:12Z", "2026-11-20T10:11:12"),
            ("2026-11-20T10:11:12+00:00", "2026-11-20T10:11:12"),
            ("2026-11-20T10:11:12.123+0000", "2026-11-20T10:11:12.123000"),
            ("2026-11-20T10:11:12+0200", "2026-11-20T08:11:12"),
            ("2026-11-20T10:11:12-05:30", "2026-11-20T15:41:12"),
            ("9999-12-31T23:59:59", "9999-12-31T23:59:59"),
        ] {
            assert_eq!(stored(text, &utc).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "",
            "2026-11-20",
            "20261120T101112",
            "1795250582",
            "Fri, 20 Nov 2026 10:11:12 +0000",
            "2026-11-20T10:11:60",
            "10000-01-01T00:00:00",
            "2026-02-30T00:00:00",
            "2026-11-20T10:11:12 ",
            "2026-11-20T10:11:12+",
            "2026-11-20T10:11:12.",
            "2026-11-20Té:11:12",
        ] {
            assert_eq!(stored(text, &utc), None, "{text}");
        }
    }

    #[test]
    fn an_offset_is_converted_into_the_zone_of_the_database() {
        let paris_in_summer = TimeZone::fixed(Offset::constant(2));
        assert_eq!(
            stored("2026-07-20T10:11:12Z", &paris_in_summer).as_deref(),
            Some("2026-07-20T12:11:12")
        );
        assert_eq!(
            stored("2026-07-20T10:11:12", &paris_in_summer).as_deref(),
            Some("2026-07-20T10:11:12")
        );
    }
}
