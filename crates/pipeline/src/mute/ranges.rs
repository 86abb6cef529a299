//! The words of mute times: `22:00`, `monday:friday`, `-1`, `january:march`. Errors say what was expected.

use super::config::TimesConfig;

const WEEKDAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Both ends are in it. Where the end is before the start, it goes round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    first: i16,
    last: i16,
}

/// Minutes since midnight; the end is not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) start: u16,
    pub(super) end: u16,
}

impl Range {
    pub(super) fn holds(self, number: i16) -> bool {
        if self.first <= self.last {
            return (self.first..=self.last).contains(&number);
        }
        number >= self.first || number <= self.last
    }

    /// Negative days count from the end of the month; what lies outside of it is cut off.
    pub(super) fn holds_day(self, day: i16, days: i16) -> bool {
        let absolute = |day: i16| if day < 0 { days + 1 + day } else { day };
        let (first, last) = (absolute(self.first), absolute(self.last));
        (first.max(1)..=last.min(days)).contains(&day)
    }
}

impl Times {
    pub(super) fn parse(config: &TimesConfig) -> Result<Self, String> {
        let start = minutes(&config.start_time)?;
        let end = minutes(&config.end_time)?;
        if start == 24 * 60 {
            return Err("start_time can't be 24:00: write 00:00".to_owned());
        }
        if start == end {
            return Err(format!(
                "start_time and end_time are both {}: leave the entry out for the whole day",
                config.start_time
            ));
        }
        Ok(Self { start, end })
    }

    pub(super) fn is_over_midnight(self) -> bool {
        self.end < self.start
    }
}

fn minutes(text: &str) -> Result<u16, String> {
    let wrong = || format!("expected a time such as 06:00 (00:00 to 24:00), found {text:?}");
    let (hours, minutes) = text.split_once(':').ok_or_else(wrong)?;
    let number = |digits: &str| {
        let is_number = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_digit());
        is_number.then(|| digits.parse::<u16>().ok()).flatten()
    };
    let (hours, minutes) = number(hours).zip(number(minutes)).ok_or_else(wrong)?;
    if hours > 24 || minutes > 59 || (hours == 24 && minutes > 0) {
        return Err(wrong());
    }
    Ok(hours * 60 + minutes)
}

/// Monday is 1.
pub(super) fn weekdays(text: &str) -> Result<Range, String> {
    range(text, |word| named(&WEEKDAYS, word))
        .ok_or_else(|| format!("expected a day or a range such as monday:friday, found {text:?}"))
}

/// January is 1.
pub(super) fn months(text: &str) -> Result<Range, String> {
    let month = |word: &str| {
        let number = word.parse().ok().filter(|number| (1..=12).contains(number));
        number.or_else(|| named(&MONTHS, word))
    };
    range(text, month).ok_or_else(|| {
        format!("expected a month or a range such as november:february, found {text:?}")
    })
}

pub(super) fn years(text: &str) -> Result<Range, String> {
    let year = |word: &str| {
        word.parse()
            .ok()
            .filter(|year| (1970..=9999).contains(year))
    };
    range(text, year)
        .filter(|range| range.first <= range.last)
        .ok_or_else(|| format!("expected a year or a range such as 2026:2028, found {text:?}"))
}

pub(super) fn days_of_month(text: &str) -> Result<Range, String> {
    let day = |word: &str| {
        let number = word.parse().ok();
        number.filter(|day: &i16| (-31..=31).contains(day) && *day != 0)
    };
    let range = range(text, day).ok_or_else(|| {
        format!("expected a day of the month (1 to 31, or -1 for the last) or a range such as 1:7, found {text:?}")
    })?;
    let runs_back = range.first > range.last && (range.first > 0) == (range.last > 0);
    if runs_back || (range.first < 0 && range.last > 0) {
        return Err(format!(
            "{text:?} ends before it begins: write two entries, such as \"25:31\" and \"1:5\""
        ));
    }
    Ok(range)
}

fn named(names: &[&str], word: &str) -> Option<i16> {
    let place = names
        .iter()
        .position(|name| name.eq_ignore_ascii_case(word))?;
    i16::try_from(place + 1).ok()
}

fn range(text: &str, one: impl Fn(&str) -> Option<i16>) -> Option<Range> {
    let (first, last) = text.split_once(':').unwrap_or((text, text));
    let (first, last) = (one(first.trim())?, one(last.trim())?);
    Some(Range { first, last })
}
