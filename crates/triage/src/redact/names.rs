//! Which names name a secret: of a JSON field, a variable, a parameter, a long switch.
//!
//! The last words of a name decide: `db_password`, `clientSecret` and `AccountKey` do, `PasswordLastSet`, `password-file` and
//! `TokenElevationType` don't. A number behind them says nothing (`password_2`), nor does a plural of what is a secret (`api_keys`).

use std::collections::{BTreeSet, HashMap};

/// Of longer names the end is looked at.
pub(super) const LONGEST: usize = 96;

/// Endings and the kind each stands for.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Lower case, without separators.
    whole: HashMap<String, String>,
    /// As the last words of a name.
    last: HashMap<String, String>,
    /// Even as the end of a word: `PGPASSWORD`.
    suffix: Vec<(String, String)>,
    never: Vec<String>,
    stems: BTreeSet<String>,
}

impl Names {
    pub fn add_last(&mut self, name: &str, kind: &str) {
        self.add_stem(name);
        self.last.insert(squeezed(name), kind.to_owned());
    }

    pub fn add_whole(&mut self, name: &str, kind: &str) {
        self.add_stem(name);
        self.whole.insert(squeezed(name), kind.to_owned());
    }

    pub fn add_suffix(&mut self, name: &str, kind: &str) {
        self.add_stem(name);
        self.suffix.push((squeezed(name), kind.to_owned()));
    }

    pub fn add_never(&mut self, name: &str) {
        self.never.push(squeezed(name));
    }

    /// The words to look for in a text: no name of a secret is without one of them.
    pub fn stems(&self) -> &BTreeSet<String> {
        &self.stems
    }

    /// A name of several words is written in many ways; its last word is in all of them.
    fn add_stem(&mut self, name: &str) {
        let last = name
            .rsplit(|letter: char| !letter.is_ascii_alphanumeric())
            .find(|word| !word.is_empty());
        self.stems.extend(last.map(str::to_ascii_lowercase));
    }

    /// The kind of secret that stands under this name.
    pub fn kind(&self, name: &str) -> Option<&str> {
        if name.is_empty() || name.len() > LONGEST || !name.is_ascii() {
            return None;
        }
        self.ending(name).or_else(|| {
            let plain = without_number(name);
            (plain.len() < name.len())
                .then(|| self.ending(plain))
                .flatten()
        })
    }

    /// The kind of the secrets that stand under this name, which is a plural. Numbers under it count them: `failed_passwords=3`.
    pub fn kind_of_many(&self, name: &str) -> Option<&str> {
        let plural = without_number(name);
        let singular = plural.strip_suffix(['s', 'S'])?;
        if self.never.contains(&squeezed(plural)) {
            return None;
        }
        self.kind(singular)
    }

    fn ending(&self, name: &str) -> Option<&str> {
        let squeezed = squeezed(name);
        if self.never.contains(&squeezed) {
            return None;
        }
        if let Some(kind) = self.whole.get(&squeezed) {
            return Some(kind);
        }
        if let Some((_, kind)) = self.suffix.iter().find(|(end, _)| squeezed.ends_with(end)) {
            return Some(kind);
        }
        let starts = word_starts(name);
        // The longest ending wins: a `secret_access_key` is more than an `access_key`.
        starts[starts.len().saturating_sub(4)..]
            .iter()
            .find_map(|&start| {
                let end = squeezed_from(name, start);
                self.last.get(&end).map(String::as_str)
            })
    }
}

/// `password_1`, `password1`, `password-1`: without the number, and without what stands between.
fn without_number(name: &str) -> &str {
    name.trim_end_matches(|letter: char| !letter.is_ascii_alphabetic())
}

fn squeezed(name: &str) -> String {
    squeezed_from(name, 0)
}

fn squeezed_from(name: &str, start: usize) -> String {
    name.bytes()
        .skip(start)
        .filter(u8::is_ascii_alphanumeric)
        .map(|byte| char::from(byte.to_ascii_lowercase()))
        .collect()
}

/// Where words begin: after a separator, at a capital after a small letter, at the last capital of several (`AWSKey`).
fn word_starts(name: &str) -> Vec<usize> {
    let bytes = name.as_bytes();
    let at = |index: usize| bytes.get(index).copied().unwrap_or(b' ');
    (0..bytes.len())
        .filter(|&index| {
            let (here, next) = (at(index), at(index + 1));
            let before = if index == 0 { b' ' } else { at(index - 1) };
            here.is_ascii_alphanumeric()
                && (!before.is_ascii_alphanumeric()
                    || here.is_ascii_uppercase()
                        && (!before.is_ascii_uppercase() || next.is_ascii_lowercase()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_of_a_name_decide() {
        let mut names = Names::default();
        names.add_suffix("password", "password");
        names.add_last("token", "token");
        names.add_last("api_key", "api_key");
        names.add_whole("pass", "password");
        for (name, kind) in [
            ("db_password", Some("password")),
            ("PGPASSWORD", Some("password")),
            ("OPENAI_API_KEY", Some("api_key")),
            ("x-api-key", Some("api_key")),
            ("OPENAIApiKey", Some("api_key")),
            ("accessToken", Some("token")),
            ("pass", Some("password")),
            ("bypass", None),
            ("PasswordLastSet", None),
            ("TokenElevationType", None),
            ("tokenize", None),
            ("password_1", Some("password")),
            ("password1", Some("password")),
            ("api-key-22", Some("api_key")),
            ("pass2", Some("password")),
            ("bypass2", None),
            ("tokens", None),
            ("123", None),
            ("key", None),
            ("", None),
        ] {
            assert_eq!(names.kind(name), kind, "{name}");
        }
        for (name, kind) in [
            ("passwords", Some("password")),
            ("userPasswords", Some("password")),
            ("API_KEYS", Some("api_key")),
            ("tokens_2", Some("token")),
            ("tokenPrivileges", None),
            ("bypass", None),
            ("pas", None),
            ("keys", None),
        ] {
            assert_eq!(names.kind_of_many(name), kind, "{name}");
        }
    }
}
