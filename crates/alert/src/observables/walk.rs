//! Walks an alert's tree and hands each value to what can read it.

use std::cell::Cell;

use serde_json::{Map, Value};

use super::{
    Kind, ObservableFilter, Observables, Role, Via, encoded,
    fields::{self, Class},
    found::{Found, Place},
    hash, joined, read, role,
    text::{self, Take},
};

/// Sections that describe the event: those of Wazuh 4, then those of ECS, which findings of Wazuh 5 have at the top
/// (facts/wazuh.md §5). `agent` is left out: its address is not the attacker's.
const SECTIONS: [&str; 13] = [
    "data",
    "syscheck",
    "client",
    "destination",
    "dns",
    "email",
    "file",
    "http",
    "process",
    "server",
    "source",
    "tls",
    "url",
];

/// Parts nested deeper are not looked at; `Value` holds up to 127 levels.
const DEEPEST: usize = 32;
/// Longer values are no observables.
const LONGEST_VALUE: usize = 4096;
/// A text is searched so far.
const LONGEST_TEXT: usize = 32 * 1024;
/// All texts of an alert together are searched so far.
const MOST_TEXT: usize = 256 * 1024;

pub(super) fn walk(tree: &Value, filter: &ObservableFilter) -> Observables {
    let mut walk = Walk {
        found: Found::new(filter),
        path: Vec::new(),
        text_left: MOST_TEXT,
    };
    for section in SECTIONS {
        if let Some(value) = tree.get(section) {
            walk.path.push(section);
            walk.value("", section, value, &Cell::new(0));
            walk.path.pop();
        }
    }
    walk.found.finish()
}

struct Walk<'a, 'f> {
    found: Found<'f>,
    /// Names as written, from the section down.
    path: Vec<&'a str>,
    text_left: usize,
}

