//! One value a line. Empty lines and what follows `#` after white space are left out.

use super::{Reading, value};

pub(super) fn read(text: &str) -> Reading {
    let mut reading = Reading::default();
    for (line, number) in text.lines().zip(1..) {
        let value = without_comment(line).trim();
        if value.is_empty() {
            continue;
        }
        match value::indicator(value, None) {
            Ok(indicator) => reading.indicators.push(indicator),
            Err(what) => reading.fault(number, what),
        }
    }
    reading
}

/// A `#` inside a URL is no comment.
fn without_comment(line: &str) -> &str {
    let comment = line.match_indices('#').find(|(at, _)| {
        line[..*at]
            .chars()
            .next_back()
            .is_none_or(char::is_whitespace)
    });
    comment.map_or(line, |(at, _)| &line[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_comments_and_faults_are_told_apart_by_line() {
        let text =
            "# my list\r\n\r\n203.0.113.9 # scanner\r\nhttp://evil.example/a#b\r\nnot one\r\n";
        let reading = read(text);
        let patterns: Vec<&str> = reading
            .indicators
            .iter()
            .map(|indicator| indicator.pattern.as_str())
            .collect();
        assert_eq!(patterns.len(), 2, "{patterns:?}");
        assert_eq!(patterns[0], "[ipv4-addr:value = '203.0.113.9']");
        assert_eq!((reading.faulty, reading.faults[0].0), (1, 5));
        assert!(reading.faults_in_words("line").starts_with("line 5: "));
    }

    #[test]
    fn many_faults_are_counted_and_few_are_named() {
        let reading = read(&"?\n".repeat(1000));
        assert_eq!((reading.faulty, reading.faults.len()), (1000, 5));
        assert!(reading.faults_in_words("line").ends_with("and 995 more"));
    }
}
