//! How a file is written.

use serde::Deserialize;

/// How a file is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileForm {
    /// Told by its beginning.
    #[default]
    Auto,
    /// A STIX 2.1 bundle, or a plain list of its objects.
    Bundle,
    /// Columns with a header that has `value` or `pattern` in it.
    Csv,
    /// One value a line; `#` begins a comment.
    Lines,
}

impl FileForm {
    /// The word in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Bundle => "bundle",
            Self::Csv => "csv",
            Self::Lines => "lines",
        }
    }

    /// The form of a text, where it is not given. Never [`FileForm::Auto`].
    pub(super) fn of(self, text: &str) -> Self {
        if self != Self::Auto {
            return self;
        }
        if text.trim_start().starts_with(['{', '[']) && !text.trim_start().starts_with("[::") {
            // A pattern of its own begins with a bracket, too, but not with an object in it.
            let inner = text.trim_start().trim_start_matches('[').trim_start();
            if text.trim_start().starts_with('{') || inner.starts_with(['{', ']']) {
                return Self::Bundle;
            }
        }
        let header = text
            .lines()
            .find(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
        match header.map(super::csv::is_header) {
            Some(true) => Self::Csv,
            _ => Self::Lines,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_told_by_the_beginning() {
        for (text, form) in [
            ("", FileForm::Lines),
            ("# list\n203.0.113.9\n", FileForm::Lines),
            ("  {\"type\":\"bundle\"}", FileForm::Bundle),
            ("[ {\"type\":\"indicator\"} ]", FileForm::Bundle),
            ("[]", FileForm::Bundle),
            ("[ipv4-addr:value = '203.0.113.9']\n", FileForm::Lines),
            ("# x\ntype,value,score\nip,203.0.113.9,50\n", FileForm::Csv),
            ("\"Value\";\"Label\"\r\na;b", FileForm::Csv),
            ("value\n203.0.113.9\n", FileForm::Csv),
            ("evil.example,other.example\n", FileForm::Lines),
        ] {
            assert_eq!(FileForm::Auto.of(text), form, "{text:?}");
        }
        assert_eq!(FileForm::Lines.of("{}"), FileForm::Lines);
    }
}
