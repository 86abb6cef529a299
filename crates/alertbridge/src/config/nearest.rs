//! Tells which key was probably meant.

/// The error's place and words, and the nearest of the keys there are. Never the line itself: it may hold the API key.
pub(super) fn explain(text: &str, error: &toml::de::Error) -> String {
    let place = error.span().map_or_else(String::new, |span| {
        let before = text.get(..span.start).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        format!("line {line}, column {column}: ")
    });
    let mut says = format!("{place}{}", without_values(error.message()));
    if let Some(name) = nearest(error.message()) {
        says.push_str(&format!("\n  did you mean `{name}`?"));
    }
    says
}

/// "invalid type: integer `123`, expected …" without the value.
fn without_values(message: &str) -> String {
    if !message.starts_with("invalid type: ") && !message.starts_with("invalid value: ") {
        return message.to_owned();
    }
    let Some((what, expected)) = message.rsplit_once(", expected ") else {
        return message.to_owned();
    };
    let what = what.split(['`', '"']).next().unwrap_or_default().trim_end();
    format!("{what}, expected {expected}")
}

/// From "unknown field `pth`, expected one of `path`, `port`": `path`.
fn nearest(message: &str) -> Option<&str> {
    let rest = message
        .strip_prefix("unknown field ")
        .or_else(|| message.strip_prefix("unknown variant "))?;
    let mut names = rest.split('`').skip(1).step_by(2);
    let given = names.next()?;
    names
        .map(|name| (strsim::damerau_levenshtein(given, name), name))
        .min()
        .filter(|(distance, name)| *distance <= name.len().max(given.len()) / 2)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::{nearest, without_values};

    #[test]
    fn a_value_of_the_wrong_type_is_not_repeated() {
        assert_eq!(
            without_values("invalid type: integer `12345678`, expected a string"),
            "invalid type: integer, expected a string"
        );
        assert_eq!(
            without_values("invalid type: string \"s3cret, expected x\", expected u64"),
            "invalid type: string, expected u64"
        );
    }

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        assert_eq!(
            nearest("unknown field `pth`, expected one of `path`, `port`"),
            Some("path")
        );
        assert_eq!(nearest("unknown field `zzzzzzzzz`, expected `path`"), None);
        assert_eq!(nearest("invalid type: string"), None);
    }
}
