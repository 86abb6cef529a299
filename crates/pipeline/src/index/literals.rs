//! Literals without which a pattern can't match: `.*(mimi|kiwi)katz.*` needs `mimi` or `kiwi`, or rather `katz`.

use regex_syntax::hir::{Class, Hir, HirKind};

/// Bytes. Shorter ones are in nearly every text and tell nothing.
pub(super) const SHORTEST: usize = 3;
/// More alternatives than this are not worth their place.
const MOST: usize = 64;

/// Every text the pattern matches holds at least one of these, whatever the case of ASCII letters. `None` where nothing
/// useful is known.
pub(super) fn required(hir: &Hir) -> Option<Vec<String>> {
    let mut literals = needed(hir)?;
    literals.sort();
    literals.dedup();
    let useful = literals.iter().all(|literal| literal.len() >= SHORTEST);
    (useful && literals.len() <= MOST).then_some(literals)
}

fn needed(hir: &Hir) -> Option<Vec<String>> {
    match hir.kind() {
        HirKind::Literal(_) | HirKind::Class(_) => text_of(hir).map(|text| vec![text]),
        HirKind::Repetition(repetition) if repetition.min > 0 => needed(&repetition.sub),
        HirKind::Capture(capture) => needed(&capture.sub),
        HirKind::Alternation(branches) => {
            let mut literals = Vec::new();
            for branch in branches {
                literals.extend(needed(branch)?);
                if literals.len() > MOST {
                    return None;
                }
            }
            Some(literals)
        }
        HirKind::Concat(parts) => of_sequence(parts),
        HirKind::Repetition(_) | HirKind::Empty | HirKind::Look(_) => None,
    }
}

/// The most telling of what each part needs; neighbouring literals are one.
fn of_sequence(parts: &[Hir]) -> Option<Vec<String>> {
    let mut best: Option<Vec<String>> = None;
    let mut offer = |literals: Vec<String>| {
        let shortest = |literals: &[String]| literals.iter().map(String::len).min().unwrap_or(0);
        if best
            .as_deref()
            .is_none_or(|best| shortest(&literals) > shortest(best))
        {
            best = Some(literals);
        }
    };
    let mut run = String::new();
    for part in parts {
        match text_of(part) {
            Some(text) => run.push_str(&text),
            None => {
                offer(vec![std::mem::take(&mut run)]);
                if let Some(literals) = needed(part) {
                    offer(literals);
                }
            }
        }
    }
    offer(vec![run]);
    best
}

/// The one text a part stands for: a literal, or a letter in both cases.
fn text_of(hir: &Hir) -> Option<String> {
    match hir.kind() {
        HirKind::Literal(literal) => Some(std::str::from_utf8(&literal.0).ok()?.to_owned()),
        HirKind::Class(Class::Unicode(class)) => {
            let mut letters = class.iter().flat_map(|range| [range.start(), range.end()]);
            let first = letters.next()?.to_ascii_lowercase();
            // Two single letters, not a range: `[Aa]`, not `[A-a]`.
            let one_letter = class.iter().all(|range| range.start() == range.end())
                && letters.all(|letter| letter.to_ascii_lowercase() == first);
            one_letter.then(|| first.to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pattern: &str) -> Option<Vec<String>> {
        required(&regex_syntax::parse(pattern).unwrap())
    }

    #[test]
    fn literals_are_those_no_match_can_do_without() {
        assert_eq!(of(".*powershell.*").unwrap(), ["powershell"]);
        assert_eq!(of(".*(one|three).*").unwrap(), ["one", "three"]);
        assert_eq!(of("(?i).*cmd.exe").unwrap(), ["cmd"]);
        assert_eq!(of("(web|database)-[0-9]+").unwrap(), ["database", "web"]);
        assert_eq!(of("(?:abc)+x?").unwrap(), ["abc"]);
    }

    #[test]
    fn where_nothing_is_sure_nothing_is_said() {
        for pattern in [
            ".*", "(abc)?", "abc|.*", "a.b", "[a-z]+", "(abc)*", "", "x|",
        ] {
            assert_eq!(of(pattern), None, "{pattern}");
        }
        // Kelvin sign and long s are letters in other cases that are not ASCII.
        assert_eq!(of("(?i)task.*host.*"), None);
    }
}
