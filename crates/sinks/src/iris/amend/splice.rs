//! One marked block in a note that belongs to other people.
//!
//! The law: what stands outside the block stays byte for byte, whatever the note holds. A block is between two marks that are
//! each there exactly once, with no other mark between them. Where that is not so (half a block was deleted, a block was copied,
//! two were pushed into each other) nothing of it is touched: a new block with the next number is put at the end and is the one
//! that is kept up to date from then on. So damage makes a note longer once, not at every change.
//!
//! Marks never change: blocks written by older versions must be found. They are plain text because IRIS shows a note in `<pre>`
//! (facts/iris.md §9).

const BEGIN: &str = "---- Alertbridge: ";
const BEGIN_REST: &str = " (kept up to date; write outside these lines) ----";
const END: &str = "---- end of Alertbridge: ";
const END_REST: &str = " ----";
/// Numbers of blocks have at most so many digits; a mark with more is none.
const MOST_DIGITS: usize = 4;
const LAST_NUMBER: u32 = 9999;

/// What a note is with the block changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Spliced {
    /// It is there already, word for word.
    Unchanged,
    /// The new note.
    Changed(String),
    /// There is no place for it: every number was used up.
    Impossible,
}

/// A mark in a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    start: usize,
    end: usize,
    begins: bool,
    /// Whether its name is the one asked for.
    ours: bool,
    number: u32,
}

/// Puts the text into the block of this name, or removes the block. The text must have passed [`disarmed`].
pub(crate) fn splice(note: &str, name: &str, text: Option<&str>) -> Spliced {
    let marks = marks(note, name);
    let number = marks
        .iter()
        .filter(|mark| mark.ours)
        .map(|mark| mark.number)
        .max();
    let whole = number.and_then(|number| whole(&marks, number));
    match (whole, text) {
        (Some((start, end)), Some(text)) => {
            let block = block(name, number.unwrap_or(1), text);
            if same_lines(&note[start..end], &block) {
                return Spliced::Unchanged;
            }
            Spliced::Changed(format!("{}{block}{}", &note[..start], &note[end..]))
        }
        (Some((start, end)), None) => {
            Spliced::Changed(format!("{}{}", &note[..start], &note[end..]))
        }
        (None, Some(text)) => {
            let number = number.map_or(1, |number| number + 1);
            if number > LAST_NUMBER {
                return Spliced::Impossible;
            }
            Spliced::Changed(format!("{note}{}{}", gap(note), block(name, number, text)))
        }
        (None, None) => Spliced::Unchanged,
    }
}

/// Text that can't be taken for a mark.
pub(crate) fn disarmed(text: &str) -> String {
    text.replace(BEGIN.trim_end(), "– Alertbridge:")
        .replace(END.trim_end(), "– end of Alertbridge:")
}

/// A block as it is written.
pub(crate) fn block(name: &str, number: u32, text: &str) -> String {
    let suffix = if number > 1 {
        format!(" {number}")
    } else {
        String::new()
    };
    format!("{BEGIN}{name}{suffix}{BEGIN_REST}\n{text}\n{END}{name}{suffix}{END_REST}")
}

/// What separates a new block from the text before it.
fn gap(note: &str) -> &'static str {
    let lines = note
        .strip_suffix('\n')
        .map(|rest| rest.strip_suffix('\r').unwrap_or(rest));
    match lines {
        _ if note.trim().is_empty() => "",
        Some(rest) if rest.ends_with('\n') => "",
        Some(_) => "\n",
        None => "\n\n",
    }
}

/// Equal but for white space at the lines' ends and their indentation: what editors and browsers change by themselves.
fn same_lines(one: &str, other: &str) -> bool {
    one.lines().map(str::trim).eq(other.lines().map(str::trim))
}

/// The place of the block with this number, where it is whole and the only one.
fn whole(marks: &[Mark], number: u32) -> Option<(usize, usize)> {
    let is_it = |mark: &&Mark| mark.ours && mark.number == number;
    if marks.iter().filter(is_it).count() != 2 {
        return None;
    }
    let at = marks.iter().position(|mark| is_it(&mark))?;
    let (begin, end) = (marks.get(at)?, marks.get(at + 1)?);
    let is_pair = begin.begins && !end.begins && end.ours && end.number == number;
    is_pair.then_some((begin.start, end.end))
}

