//! SQL `LIKE` as PostgreSQL does it: `%` any run, `_` one character, `\` takes the next one literally.

/// Whether the whole text matches the pattern, case-sensitively.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<Piece> = pieces(pattern);
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    // After a mismatch, the last `%` swallows one character more.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(Piece::Run) => {
                retry = Some((p, t));
                p += 1;
            }
            Some(Piece::One) => {
                p += 1;
                t += 1;
            }
            Some(Piece::Exactly(character)) if *character == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((run, from)) => {
                    retry = Some((run, from + 1));
                    p = run + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|piece| matches!(piece, Piece::Run))
}

/// `LIKE '%pattern%'`, as IRIS builds it for substring searches.
pub(crate) fn contains(pattern: &str, text: &str) -> bool {
    matches(&format!("%{pattern}%"), text)
}

/// `ILIKE '%pattern%'`.
pub(crate) fn contains_ignoring_case(pattern: &str, text: &str) -> bool {
    contains(&pattern.to_lowercase(), &text.to_lowercase())
}

enum Piece {
    Exactly(char),
    One,
    Run,
}

fn pieces(pattern: &str) -> Vec<Piece> {
    let mut out = Vec::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        out.push(match character {
            '%' => Piece::Run,
            '_' => Piece::One,
            // PostgreSQL refuses a pattern that ends in `\`; here it matches nothing special.
            '\\' => Piece::Exactly(characters.next().unwrap_or('\\')),
            other => Piece::Exactly(other),
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{contains, contains_ignoring_case, matches};

    #[test]
    fn wildcards_and_escapes_work_as_in_sql() {
        assert!(matches("a%c", "abbbc"));
        assert!(matches("a_c", "abc"));
        assert!(!matches("a_c", "ac"));
        assert!(matches("%", ""));
        assert!(matches("%b%b%", "abcb"));
        assert!(matches(r"a\%", "a%"));
        assert!(!matches(r"a\%", "ab"));
    }

    #[test]
    fn a_reference_with_a_backslash_is_found_only_when_doubled() {
        assert!(!contains(r"a\b", r"a\b"));
        assert!(contains(r"a\\b", r"a\b"));
    }

    #[test]
    fn substrings_respect_case_unless_asked() {
        assert!(contains("123", "wz:1234"));
        assert!(!contains("WZ", "wz:1234"));
        assert!(contains_ignoring_case("WZ", "wz:1234"));
    }

    /// The definition, as slow as it is plain.
    fn by_definition(pattern: &[char], text: &[char]) -> bool {
        match pattern {
            [] => text.is_empty(),
            ['%', rest @ ..] => (0..=text.len()).any(|skip| by_definition(rest, &text[skip..])),
            ['_', rest @ ..] => !text.is_empty() && by_definition(rest, &text[1..]),
            ['\\', first, rest @ ..] | [first, rest @ ..] => {
                text.first() == Some(first) && by_definition(rest, &text[1..])
            }
        }
    }

    proptest! {
        #[test]
        fn matching_agrees_with_the_definition(pattern in "[ab%_]{0,6}(\\\\[ab%_\\\\]){0,2}[ab%]{0,3}", text in "[ab%_\\\\]{0,10}") {
            let pattern_letters: Vec<char> = pattern.chars().collect();
            let text_letters: Vec<char> = text.chars().collect();
            let expected = by_definition(&pattern_letters, &text_letters);
            prop_assert_eq!(matches(&pattern, &text), expected);
        }
    }
}
