//! Walks an alert's tree and hands each value to what can read it.

use std::{cell::Cell, net::IpAddr};

use serde_json::{Map, Value};

use super::{
    Kind, ObservableFilter, Observables, Role, Via, domain, email, encoded,
    fields::{self, Class},
    file, file_name,
    found::{Found, Place},
    hash, ip, role, text,
    text::Take,
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
        self.joined_url(parent, map, of_field);
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

    /// A host and a path that stand beside each other: Suricata's and Zeek's http, firewalls, ECS.
    fn joined_url(
        &mut self,
        parent: &str,
        map: &'a Map<String, Value>,
        of_field: Option<&Cell<usize>>,
    ) {
        let text = |names: &[&'a str]| {
            names.iter().find_map(|name| match map.get(*name) {
                Some(Value::String(text)) => Some((*name, text.trim())),
                _ => None,
            })
        };
        let paths: &[&str] = match parent {
            "url" => &["path"],
            _ => &["url", "uri"],
        };
        let hosts: &[&str] = match parent {
            "url" => &["domain"],
            _ => &["hostname", "http_host", "host"],
        };
        let Some((name, path)) = text(paths).filter(|(_, path)| path.starts_with('/')) else {
            return;
        };
        let Some((_, host)) = text(hosts).filter(|(_, host)| is_host(host)) else {
            return;
        };
        let port = [
            "http_port",
            "port",
            "dstport",
            "dst_port",
            "dest_port",
            "id.resp_p",
        ]
        .iter()
        .find_map(|name| number(map.get(*name)?))
        .filter(|_| !host.contains(':'));
        let says_https = ["scheme", "service", "protocol", "app_proto"]
            .iter()
            .filter_map(|name| map.get(*name)?.as_str())
            .any(|word| word.eq_ignore_ascii_case("https"));
        let scheme = if says_https || port == Some(443) {
            "https"
        } else {
            "http"
        };
        let query = match text(&["query"]) {
            Some((_, query)) if parent == "url" => format!("?{query}"),
            _ => String::new(),
        };
        let joined = match port {
            Some(port) => format!("{scheme}://{host}:{port}{path}{query}"),
            None => format!("{scheme}://{host}{path}{query}"),
        };
        self.path.push(name);
        let own = Cell::new(0);
        self.with_place(
            Role::Destination,
            Via::Field,
            of_field.unwrap_or(&own),
            |found, place| {
                found.add_url(place, &joined);
            },
        );
        self.path.pop();
    }

    fn leaf(&mut self, parent: &str, key: &str, text: &str, of_field: &Cell<usize>) {
        let class = fields::class(parent, key);
        let role = role::role(parent, key);
        match class {
            Class::Never => {}
            Class::Text => self.text(class, role, text, of_field),
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
                    let _ = add_address(found, place, answer) || add_domain(found, place, answer);
                }
            }),
            Class::Url => self.url_field(role, text, of_field),
            Class::File => self.with_place(role, Via::Field, of_field, |found, place| {
                add_file(found, place, key, text);
            }),
            Class::Domain | Class::Plain => {
                self.with_place(role, Via::Field, of_field, |found, place| {
                    let _ = add_by_form(found, place, text)
                        || (class == Class::Domain && add_domain(found, place, text));
                });
            }
        }
    }

    /// A URL; or the path of a web server's own, in which an attacker may have put another (`/?x=http://…`); or the
    /// `host:port` a proxy was asked for.
    fn url_field(&mut self, role: Role, value: &str, of_field: &Cell<usize>) {
        let mut is_done = false;
        self.with_place(role, Via::Field, of_field, |found, place| {
            is_done = add_by_form(found, place, value)
                || (value.contains(':') && add_domain(found, place, value));
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

/// An address, a URL or an e-mail address, told by its form.
fn add_by_form(found: &mut Found<'_>, place: &Place<'_>, text: &str) -> bool {
    if !text.contains(['.', ':']) {
        return false;
    }
    if add_address(found, place, text) || found.add_url(place, text) {
        return true;
    }
    // A list of addresses, as proxies write `X-Forwarded-For`.
    if text.contains(',') && text.split(',').all(|part| ip(part).is_some()) {
        for part in text.split(',') {
            add_address(found, place, part);
        }
        return true;
    }
    match text
        .contains(['@', '[', '('])
        .then(|| email(text))
        .flatten()
    {
        Some(address) => {
            found.add(place, Kind::Email, address, text);
            true
        }
        None => false,
    }
}

fn add_address(found: &mut Found<'_>, place: &Place<'_>, text: &str) -> bool {
    let address: Option<IpAddr> = ip(text);
    if let Some(address) = address {
        found.add(place, Kind::Ip, address.to_string(), text);
    }
    address.is_some()
}

fn add_domain(found: &mut Found<'_>, place: &Place<'_>, text: &str) -> bool {
    let name = domain(text);
    let is_name = name.is_some();
    if let Some(name) = name {
        found.add(place, Kind::Domain, name, text);
    }
    is_name
}

fn add_file(found: &mut Found<'_>, place: &Place<'_>, key: &str, text: &str) {
    // A container's image is named `image` too: `nginx:latest`.
    if key == "image" && !text.contains(['/', '\\']) {
        return;
    }
    // `C:\x\a.dll:Zone.Identifier` is a stream of the file.
    let path = match text.rfind('\\') {
        Some(at) => match text[at..].find(':') {
            Some(stream) => &text[..at + stream],
            None => text,
        },
        None => text,
    };
    if let Some(name) = file_name(path) {
        found.add(place, Kind::FileName, name, "");
        if let Some(folder) = file::folder_of(path) {
            found.add(place, Kind::Directory, folder, "");
        }
    }
}

fn is_host(text: &str) -> bool {
    domain(text).is_some() || ip(text).is_some()
}

fn number(value: &Value) -> Option<u16> {
    match value {
        Value::Number(number) => number.as_u64()?.try_into().ok(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
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
