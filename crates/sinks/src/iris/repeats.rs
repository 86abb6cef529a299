//! The words for alerts that were counted into one: the text of the block `repeats`, and the lists of a digest. Pure.

use jiff::Timestamp;

use super::safe_text::{Changes, cut, page_text};
use crate::FieldSummary;

/// Longest text about repeats in bytes.
const TEXT_LIMIT: usize = 8 * 1024;
/// Longest value that is shown in bytes.
const VALUE_LIMIT: usize = 200;
/// The most fields and the most values of a field that are shown.
const MOST_FIELDS: usize = 16;
const MOST_VALUES: usize = 20;

/// Repeats of one alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeats {
    /// How many were counted into it; the alert itself is none of them.
    pub folded: u64,
    /// When the alert itself came, UTC.
    pub first_at: Timestamp,
    /// When the last repeat came, UTC.
    pub last_at: Timestamp,
    /// What varies, the alert's own values included.
    pub fields: Vec<FieldSummary>,
    /// The highest rule level among them.
    pub level: u32,
}

impl Repeats {
    /// The text for people; the same for the same repeats.
    ///
    /// ```
    /// use alertbridge_sinks::{FieldSummary, iris::Repeats};
    ///
    /// let repeats = Repeats {
    ///     folded: 412,
    ///     first_at: "2026-11-21T08:00:00Z".parse().unwrap(),
    ///     last_at: "2026-11-21T08:04:59Z".parse().unwrap(),
    ///     fields: vec![FieldSummary {
    ///         label: "source IPs".to_owned(),
    ///         values: vec!["203.0.113.7".to_owned(), "203.0.113.8".to_owned()],
    ///         distinct: 37,
    ///         estimated: false,
    ///     }],
    ///     level: 5,
    /// };
    /// assert_eq!(
    ///     repeats.text(),
    ///     "seen 413 times from 2026-11-21 08:00:00 to 2026-11-21 08:04:59 UTC, highest rule level 5\n\
    ///      37 source IPs: 203.0.113.7, 203.0.113.8 and 35 more"
    /// );
    /// ```
    pub fn text(&self) -> String {
        let mut lines = vec![format!(
            "seen {} times from {} to {} UTC, highest rule level {}",
            grouped(self.folded.saturating_add(1)),
            moment(self.first_at),
            moment(self.last_at),
            self.level
        )];
        lines.extend(field_lines(&self.fields));
        cut(
            &lines.join("\n"),
            TEXT_LIMIT,
            "repeats_cut",
            &mut Changes::default(),
        )
    }
}

/// One line per field: `37 source IPs: 203.0.113.7, 203.0.113.8 and 35 more`.
pub(super) fn field_lines(fields: &[FieldSummary]) -> impl Iterator<Item = String> {
    fields
        .iter()
        .filter(|field| !field.values.is_empty())
        .take(MOST_FIELDS)
        .map(|field| {
            let mut unused = Changes::default();
            let shown: Vec<String> = field
                .values
                .iter()
                .take(MOST_VALUES)
                .map(|value| {
                    cut(
                        &page_text(value, &mut unused).replace(['\n', '\t'], " "),
                        VALUE_LIMIT,
                        "value_cut",
                        &mut unused,
                    )
                })
                .collect();
            let more = field.distinct.saturating_sub(shown.len() as u64);
            let more = match (more, field.estimated) {
                (0, _) => String::new(),
                (more, false) => format!(" and {} more", grouped(more)),
                (more, true) => format!(" and about {} more", grouped(more)),
            };
            format!("{}: {}{more}", counted(field), shown.join(", "))
        })
}

/// `37 source IPs`, `about 1,200 users`.
pub(super) fn counted(field: &FieldSummary) -> String {
    let about = if field.estimated { "about " } else { "" };
    let label = page_text(&field.label, &mut Changes::default()).replace(['\n', '\t'], " ");
    // Labels are plurals but for names of fields; one of a kind is `1 source IP`.
    let distinct = field.distinct.max(field.values.len() as u64);
    let label = match label.strip_suffix('s') {
        Some(one) if distinct == 1 && !label.contains('.') => one.to_owned(),
        _ => label,
    };
    format!("{about}{} {label}", grouped(distinct))
}

/// `1,234,567`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `2026-11-21 08:00:00`, in UTC.
pub(super) fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repeats(fields: Vec<FieldSummary>) -> Repeats {
        Repeats {
            folded: 0,
            first_at: Timestamp::UNIX_EPOCH,
            last_at: Timestamp::UNIX_EPOCH,
            fields,
            level: 3,
        }
    }

    #[test]
    fn an_estimate_says_so_and_one_of_a_kind_is_singular() {
        let field = |values: &[&str], distinct, estimated| FieldSummary {
            label: "users".to_owned(),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
            distinct,
            estimated,
        };
        let text = repeats(vec![
            field(&["root"], 1234, true),
            field(&["root"], 1, false),
            field(&[], 0, false),
        ])
        .text();
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(
            lines,
            [
                "about 1,234 users: root and about 1,233 more",
                "1 user: root"
            ]
        );
    }

    #[test]
    fn hostile_values_are_harmless_and_the_text_is_bounded() {
        let values = (0..1000)
            .map(|n| format!("<b>{n}\n\u{202e}{}", "x".repeat(10_000)))
            .collect();
        let field = FieldSummary {
            label: "users".to_owned(),
            values,
            distinct: u64::MAX,
            estimated: false,
        };
        let text = repeats(vec![field; 100]).text();
        assert!(text.len() <= TEXT_LIMIT);
        assert!(!text.contains(['<', '\u{202e}']));
        assert_eq!(text.lines().nth(1).unwrap().find('\n'), None);
    }

    #[test]
    fn numbers_are_grouped() {
        let texts: Vec<String> = [0, 12, 999, 1000, 1_234_567]
            .into_iter()
            .map(grouped)
            .collect();
        assert_eq!(texts, ["0", "12", "999", "1,000", "1,234,567"]);
    }
}
