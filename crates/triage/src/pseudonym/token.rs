//! The form of pseudonyms.

use std::ops::Range;

/// What a pseudonym stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Domain,
    Email,
    Host,
    Address,
    User,
}

const KINDS: [(Kind, &str); 5] = [
    (Kind::Domain, "DOMAIN_INT_"),
    (Kind::Email, "EMAIL_"),
    (Kind::Host, "HOST_"),
    (Kind::Address, "IP_INT_"),
    (Kind::User, "USER_"),
];
/// Digits; a longer number is no pseudonym of ours.
const LONGEST: usize = 9;

impl Kind {
    pub fn token(self, number: u64) -> String {
        let prefix = KINDS
            .iter()
            .find(|(kind, _)| *kind == self)
            .map_or("", |(_, prefix)| prefix);
        format!("{prefix}{number}")
    }
}

/// Every word of a text that has the form of a pseudonym, in any case.
pub(super) fn find(text: &str) -> Vec<(Range<usize>, Kind, u64)> {
    let mut found = Vec::new();
    let mut at = 0;
    // Words are short runs between boundaries, each looked at once.
    for word in text.split(|letter: char| !super::part_of_word(letter)) {
        let start = at;
        at = start + word.len();
        at += text[at..].chars().next().map_or(0, char::len_utf8);
        for (kind, prefix) in KINDS {
            let number = word
                .get(..prefix.len())
                .filter(|begin| begin.eq_ignore_ascii_case(prefix))
                .map(|_| &word[prefix.len()..])
                .filter(|digits| {
                    (1..=LONGEST).contains(&digits.len())
                        && digits.bytes().all(|byte| byte.is_ascii_digit())
                })
                .and_then(|digits| digits.parse().ok());
            if let Some(number) = number {
                found.push((start..start + word.len(), kind, number));
            }
        }
    }
    found
}
