//! An alert opened: what stands at each path.
//!
//! One pass notes where every value is ([`scan`]); a table of paths says where a path leads ([`places`]). So a field that is not there, as
//! most that rules ask for, costs one look into the table. What an attacker put elsewhere in the alert (deep nesting, numbers
//! beyond `f64`, lone surrogates) neither fails nor hides the field that is asked for.

mod places;
mod scan;
#[cfg(test)]
mod tests;
mod unescaped;

use std::cell::OnceCell;

use crate::path::Path;
use places::{Place, Places};
use scan::{Kind, NONE, Part, Span, slice};
use unescaped::unescaped;

/// Lists within lists are opened this deep; deeper ones count as empty.
const DEEPEST_LIST: usize = 8;

/// The values of one text.
pub(crate) struct Tree<'a> {
    text: &'a str,
    /// In the order of the text; the first is the root.
    spans: Vec<Span>,
    places: Places,
    /// Texts that had escapes, without them, each from when it is first asked for.
    unescaped: Vec<OnceCell<String>>,
}

/// What stands at a field.
pub(crate) enum Seen<'v> {
    /// A text, number or boolean, as text.
    Text(&'v str),
    /// An object that has fields of its own.
    Object,
}

/// How a search ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Search {
    /// There is no such field, or it holds nothing.
    Missing,
    /// Everything at the field was shown.
    Shown,
    /// The one it was shown to had seen enough.
    Enough,
}

/// How keys are compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Letters {
    Exact,
    AnyCase,
}

impl<'a> Tree<'a> {
    /// Where the text is no JSON, there is nothing at any path.
    pub(crate) fn new(text: &'a str) -> Self {
        let (spans, escaped) = scan::scan(text);
        Self {
            text,
            places: Places::new(&spans),
            spans,
            unescaped: (0..escaped).map(|_| OnceCell::new()).collect(),
        }
    }

    /// Whether there is nothing at a path, at a glance: only "yes" is final.
    pub(crate) fn lacks(&self, path: Path<'_>) -> bool {
        self.places.of(path.hash) == Place::Nowhere
    }

    /// Shows each value at a dotted path until `look` answers true. Keys of the very same letters count, and where they lead to
    /// nothing, those in any case. A key may hold dots itself; of several ways to read the path the first in the alert that holds
    /// something counts. A list stands for each of its items.
    pub(crate) fn search<'v>(
        &'v self,
        path: Path<'_>,
        look: &mut dyn FnMut(Seen<'v>) -> bool,
    ) -> Search {
        match self.places.of(path.hash) {
            Place::Nowhere => Search::Missing,
            Place::Only(span) if self.is_at(span, path.text) => {
                self.walk(span, None, Letters::Exact, 0, look)
            }
            Place::Only(_) => Search::Missing,
            Place::Several => match self.walk(0, Some(path.text), Letters::Exact, 0, look) {
                Search::Missing => self.walk(0, Some(path.text), Letters::AnyCase, 0, look),
                found => found,
            },
        }
    }

    /// Whether the keys down to a span, which leads through no list, are this path, in any case.
    fn is_at(&self, mut number: u32, path: &str) -> bool {
        let mut rest = path.as_bytes();
        while let Some(span) = self.spans.get(number as usize) {
            let key = self.part(span.key).as_bytes();
            let Some((before, name)) = rest
                .len()
                .checked_sub(key.len())
                .and_then(|begin| rest.split_at_checked(begin))
            else {
                return false;
            };
            if name != key && !name.eq_ignore_ascii_case(key) {
                return false;
            }
            // The root has no key.
            if span.parent == 0 {
                return before.is_empty();
            }
            let Some((b'.', before)) = before.split_last() else {
                return false;
            };
            rest = before;
            number = span.parent;
        }
        false
    }

