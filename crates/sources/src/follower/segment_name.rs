//! The name of one archived segment, `2026/Nov/ossec-alerts-21-001.json`, and its place in time.
//!
//! analysisd names a day's first segment `ossec-alerts-DD.json` and the ones after a rotation by size or interval `-001`,
//! `-002`, …; monitord later puts `.gz` behind (`facts/wazuh.md` §2). Months are English whatever the locale. The order of
//! names is the order of writing; time zones play no part.

use std::fmt;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// The month's number (1 to 12) for a folder name such as `Nov`.
pub(super) fn month_number(name: &str) -> Option<u8> {
    let index = MONTHS.iter().position(|month| *month == name)?;
    u8::try_from(index + 1).ok()
}

/// A segment's name, ordered as the segments were written. The fields' order makes the derived order right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SegmentName {
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    pub day: u8,
    /// 0 for the day's first segment, then 1, 2, …
    pub part: u32,
}

impl SegmentName {
    /// Reads a file name inside the folder of `year` and `month`; true in the pair means gzip.
    pub(super) fn from_file_name(year: u16, month: u8, name: &str) -> Option<(SegmentName, bool)> {
        let (stem, gzipped) = match name.strip_suffix(".json.gz") {
            Some(stem) => (stem, true),
            None => (name.strip_suffix(".json")?, false),
        };
        let numbers = stem.strip_prefix("ossec-alerts-")?;
        let (day, part) = match numbers.split_once('-') {
            Some((day, part)) => (day, digits(part)?),
            None => (numbers, 0),
        };
        if day.len() != 2 {
            return None;
        }
        let day = u8::try_from(digits(day)?).ok()?;
        Some((
            SegmentName {
                year,
                month,
                day,
                part,
            },
            gzipped,
        ))
    }

    /// Reads the form that [`fmt::Display`] writes.
    pub(super) fn parse(text: &str) -> Option<SegmentName> {
        let mut pieces = text.split('/');
        let (year, month, file) = (pieces.next()?, pieces.next()?, pieces.next()?);
        if pieces.next().is_some() {
            return None;
        }
        let year = u16::try_from(digits(year)?).ok()?;
        let (name, gzipped) = SegmentName::from_file_name(year, month_number(month)?, file)?;
        (!gzipped).then_some(name)
    }

    /// The first name a day can have.
    pub(super) fn first_of(date: jiff::civil::Date) -> SegmentName {
        SegmentName {
            year: u16::try_from(date.year()).unwrap_or(0),
            month: u8::try_from(date.month()).unwrap_or(1),
            day: u8::try_from(date.day()).unwrap_or(1),
            part: 0,
        }
    }

    /// The segment's day, where the name holds one that exists.
    pub(super) fn date(self) -> Option<jiff::civil::Date> {
        let year = i16::try_from(self.year).ok()?;
        let (month, day) = (i8::try_from(self.month).ok()?, i8::try_from(self.day).ok()?);
        jiff::civil::Date::new(year, month, day).ok()
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let month = MONTHS
            .get(usize::from(self.month).wrapping_sub(1))
            .unwrap_or(&"Jan");
        write!(
            formatter,
            "{:04}/{month}/ossec-alerts-{:02}",
            self.year, self.day
        )?;
        if self.part > 0 {
            write!(formatter, "-{:03}", self.part)?;
        }
        formatter.write_str(".json")
    }
}

/// Like `parse`, but takes digits only (`parse` would take a sign).
fn digits(text: &str) -> Option<u32> {
    let only_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    only_digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> SegmentName {
        SegmentName::parse(text).unwrap()
    }

    #[test]
    fn names_are_ordered_by_time_over_parts_days_months_and_years() {
        let in_order = [
            "2025/Dec/ossec-alerts-31.json",
            "2026/Jan/ossec-alerts-01.json",
            "2026/Apr/ossec-alerts-30-002.json",
            "2026/Aug/ossec-alerts-01.json",
            "2026/Nov/ossec-alerts-09.json",
            "2026/Nov/ossec-alerts-10.json",
            "2026/Nov/ossec-alerts-10-001.json",
            "2026/Nov/ossec-alerts-10-999.json",
            "2026/Nov/ossec-alerts-10-1000.json",
        ];
        assert!(
            in_order
                .windows(2)
                .all(|pair| name(pair[0]) < name(pair[1]))
        );
        assert!(in_order.iter().all(|text| name(text).to_string() == *text));
    }

    #[test]
    fn files_that_are_no_alert_segments_have_no_name() {
        for file in [
            "ossec-alerts-21.log",
            "ossec-alerts-21.json.sum",
            "ossec-alerts-21.json.tmp",
            "ossec-alerts-2x.json",
            "ossec-alerts-.json",
            "ossec-alerts-+1.json",
            "ossec-alerts-21-.json",
            "alerts.json",
            "",
        ] {
            assert_eq!(SegmentName::from_file_name(2026, 11, file), None, "{file}");
        }
        assert_eq!(
            SegmentName::parse("2026/Nov/../x/ossec-alerts-21.json"),
            None
        );
        assert_eq!(SegmentName::parse("2026/nov/ossec-alerts-21.json"), None);
    }
}
