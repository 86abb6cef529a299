//! E-mail addresses.

use super::{defang::refang, domain::domain};

/// The normal form of an address: lower case, without `mailto:` and angle brackets, its domain as
/// [`domain()`](super::domain()) gives it. Lower case throughout, because OpenCTI compares without case (facts/opencti.md §2.2).
///
/// ```
/// use alertbridge_alert::observables::email;
///
/// assert_eq!(email("<Bob@Evil.example>").as_deref(), Some("bob@evil.example"));
/// assert_eq!(email("bob[at]evil[dot]example").as_deref(), Some("bob@evil.example"));
/// assert_eq!(email("bob@host"), None);
/// ```
pub fn email(text: &str) -> Option<String> {
    let text =
        text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>'));
    if text.len() > 1100 {
        return None;
    }
    let text = refang(text);
    let address = match text.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("mailto:") => &text[7..],
        _ => &text,
    };
    let (local, host) = address.rsplit_once('@')?;
    let is_local = !local.is_empty()
        && !local.starts_with('\'')
        && local.len() <= 64
        && local
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-=?^_`{|}~.".contains(&byte));
    // A port belongs to no address.
    if !is_local || host.contains(':') {
        return None;
    }
    Some(format!("{}@{}", local.to_ascii_lowercase(), domain(host)?))
}
