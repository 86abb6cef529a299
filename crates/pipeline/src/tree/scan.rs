//! One pass over the text of an alert that notes where each value begins and ends.
//!
//! serde_json has no way to do that without reading numbers and strings, and refuses the whole for one it can't represent. The text was
//! accepted by it before (`Alert::parse`), so what is checked here is only what keeps the notes sound.

use std::borrow::Cow;

use super::unescaped::unescaped;
use crate::path::PathHash;

/// No key, or no place among the unescaped texts.
pub(super) const NONE: u32 = u32::MAX;

/// A value and its key.
#[derive(Debug)]
pub(super) struct Span {
    /// Without its quotes; empty for the root and items of lists.
    pub(super) key: Part,
    /// Without its quotes, where it is a string.
    pub(super) value: Part,
    pub(super) kind: Kind,
    /// Whether it has a list above it.
    pub(super) in_list: bool,
    /// The object or list it stands in.
    pub(super) parent: u32,
    /// The first span behind this one and all below it.
    pub(super) next: u32,
    /// Of its path; an item has that of its list.
    pub(super) hash: PathHash,
}

/// A part of the text, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) begin: u32,
    pub(super) end: u32,
    /// Its place among the texts with escapes, else [`NONE`].
    pub(super) escaped: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    List,
    String,
    /// A number or a boolean.
    Word,
    Null,
}

const EMPTY: Part = Part {
    begin: 0,
    end: 0,
    escaped: NONE,
};

/// All values in the order of the text, and how many texts have escapes. Empty where the text is no object or list.
pub(super) fn scan(text: &str) -> (Vec<Span>, u32) {
    let mut scanner = Scanner {
        text,
        at: 0,
        // Most alerts have fewer values.
        spans: Vec::with_capacity(128),
        escaped: 0,
    };
    let is_sound = u32::try_from(text.len()).is_ok_and(|length| length < NONE)
        && matches!(text.as_bytes().first(), Some(b'{' | b'['))
        && scanner.scan().is_some();
    if !is_sound {
        return (Vec::new(), 0);
    }
    (scanner.spans, scanner.escaped)
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    spans: Vec<Span>,
    escaped: u32,
}

impl Scanner<'_> {
    /// `None` where the text is not sound. Nesting is followed by the spans' parents, not by recursion: it has no limit.
    fn scan(&mut self) -> Option<()> {
        let mut parent = NONE;
        let mut of_objects = false;
        let mut hash = PathHash::default();
        let mut in_list = false;
        loop {
            let mut span = Span {
                key: EMPTY,
                value: EMPTY,
                kind: Kind::Null,
                in_list,
                parent,
                next: 0,
                hash,
            };
            if of_objects {
                self.expect(b'"')?;
                span.key = self.string()?;
                self.expect(b':')?;
                span.hash = hash.below(&self.key(span.key));
            }
            let place = self.spans.len() as u32;
            let first = self.peek()?;
            let is_object = first == b'{';
            if is_object || first == b'[' {
                span.kind = if is_object { Kind::Object } else { Kind::List };
                self.at += 1;
                let below = span.hash;
                self.spans.push(span);
                if !matches!(self.peek()?, b'}' | b']') {
                    (parent, of_objects, hash) = (place, is_object, below);
                    in_list |= !is_object;
                    continue;
                }
                // Nothing in it: it is closed below.
                parent = place;
            } else {
                (span.kind, span.value) = self.scalar(first)?;
                span.next = place + 1;
                self.spans.push(span);
            }
            // What is closed here, and whether something follows.
            while self.peek()? != b',' {
                parent = self.close(parent)?;
                if parent == NONE {
                    return Some(());
                }
            }
            self.at += 1;
            let open = self.spans.get(parent as usize)?;
            of_objects = open.kind == Kind::Object;
            hash = open.hash;
            in_list = open.in_list || open.kind == Kind::List;
        }
    }

    /// Closes an object or list and answers what it stands in; `None` where something else stands here.
    fn close(&mut self, open: u32) -> Option<u32> {
        let next = self.spans.len() as u32;
        let span = self.spans.get_mut(open as usize)?;
        let end = if span.kind == Kind::List { b']' } else { b'}' };
        if self.text.as_bytes().get(self.at) != Some(&end) {
            return None;
        }
        span.next = next;
        self.at += 1;
        Some(span.parent)
    }

    /// The next byte that is no white space; it stays the next.
    fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.as_bytes().get(self.at)?;
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    fn expect(&mut self, wanted: u8) -> Option<()> {
        let found = self.peek()? == wanted;
        self.at += usize::from(found);
        found.then_some(())
    }

    fn scalar(&mut self, first: u8) -> Option<(Kind, Part)> {
        if first == b'"' {
            self.at += 1;
            return self.string().map(|part| (Kind::String, part));
        }
        let begin = self.at;
        let is_end = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t');
        let rest = self.text.as_bytes().get(begin..)?;
        self.at += rest.iter().position(is_end)?;
        let kind = if first == b'n' {
            Kind::Null
        } else {
            Kind::Word
        };
        (self.at > begin).then(|| (kind, part(begin, self.at, NONE)))
    }

    /// What stands up to the closing quote; the opening one is behind us.
    fn string(&mut self) -> Option<Part> {
        let begin = self.at;
        let mut escaped = NONE;
        loop {
            let rest = self.text.as_bytes().get(self.at..)?;
            let found = memchr::memchr2(b'"', b'\\', rest)?;
            if rest.get(found) == Some(&b'"') {
                let end = self.at + found;
                self.at = end + 1;
                return Some(part(begin, end, escaped));
            }
            if escaped == NONE {
                escaped = self.escaped;
                self.escaped += 1;
            }
            self.at += found + 2;
        }
    }

    fn key(&self, part: Part) -> Cow<'_, str> {
        let raw = slice(self.text, part);
        match part.escaped {
            NONE => Cow::Borrowed(raw),
            _ => unescaped(self.text, part).into(),
        }
    }
}

/// Positions fit: texts of 4 GiB are not scanned.
fn part(begin: usize, end: usize, escaped: u32) -> Part {
    Part {
        begin: begin as u32,
        end: end as u32,
        escaped,
    }
}

pub(super) fn slice(text: &str, part: Part) -> &str {
    text.get(part.begin as usize..part.end as usize)
        .unwrap_or_default()
}
