//! Tells which key was probably meant.

/// The error's own words (line, caret, the keys there are), and the nearest of those keys.
pub(super) fn explain(error: &toml::de::Error) -> String {
    let text = error.to_string();
    match nearest(error.message()) {
        Some(name) => format!("{}\n  did you mean `{name}`?", text.trim_end()),
        None => text,
    }
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
    use super::nearest;

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
