//! Lines: wrapped, indented, and free of what could be taken for something else.

use crate::guard::{cut, shown};

/// Characters of a line.
const WIDTH: usize = 110;
/// Before everything that is not ours.
const INDENT: &str = "  ";

/// A note in the making.
#[derive(Debug)]
pub(super) struct Page {
    text: String,
}

impl Page {
    pub(super) fn new(first: &str) -> Self {
        Self {
            text: format!("{first}\n"),
        }
    }

    /// Our own words, wrapped; further lines are indented.
    pub(super) fn line(&mut self, text: &str) {
        self.wrapped("", INDENT, text);
    }

    /// An empty line, once.
    pub(super) fn gap(&mut self) {
        if !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    pub(super) fn heading(&mut self, heading: &str) {
        self.gap();
        self.text.push_str(heading);
        self.text.push('\n');
    }

    /// Words of a model or an alert, indented, behind a mark such as `1. `.
    pub(super) fn model(&mut self, mark: &str, text: &str) {
        let first = format!("{INDENT}{mark}");
        let further = " ".repeat(first.chars().count());
        self.wrapped(&first, &further, text);
    }

    /// A numbered list.
    pub(super) fn numbered(&mut self, items: &[String], most: usize) {
        for (index, item) in items.iter().enumerate() {
            self.model(&format!("{}. ", index + 1), &safe(item, most));
        }
    }

    fn wrapped(&mut self, first: &str, further: &str, text: &str) {
        let mut line = first.to_owned();
        let mut length = line.chars().count();
        let mut empty = true;
        for word in text.split_whitespace() {
            let mut word: Vec<char> = word.chars().collect();
            if !empty && length + 1 + word.len() > WIDTH {
                self.end_line(&line);
                line = further.to_owned();
                length = line.chars().count();
                empty = true;
            }
            if !empty {
                line.push(' ');
                length += 1;
            }
            // A word longer than a line is broken.
            while length + word.len() > WIDTH {
                let rest = word.split_off(WIDTH - length);
                line.extend(word);
                self.end_line(&line);
                line = further.to_owned();
                length = line.chars().count();
                word = rest;
            }
            length += word.len();
            line.extend(word);
            empty = false;
        }
        if !empty {
            self.end_line(&line);
        }
    }

    fn end_line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    pub(super) fn finish(self) -> String {
        disarmed(self.text.trim_end())
    }
}

/// Text on one line, plain, at most so many characters.
pub(super) fn safe(text: &str, most: usize) -> String {
    shown(text, most)
}

/// A word of ours or of the server's: letters, digits and what names of models have.
pub(super) fn plain_word(word: &str, most: usize) -> String {
    let word: String = word
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "-_.:/@+".contains(*c))
        .take(most)
        .collect();
    if word.is_empty() {
        "unknown".to_owned()
    } else {
        word
    }
}

/// Whole lines, as many as fit, and a word that more was there.
pub(super) fn cut_lines(note: &str, most: usize) -> String {
    const MORE: &str = "[cut]";
    let mut out = String::new();
    let mut left = most - MORE.len();
    for line in note.lines() {
        let length = line.chars().count() + 1;
        if length > left {
            break;
        }
        left -= length;
        out.push_str(line);
        out.push('\n');
    }
    out.push_str(MORE);
    cut(&out, most)
}

/// Without anything that looks like the frame of the block the note is written into, and without `<`.
fn disarmed(note: &str) -> String {
    note.replace("---- Alertbridge", "– Alertbridge")
        .replace("---- end of Alertbridge", "– end of Alertbridge")
        .replace('<', "‹")
}
