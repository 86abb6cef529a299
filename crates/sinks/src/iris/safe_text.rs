//! Makes text from alerts harmless for IRIS, and counts what was changed.
//!
//! Why (facts/iris.md §4 and §9): NUL is refused; tags, IOC values, asset names, reference and link stand in HTML attributes
//! whose quotes nobody escapes; the description is shown as raw HTML in tooltips. So
//! - every text loses control characters and the marks that turn the writing direction (they disguise file names);
//! - [`page_text`] (title, description, note) has no `<` and no entity: look-alikes stand in their place, because the page shows
//!   filtered HTML without decoding it twice, and an analyst must be able to read the text;
//! - [`attribute_text`] (tags, asset names, reference) has no quotes and no ampersand either;
//! - [`cut`] keeps index limits: PostgreSQL refuses index rows beyond 2,704 bytes (facts/iris.md §0.9).

use std::collections::BTreeMap;

use crate::Change;

/// Longest title in bytes. Far below the index limit, and longer than any page shows.
pub(crate) const TITLE_LIMIT: usize = 1024;
/// Longest reference in bytes: `Reference` keeps to 512, look-alikes take three bytes each.
pub(crate) const REFERENCE_LIMIT: usize = 1600;
/// Longest tag in bytes.
pub(crate) const TAG_LIMIT: usize = 256;
/// Longest asset name in bytes.
pub(crate) const ASSET_NAME_LIMIT: usize = 512;
/// Longest description in bytes. IRIS has no limit; the whole text is in the source content.
pub(crate) const DESCRIPTION_LIMIT: usize = 64 * 1024;

/// What was changed in an alert, by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes(BTreeMap<&'static str, u32>);

impl Changes {
    /// Counts one change.
    pub(crate) fn add(&mut self, what: &'static str) {
        self.add_many(what, 1);
    }