impl<'a> Walk<'a, '_> {
    /// `parent` and `key` are plain names ([`fields::plain`]); a list has the name of its field.
    fn value(&mut self, parent: &str, key: &str, value: &'a Value, of_field: &Cell<usize>) {
        match value {
            Value::Object(map) if self.path.len() <= DEEPEST => self.object(key, map, None),
            Value::Array(items) => self.items(parent, key, items, of_field, DEEPEST),
            Value::String(text) => self.leaf(parent, key, text, of_field),
            _ => {}
        }
    }

    /// What a list gives counts for its field as a whole, also what is in objects of it.
    fn items(
        &mut self,
        parent: &str,
        key: &str,
        items: &'a [Value],
        of_field: &Cell<usize>,
        depth: usize,
    ) {
        for item in items {
            match item {
                Value::Array(items) if depth > 0 => {
                    self.items(parent, key, items, of_field, depth - 1)
                }
                Value::Object(map) if self.path.len() <= DEEPEST => {
                    self.object(key, map, Some(of_field));
                }
                Value::String(text) => self.leaf(parent, key, text, of_field),
                _ => {}
            }
        }
    }

    fn object(
        &mut self,
        parent: &str,
        map: &'a Map<String, Value>,
        of_field: Option<&Cell<usize>>,
    ) {
        if let Some((name, url)) = joined::url(parent, map) {
            self.path.push(name);
            let own = Cell::new(0);
            self.with_place(
                Role::Destination,
                Via::Field,
                of_field.unwrap_or(&own),
                |found, place| {
                    found.add_url(place, &url);
                },
            );
            self.path.pop();
        }
        let mut key = String::new();
        // What stands in the object itself comes before what is nested in it.
        for nested in [false, true] {
            for (name, value) in map {
                if matches!(value, Value::Array(_) | Value::Object(_)) != nested {
                    continue;
                }
                fields::plain(name, &mut key);
                if fields::is_skipped(self.path.len(), parent, &key) {
                    continue;
                }
                self.path.push(name);
                let own = Cell::new(0);
                self.value(parent, &key, value, of_field.unwrap_or(&own));
                self.path.pop();
            }
        }
    }

    fn leaf(&mut self, parent: &str, key: &str, text: &str, of_field: &Cell<usize>) {
        let class = fields::class(parent, key);
        let role = role::role(parent, key);
        match class {
            Class::Never => {}
            Class::Text => self.text(class, role, text, of_field),
            Class::Url => self.url_field(role, text, of_field),
            Class::Plain if text.len() > LONGEST_VALUE => {}
            _ if text.len() > LONGEST_VALUE => self.found.dropped.too_long += 1,
            Class::Hash => self.with_place(role, Via::Field, of_field, |found, place| {
                for (kind, value) in hash::in_field(text) {
                    found.add(place, kind, value, "");
                }
            }),
            Class::Answers => self.with_place(role, Via::Field, of_field, |found, place| {
                for answer in text.split(';') {
                    // `type:  5 cdn.example` is an alias.
                    let answer = answer.split_whitespace().next_back().unwrap_or_default();
                    let _ =
                        read::address(found, place, answer) || read::domain(found, place, answer);
                }
            }),
            Class::File => self.with_place(role, Via::Field, of_field, |found, place| {
                read::file(found, place, key, text);
            }),
            Class::Domain | Class::Plain => {
                self.with_place(role, Via::Field, of_field, |found, place| {
                    let _ = read::by_form(found, place, text)
                        || (class == Class::Domain && read::domain(found, place, text));
                });
            }
        }
    }

    /// A URL; or the path of a web server's own, in which an attacker may have put another (`/?x=http://…`); or the
    /// `host:port` a proxy was asked for.
    fn url_field(&mut self, role: Role, value: &str, of_field: &Cell<usize>) {
        let mut is_done = false;
        self.with_place(role, Via::Field, of_field, |found, place| {
            is_done = value.len() <= LONGEST_VALUE
                && (read::by_form(found, place, value)
                    || (value.contains(':') && read::domain(found, place, value)));
        });
        if !is_done && (value.contains("://") || value.contains([' ', '=', '+'])) {
            self.text(Class::Url, Role::Either, value, of_field);
        }
    }

    fn text(&mut self, class: Class, role: Role, value: &str, of_field: &Cell<usize>) {
        let most = LONGEST_TEXT.min(self.text_left);
        let searched = head_of(value, most);
        if searched.len() < value.len() {
            self.found.dropped.too_long += 1;
        }
        self.text_left -= searched.len();
        self.with_place(role, Via::Text, of_field, |found, place| {
            let is_url = class == Class::Url;
            // Names of parameters look like domains: `attributes.id=`.
            let mut taken = Taken {
                found,
                place,
                wants_domains: !is_url,
            };
            match encoded::hexadecimal(searched) {
                Some(argument) => text::search(&argument, &mut taken),
                None => text::search(searched, &mut taken),
            }
            if is_url && let Some(decoded) = encoded::percent(searched) {
                text::search(&decoded, &mut taken);
            }
            for decoded in encoded::base64(searched).filter(|_| !is_url) {
                text::search(&decoded, &mut taken);
            }
        });
    }

    fn with_place(
        &mut self,
        role: Role,
        via: Via,
        of_field: &Cell<usize>,
        read: impl FnOnce(&mut Found<'_>, &Place<'_>),
    ) {
        let path = &self.path;
        let path = || path.join(".");
        let place = Place {
            path: &path,
            role,
            via,
            of_field,
        };
        read(&mut self.found, &place);
    }
}

/// What a text gives goes where everything goes.
struct Taken<'t, 'f, 'p> {
    found: &'t mut Found<'f>,
    place: &'t Place<'p>,
    wants_domains: bool,
}

impl Take for Taken<'_, '_, '_> {
    fn url(&mut self, text: &str) {
        self.found.add_url(self.place, text);
    }

    fn wants_domains(&self) -> bool {
        self.wants_domains
    }

    fn value(&mut self, kind: Kind, value: String, written: &str) {
        self.found.add(self.place, kind, value, written);
    }
}

/// At most so many bytes from the start.
fn head_of(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most.min(text.len()))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(head_of("aé", 2), "a");
        assert_eq!(head_of("aé", 9), "aé");
    }
}
