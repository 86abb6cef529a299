//! Collects names from the fields that hold them, and from where a name stands by its form: homes in paths, `user=`, e-mails.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::LazyLock;

use regex_automata::{meta::Regex, util::captures::Captures};

use super::{
    known::{Holds, holds, is_everybody, is_internal},
    token::Kind,
};

/// Bytes. A longer value is no name.
const LONGEST: usize = 128;

/// Homes on Windows: the folder below `\Users\` is a user, its name may have blanks.
static HOMES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?i)\\{1,4}(?:users|documents and settings)\\{1,4}(?<name>[^\\/"'<>|:*?\r\n\t,;]{1,64})\\"#,
    )
    .ok()
});
/// Homes elsewhere, and at the end of a path.
static SHORT_HOMES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?:\\{1,4}(?i:users)\\{1,4}|/Users/|/home/)(?<name>[^\\/"'<>|:*?\s,;]{1,64})(?:[\\/"'<>|\s,;]|$)"#,
    )
    .ok()
});
/// Behind `/home/` in a URL.
const PAGES: [&str; 8] = [
    ".php", ".html", ".htm", ".asp", ".aspx", ".jsp", ".js", ".css",
];
/// `user=bob`, `/user:CORP\bob`, `acct="bob"`.
static PAIRS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r#"(?i)(?:^|[^a-z0-9])(?:user|username|ruser|acct|logname|login|suser|duser|srcuser|dstuser|account)(?:=|/?:)["']?"#,
        r#"(?<name>[\p{L}0-9._$@\\-]{1,64})"#,
    ))
    .ok()
});
static EMAILS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}").ok()
});

/// Names as found, each once.
#[derive(Debug, Default)]
pub(super) struct Found {
    names: Vec<(Kind, String)>,
    seen: HashMap<String, usize>,
}

impl Found {
    /// Takes the names out of one field.
    pub fn field(&mut self, path: &str, text: &str) {
        match holds(path) {
            Holds::User => text.split([',', ';']).for_each(|value| self.user(value)),
            Holds::Host => text.split(", ").for_each(|value| self.host(value, true)),
            Holds::PerhapsHost => self.host(text, false),
            Holds::Domain => self.add_domain(text),
            Holds::Nothing => {}
        }
        if text.contains('@') {
            for hit in EMAILS.iter().flat_map(|emails| emails.find_iter(text)) {
                self.add(Kind::Email, &text[hit.range()]);
            }
        }
        if text.contains(['\\', '/']) {
            for homes in [&HOMES, &SHORT_HOMES] {
                self.named(homes, text, |found, name| {
                    if !PAGES.iter().any(|page| name.ends_with(page)) {
                        found.add_user(name);
                    }
                });
            }
        }
        if text.contains(['=', ':']) {
            self.named(&PAIRS, text, Self::user);
        }
    }

    /// Hosts come before domains and users: `WIN01$` is the account of a host.
    pub fn into_names(self) -> Vec<(Kind, String)> {
        self.names
    }

    fn named(
        &mut self,
        expression: &LazyLock<Option<Regex>>,
        text: &str,
        add: fn(&mut Self, &str),
    ) {
        for captures in expression
            .iter()
            .flat_map(|regex| regex.captures_iter(text))
        {
            let captures: Captures = captures;
            if let Some(name) = captures.get_group_by_name("name") {
                add(self, &text[name.range()]);
            }
        }
    }

    /// `bob`, `CORP\bob`, `bob@corp.local`, `CORP\WIN01$`, `arn:aws:iam::1:user/bob`, `bob(uid=0)`.
    fn user(&mut self, value: &str) {
        let value = value.split('(').next().unwrap_or_default().trim();
        let value = if value.starts_with("arn:") {
            value.rsplit(['/', ':']).next().unwrap_or_default()
        } else {
            value
        };
        if let Some((domain, name)) = value.rsplit_once('\\') {
            let domain = domain.trim_matches('\\');
            if domain.contains(':') || domain.contains('\\') {
                return;
            }
            self.add_domain(domain);
            self.add_user(name);
        } else if let Some((name, domain)) = value.split_once('@') {
            if is_internal(domain) {
                self.add(Kind::Domain, domain);
            }
            self.add_user(name);
        } else {
            self.add_user(value);
        }
    }

    fn add_user(&mut self, name: &str) {
        match name.strip_suffix('$') {
            Some(machine) => self.host(machine, true),
            None => self.add(Kind::User, name),
        }
    }

    /// `web01`, `web01.corp.local`. Where it is not sure that the host is ours, only one of an internal domain is.
    fn host(&mut self, value: &str, ours: bool) {
        let value = value.trim().trim_end_matches('.').trim_start_matches('\\');
        if value.parse::<IpAddr>().is_ok() {
            return;
        }
        match value.split_once('.') {
            Some((name, domain)) if ours || is_internal(value) => {
                self.add(Kind::Host, name);
                if domain.contains('.') || is_internal(value) {
                    self.add(Kind::Domain, domain);
                }
            }
            Some(_) => {}
            None => self.add(Kind::Host, value),
        }
    }

    fn add_domain(&mut self, domain: &str) {
        // A local account's domain is its host.
        self.add(Kind::Domain, domain.trim());
    }

    fn add(&mut self, kind: Kind, name: &str) {
        let name = name.trim();
        let is_name = !name.is_empty()
            && name.len() <= LONGEST
            && name.contains(char::is_alphabetic)
            && !name.contains(['/', '[', ']', '\n', '\r', '\t', '"', '<', '>'])
            && name.parse::<IpAddr>().is_err()
            && !is_everybody(name);
        if !is_name {
            return;
        }
        match self.seen.get(&name.to_ascii_lowercase()) {
            // What is a host or a user somewhere is no domain.
            Some(&place) if self.names[place].0 == Kind::Domain && kind == Kind::Host => {
                self.names[place].0 = kind
            }
            Some(_) => {}
            None => {
                self.seen
                    .insert(name.to_ascii_lowercase(), self.names.len());
                self.names.push((kind, name.to_owned()));
            }
        }
    }
}