    /// Counts several changes of one kind; none where `count` is 0.
    pub(crate) fn add_many(&mut self, what: &'static str, count: usize) {
        if count > 0 {
            let counter = self.0.entry(what).or_default();
            *counter = counter.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Counts all of another count.
    pub(crate) fn add_all(&mut self, other: &Self) {
        for (what, count) in &other.0 {
            self.add_many(what, *count as usize);
        }
    }

    /// As the proof carries them, in a stable order.
    pub(crate) fn list(&self) -> Vec<Change> {
        self.0
            .iter()
            .map(|(what, count)| Change {
                what: (*what).to_owned(),
                count: *count,
            })
            .collect()
    }
}

/// Text without characters that IRIS refuses or that deceive the eye. Line ends and tabs stay.
pub(crate) fn clean(text: &str, changes: &mut Changes) -> String {
    let (mut nul, mut control) = (0, 0);
    let cleaned = text
        .chars()
        .filter(|character| match character {
            '\0' => {
                nul += 1;
                false
            }
            '\n' | '\t' => true,
            character if character.is_control() || turns_direction(*character) => {
                // A carriage return before a line end is no change anyone would miss.
                control += usize::from(*character != '\r');
                false
            }
            _ => true,
        })
        .collect();
    changes.add_many("nul_removed", nul);
    changes.add_many("control_removed", control);
    cleaned
}

fn turns_direction(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text that is shown as HTML: no element and no entity is live in it.
pub(crate) fn page_text(text: &str, changes: &mut Changes) -> String {
    let text = clean(text, changes);
    let mut replaced = 0;
    let mut safe = String::with_capacity(text.len());
    for (at, character) in text.char_indices() {
        let safe_one = match character {
            '<' => '‹',
            '>' => '›',
            '&' if starts_entity(&text[at + 1..]) => '＆',
            other => other,
        };
        replaced += usize::from(safe_one != character);
        safe.push(safe_one);
    }
    changes.add_many("html_disarmed", replaced);
    safe
}

/// Text in one line that may stand in an HTML attribute.
pub(crate) fn attribute_text(text: &str, changes: &mut Changes) -> String {
    let text = clean(text, changes);
    let mut replaced = 0;
    let safe = text
        .trim()
        .chars()
        .map(|character| {
            let safe_one = match character {
                '"' => '”',
                '\'' => '’',
                '`' => 'ˋ',
                '<' => '‹',
                '>' => '›',
                '&' => '＆',
                '\n' | '\t' => ' ',
                other => other,
            };
            replaced += usize::from(safe_one != character);
            safe_one
        })
        .collect();
    changes.add_many("quote_disarmed", replaced);
    safe
}

/// One tag: IRIS splits at commas, so there is none in it.
pub(crate) fn tag_text(text: &str, changes: &mut Changes) -> String {
    let commas = text.matches(',').count();
    changes.add_many("tag_comma_replaced", commas);
    let text = attribute_text(&text.replace(',', "‚"), changes);
    cut(&text, TAG_LIMIT, "tag_cut", changes)
}

/// Whether IRIS shows and keeps a tag as it is written: what is changed on its way there is found under another name later.
///
/// ```
/// use alertbridge_sinks::iris::keeps_tag;
///
/// assert!(keeps_tag("ai-pending"));
/// assert!(!keeps_tag("it's") && !keeps_tag(" ai") && !keeps_tag("a,b"));
/// ```
pub fn keeps_tag(name: &str) -> bool {
    !name.is_empty() && tag_text(name, &mut Changes::default()) == name
}

/// Whether a value can stand in an attribute as it is. Values that are compared (IOCs) are never altered, only left out.
pub(crate) fn is_safe_value(value: &str) -> bool {
    !value.is_empty()
        && !value.char_indices().any(|(at, character)| {
            matches!(character, '"' | '\'' | '`' | '<' | '>')
                || character.is_control()
                || turns_direction(character)
                || (character == '&' && starts_entity(&value[at + 1..]))
        })
}

/// At most `limit` bytes, ending with `…` where something was cut.
pub(crate) fn cut(text: &str, limit: usize, what: &'static str, changes: &mut Changes) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    changes.add(what);
    let mark = "…";
    format!("{}{mark}", head_of(text, limit.saturating_sub(mark.len())))
}

/// The first bytes of a text, on a character boundary.
pub(crate) fn head_of(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let end = (0..=limit)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0);
    &text[..end]
}

/// Whether what follows an ampersand makes it an entity: `#…`, a name with a semicolon, or one of the old names that need none.
fn starts_entity(rest: &str) -> bool {
    const NEED_NO_SEMICOLON: [&str; 5] = ["lt", "gt", "quot", "amp", "apos"];
    let name: String = rest
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .take(32)
        .collect();
    rest.starts_with('#')
        || NEED_NO_SEMICOLON.iter().any(|known| {
            name.get(..known.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(known))
        })
        || (!name.is_empty() && rest[name.len()..].starts_with(';'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_stays_readable_but_is_dead() {
        let mut changes = Changes::default();
        let text = page_text(
            "<img src=x onerror=alert(1)>\0 a=1&b=2 &lt;b&gt; &#60;",
            &mut changes,
        );
        assert_eq!(
            text,
            "‹img src=x onerror=alert(1)› a=1&b=2 ＆lt;b＆gt; ＆#60;"
        );
        let list = changes.list();
        assert_eq!(list.len(), 2);
        assert_eq!((list[0].what.as_str(), list[0].count), ("html_disarmed", 5));
    }

    #[test]
    fn no_tag_breaks_out_of_its_attribute_or_splits_at_a_comma() {
        let mut changes = Changes::default();
        let tag = tag_text("x\" onmouseover=\"alert(1),ai-reviewed", &mut changes);
        assert_eq!(tag, "x” onmouseover=”alert(1)‚ai-reviewed");
    }

    #[test]
    fn a_cut_never_splits_a_character_and_never_exceeds_the_limit() {
        let mut changes = Changes::default();
        for limit in 0..20 {
            let text = cut("ééééééééééé", limit, "title_cut", &mut changes);
            assert!(text.len() <= limit.max("…".len()), "{limit}: {text}");
        }
    }

    #[test]
    fn a_file_name_that_turns_the_writing_direction_shows_its_true_end() {
        let mut changes = Changes::default();
        assert_eq!(
            clean("invoice\u{202e}fdp.exe", &mut changes),
            "invoicefdp.exe"
        );
    }

    #[test]
    fn a_url_with_parameters_is_safe_but_one_with_an_entity_is_not() {
        assert!(is_safe_value("https://evil.example/a?b=1&c=2"));
        assert!(!is_safe_value("https://evil.example/a?b=1&quot=2"));
        assert!(!is_safe_value("it's.exe"));
    }
}