    fn walk<'v>(
        &'v self,
        number: u32,
        path: Option<&str>,
        letters: Letters,
        lists: usize,
        look: &mut dyn FnMut(Seen<'v>) -> bool,
    ) -> Search {
        let Some(span) = self.spans.get(number as usize) else {
            return Search::Missing;
        };
        match (span.kind, path) {
            (Kind::String | Kind::Word, None) => match self.part(span.value) {
                "" => Search::Missing,
                text => shown(look(Seen::Text(text))),
            },
            (Kind::String | Kind::Word | Kind::Null, _) => Search::Missing,
            (Kind::List, _) if lists == DEEPEST_LIST => Search::Missing,
            (Kind::List, _) => {
                let mut search = Search::Missing;
                for (item, _) in self.below(number) {
                    match self.walk(item, path, letters, lists + 1, look) {
                        Search::Missing => {}
                        Search::Shown => search = Search::Shown,
                        Search::Enough => return Search::Enough,
                    }
                }
                search
            }
            (Kind::Object, None) => match span.next == number + 1 {
                true => Search::Missing,
                false => shown(look(Seen::Object)),
            },
            (Kind::Object, Some(path)) => {
                for (field, span) in self.below(number) {
                    let Some(rest) = behind(path, self.part(span.key), letters) else {
                        continue;
                    };
                    let search = self.walk(field, rest, letters, lists, look);
                    if search != Search::Missing {
                        return search;
                    }
                }
                Search::Missing
            }
        }
    }

    /// Shows each text below a key of the alert with its path, in the alert's order; a list's items stand at the list's path. Opens at most `deepest` objects and lists within each other, and ends where `look` answers true.
    pub(crate) fn leaves<'v>(
        &'v self,
        key: &str,
        deepest: usize,
        look: &mut dyn FnMut(&str, &'v str) -> bool,
    ) -> bool {
        let mut below = self.below(0);
        let named = below.find(|(_, span)| self.part(span.key) == key);
        named.is_some_and(|(number, _)| {
            let mut path = format!("{key}.");
            let root = path.len();
            self.leaves_of(number, (&mut path, root), deepest, look)
        })
    }

    fn leaves_of<'v>(
        &'v self,
        number: u32,
        (path, root): (&mut String, usize),
        deepest: usize,
        look: &mut dyn FnMut(&str, &'v str) -> bool,
    ) -> bool {
        let Some(span) = self.spans.get(number as usize) else {
            return false;
        };
        match span.kind {
            Kind::Null => false,
            Kind::String | Kind::Word => match self.part(span.value) {
                "" => false,
                text => look(path, text),
            },
            Kind::Object | Kind::List if deepest == 0 => false,
            Kind::List => self
                .below(number)
                .any(|(item, _)| self.leaves_of(item, (&mut *path, root), deepest - 1, look)),
            Kind::Object => self.below(number).any(|(field, span)| {
                let length = path.len();
                if length > root {
                    path.push('.');
                }
                path.push_str(self.part(span.key));
                let enough = self.leaves_of(field, (&mut *path, root), deepest - 1, look);
                path.truncate(length);
                enough
            }),
        }
    }

    /// The fields of an object or items of a list.
    fn below(&self, number: u32) -> impl Iterator<Item = (u32, &Span)> {
        let end = self.spans.get(number as usize).map_or(0, |span| span.next);
        let mut next = number + 1;
        std::iter::from_fn(move || {
            let number = next;
            let span = self.spans.get(number as usize).filter(|_| number < end)?;
            next = span.next;
            Some((number, span))
        })
    }

    fn part(&self, part: Part) -> &str {
        if part.escaped == NONE {
            return slice(self.text, part);
        }
        let text = self.unescaped.get(part.escaped as usize);
        text.map_or("", |text| text.get_or_init(|| unescaped(self.text, part)))
    }
}

fn shown(enough: bool) -> Search {
    if enough {
        Search::Enough
    } else {
        Search::Shown
    }
}

/// What is left of a path behind a key: `Some(None)` where the key is all of it, `None` where the key is not its beginning.
fn behind<'p>(path: &'p str, key: &str, letters: Letters) -> Option<Option<&'p str>> {
    let (begin, rest) = path.as_bytes().split_at_checked(key.len())?;
    let same = match letters {
        Letters::Exact => begin == key.as_bytes(),
        Letters::AnyCase => begin.eq_ignore_ascii_case(key.as_bytes()),
    };
    if !same {
        return None;
    }
    match rest.first() {
        None => Some(None),
        // Behind a whole dot is a character's begin.
        Some(b'.') => path.get(key.len() + 1..).map(Some),
        Some(_) => None,
    }
}