/// Every mark of any block, in order.
fn marks(note: &str, name: &str) -> Vec<Mark> {
    let mut marks = Vec::new();
    for (start, _) in note.match_indices("---- ") {
        let rest = &note[start..];
        let mark = read(rest, BEGIN, BEGIN_REST, name, true)
            .or_else(|| read(rest, END, END_REST, name, false));
        if let Some(mark) = mark {
            marks.push(Mark {
                start,
                end: start + mark.end,
                ..mark
            });
        }
    }
    marks
}

/// The mark that the text begins with.
fn read(text: &str, before: &str, after: &str, wanted: &str, begins: bool) -> Option<Mark> {
    let rest = text.strip_prefix(before)?;
    let line = &rest[..rest.find('\n').unwrap_or(rest.len())];
    let length = line.find(after)?;
    let inner = &line[..length];
    let (name, number) = match inner.rsplit_once(' ') {
        None => (inner, 1),
        Some((name, digits)) => (name, number(digits)?),
    };
    is_name(name).then_some(Mark {
        start: 0,
        end: before.len() + length + after.len(),
        begins,
        ours: name == wanted,
        number,
    })
}

/// Lower-case letters and hyphens: nothing that could be taken for another part of a mark.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

/// The number of a second or later block.
fn number(digits: &str) -> Option<u32> {
    let is_number = digits.len() <= MOST_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits
        .parse()
        .ok()
        .filter(|number| is_number && *number > 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn put(note: &str, text: &str) -> String {
        match splice(note, "repeats", Some(text)) {
            Spliced::Changed(note) => note,
            other => panic!("{other:?}"),
        }
    }

    fn put_or_keep(note: &str, name: &str, text: Option<&str>) -> String {
        match splice(note, name, text) {
            Spliced::Changed(note) => note,
            _ => note.to_owned(),
        }
    }

    #[test]
    fn a_first_block_is_put_below_what_is_there_and_rewritten_in_its_place() {
        let note = put("Called the owner.", "seen 2 times");
        assert_eq!(
            note,
            "Called the owner.\n\n---- Alertbridge: repeats (kept up to date; write outside these lines) ----\nseen 2 times\n\
             ---- end of Alertbridge: repeats ----"
        );
        let note = format!("{note}\r\nmore  \r\n");
        let next = put(&note, "seen 3 times");
        assert_eq!(next, note.replace("2 times", "3 times"));
        assert_eq!(
            splice(&next, "repeats", Some("seen 3 times")),
            Spliced::Unchanged
        );
        assert_eq!(
            put_or_keep(&next, "repeats", None),
            "Called the owner.\n\n\r\nmore  \r\n"
        );
    }

    #[test]
    fn a_block_is_found_where_the_analyst_indented_it_or_wrote_beside_its_marks() {
        let block = block("repeats", 1, "seen 2 times");
        let indented = block.replace('\n', "\r\n   ");
        assert_eq!(
            splice(&indented, "repeats", Some("seen 2 times")),
            Spliced::Unchanged
        );
        let note = format!("look: {block} <- this");
        assert_eq!(put(&note, "x"), note.replace("seen 2 times", "x"));
    }

    #[test]
    fn half_a_block_stays_and_a_new_one_is_kept_up_to_date_from_then_on() {
        let whole = block("repeats", 1, "seen 2 times\nand the analyst's words");
        let (begin, rest) = whole.split_once('\n').unwrap();
        for damaged in [
            format!("{begin}\nwords"),
            rest.to_owned(),
            format!("{rest}\n{begin}"),
        ] {
            let first = put(&damaged, "one");
            assert!(first.starts_with(&damaged), "{first}");
            assert!(first.contains("repeats 2 (kept"), "{first}");
            let second = put(&first, "two");
            assert_eq!(second, first.replace("\none\n", "\ntwo\n"));
        }
    }

    #[test]
    fn a_copied_block_is_left_alone_with_its_copy() {
        let one = block("repeats", 1, "seen 2 times");
        let note = format!("{one}\nmy copy:\n{one}");
        let next = put(&note, "seen 3 times");
        assert!(next.starts_with(&note));
        assert_eq!(
            put(&next, "seen 4 times"),
            next.replace("seen 3 times", "seen 4 times")
        );
    }

    #[test]
    fn blocks_of_other_names_and_other_tools_are_none_of_ours() {
        let others = format!(
            "AI TRIAGE REVIEW (OLLAMA)\nverdict\n{}",
            block("triage", 1, "benign")
        );
        let note = put(&others, "seen 2 times");
        assert!(note.starts_with(&others));
        // A block inside ours means that somebody moved things: nothing is removed.
        let nested = block("repeats", 1, &block("triage", 1, "benign"));
        assert!(put(&nested, "x").starts_with(&nested));
    }

    #[test]
    fn text_that_looks_like_a_mark_makes_none() {
        let evil = format!("root\n{}", block("repeats", 1, "x"));
        let first = put("", &disarmed(&evil));
        assert_eq!(put(&first, "y"), block("repeats", 1, "y"));
    }

    fn piece() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => "[a-z \\r\\n\\t–-]{0,20}",
            1 => any::<String>(),
            1 => Just("AI TRIAGE REVIEW (OLLAMA)\n".to_owned()),
            1 => Just(format!("{BEGIN}repeats{BEGIN_REST}")),
            1 => Just(format!("{END}repeats{END_REST}")),
            1 => Just(format!("{BEGIN}repeats 2{BEGIN_REST}\n")),
            1 => Just(format!("{END}repeats 2{END_REST}")),
            1 => Just(block("triage", 1, "benign")),
            1 => Just("---- Alertbridge: repeats".to_owned()),
        ]
    }

    fn note() -> impl Strategy<Value = String> {
        proptest::collection::vec(piece(), 0..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        /// Whatever the note holds, taking the block out again leaves every byte that was there, and a second time changes nothing.
        #[test]
        fn what_is_outside_the_block_stays_byte_for_byte(note in note(), text in "[ -~\\n]{0,40}", other in "[ -~\\n]{0,40}") {
            let (text, other) = (disarmed(&text), disarmed(&other));
            let first = put_or_keep(&note, "repeats", Some(&text));
            prop_assert_eq!(splice(&first, "repeats", Some(&text)), Spliced::Unchanged);
            let second = put_or_keep(&first, "repeats", Some(&other));
            let third = put_or_keep(&second, "repeats", Some(&text));
            // Only the words between our marks differ.
            let place = |note: &str| {
                let marks = marks(note, "repeats");
                let number = marks.iter().filter(|mark| mark.ours).map(|mark| mark.number).max().unwrap();
                whole(&marks, number).unwrap()
            };
            let outside = |note: &str| {
                let (start, end) = place(note);
                (note[..start].to_owned(), note[end..].to_owned())
            };
            prop_assert_eq!(outside(&first), outside(&second));
            prop_assert_eq!(outside(&first), outside(&third));
            // Where there was no whole block, all of the note is before the new one.
            let marks = marks(&note, "repeats");
            let number = marks.iter().filter(|mark| mark.ours).map(|mark| mark.number).max();
            match number.and_then(|number| whole(&marks, number)) {
                None => prop_assert!(first.starts_with(&note)),
                Some((start, end)) => prop_assert_eq!(outside(&first), (note[..start].to_owned(), note[end..].to_owned())),
            }
        }

        /// An analyst's words around a whole block are kept through any number of rewritings.
        #[test]
        fn edits_around_the_block_are_kept(before in "[^-]{0,30}", after in "[^-]{0,30}", texts in proptest::collection::vec("[ -~\\n]{0,20}", 1..4)) {
            let mut note = format!("{before}{}{after}", block("repeats", 1, "first"));
            for text in texts {
                note = put_or_keep(&note, "repeats", Some(&disarmed(&text)));
                prop_assert!(note.starts_with(&before) && note.ends_with(&after));
            }
            prop_assert_eq!(put_or_keep(&note, "repeats", None), format!("{before}{after}"));
        }
    }
}
