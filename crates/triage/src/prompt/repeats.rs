//! The log line mostly says again what the fields say: dropping it alone halves a Sysmon alert (`facts/ai.md §3.4`).

use std::collections::HashSet;

/// A line of which more than this many percent is new is sent.
const NEW_PERCENT: usize = 15;

/// The words of all other fields.
#[derive(Debug, Default)]
pub(super) struct Known(HashSet<String>);

impl Known {
    pub fn add(&mut self, text: &str) {
        self.0.extend(words(text).map(str::to_ascii_lowercase));
    }

    /// The lines of a log that say something new. `None` where there is none.
    pub fn news(&self, log: &str) -> Option<String> {
        let lines: Vec<&str> = log
            .split(['\n', '\r'])
            .filter(|line| self.is_new(line))
            .collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    fn is_new(&self, line: &str) -> bool {
        let (mut all, mut new) = (0, 0);
        for word in words(line) {
            all += word.len();
            if !self.0.contains(&word.to_ascii_lowercase()) {
                new += word.len();
            }
        }
        new * 100 > all * NEW_PERCENT
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_with_news_stay() {
        let mut known = Known::default();
        known.add("data.image C:\\a\\b.exe");
        known.add("user CORP\\bob");
        assert_eq!(known.news("Image: C:\\a\\b.exe\r\nUser: CORP\\bob"), None);
        assert_eq!(
            known
                .news("Image: C:\\a\\b.exe\r\nSomething else happened")
                .unwrap(),
            "Something else happened"
        );
    }
}
