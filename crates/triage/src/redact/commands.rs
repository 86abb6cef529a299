//! Secrets on command lines: `-p` means a password to some programs and a port to others, so the program decides.

use std::collections::HashMap;
use std::ops::Range;

use serde::Deserialize;

use super::{
    names::Names,
    value::is_reference,
    words::{bare, separates, split},
};

/// A command within a command within …
const DEEPEST: usize = 4;
/// Stands for every program.
const ANY: &str = "*";
/// Longer words are no program's name.
const LONGEST_NAME: usize = 48;

/// How programs are given a secret.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Program {
    /// Their names, without folder and `.exe`; `*` is every one.
    pub names: Vec<String>,
    /// What kind of secret it is.
    #[serde(default = "password")]
    pub kind: String,
    /// Only behind one of these words (`docker login`).
    #[serde(default)]
    pub when: Vec<String>,
    /// Switches whose next word is the secret, or what follows them behind `=` or `:`.
    #[serde(default)]
    pub next: Vec<String>,
    /// Switches the secret is joined to: `-pSECRET`.
    #[serde(default)]
    pub joined: Vec<String>,
    /// Switches as in `next` of which only what follows the first `:` or `%` is secret: `-u name:SECRET`.
    #[serde(default)]
    pub after: Vec<String>,
    /// A word that names a secret (`setx API_TOKEN …`) is followed by it.
    #[serde(default)]
    pub named: bool,
    /// Words that are no switch, counted from the one in `when`, or from the program: 0 is the first.
    #[serde(default)]
    pub position: Option<usize>,
    /// What of the words that are no switch is not counted: drives and shares.
    #[serde(default)]
    pub uncounted_shares: bool,
    /// A share (`//host/share`) is followed by it.
    #[serde(default)]
    pub behind_share: bool,
    /// A word of the form `domain/user:SECRET@host`.
    #[serde(default)]
    pub target: bool,
    /// Reads a secret from what is piped into it.
    #[serde(default)]
    pub piped: bool,
    /// Whether upper and lower case are the same in switches.
    #[serde(default)]
    pub any_case: bool,
}

fn password() -> String {
    "password".to_owned()
}

/// All programs by their names.
#[derive(Debug, Default)]
pub(super) struct Commands {
    programs: Vec<Program>,
    by_name: HashMap<String, Vec<usize>>,
}

/// A secret found: in which word, where in it, of which kind.
pub(super) type Hit<'a> = (usize, Range<usize>, &'a str);

impl Commands {
    pub fn add(&mut self, program: Program) {
        for name in &program.names {
            let index = self.programs.len();
            self.by_name
                .entry(name.to_ascii_lowercase())
                .or_default()
                .push(index);
        }
        self.programs.push(program);
    }

    /// Finds the secrets of a line.
    pub fn find(&self, names: &Names, line: &str, found: &mut dyn FnMut(Range<usize>, &str)) {
        self.find_within(names, line, (0, 0), found);
    }

    fn find_within(
        &self,
        names: &Names,
        line: &str,
        (base, depth): (usize, usize),
        found: &mut dyn FnMut(Range<usize>, &str),
    ) {
        let places = split(line);
        let words: Vec<&str> = places.iter().map(|place| &line[place.clone()]).collect();
        for (index, range, kind) in self.find_in(names, &words) {
            let start = base + places[index].start;
            found(start + range.start..start + range.end, kind);
        }
        if depth < DEEPEST {
            for (word, place) in words.iter().zip(&places) {
                if let Some(part) = quoted_command(word) {
                    let base = base + place.start + part.start;
                    self.find_within(names, &word[part], (base, depth + 1), found);
                }
            }
        }
    }

    /// Finds the secrets among the words of a command line.
    pub fn find_in<'a>(&'a self, names: &'a Names, words: &[&str]) -> Vec<Hit<'a>> {
        let mut hits = Vec::new();
        let mut runs: Vec<Run<'a>> = Vec::new();
        let every = || self.by_name.get(ANY).into_iter().flatten();
        let every = || {
            every()
                .map(|&place| Run::new(&self.programs[place]))
                .collect::<Vec<_>>()
        };
        let mut any = every();
        let mut start = 0;
        let mut named = None;
        for (index, word) in words.iter().enumerate() {
            if separates(word) {
                if *word == "|" && self.reads_pipe(&words[index + 1..]) {
                    piped(words, start..index, &mut hits);
                }
                (runs, any, named, start) = (Vec::new(), every(), None, index + 1);
            } else if let Some(programs) = self.programs_of(word) {
                let programs = programs.iter().map(|&place| &self.programs[place]);
                runs = programs.map(Run::new).collect();
            } else {
                for run in any.iter_mut().chain(&mut runs) {
                    run.take(names, words, index, &mut hits);
                }
                long_switch(names, words, index, &mut hits);
                registry(names, words, index, &mut named, &mut hits);
            }
        }
        hits.retain(|(word, range, _)| !is_reference(&words[*word][range.clone()]));
        hits
    }

    fn programs_of(&self, word: &str) -> Option<&Vec<usize>> {
        if word.starts_with('-') || word.starts_with('/') && !word[1..].contains('/') {
            return None;
        }
        let name = word.trim_matches(|byte: char| !byte.is_ascii_alphanumeric());
        let name = name
            .rsplit(['/', '\\', '=', '(', '{', '"', '\'', ':'])
            .next()?;
        if name.is_empty() || name.len() > LONGEST_NAME {
            return None;
        }
        let lower = name.to_ascii_lowercase();
        let stem = lower
            .strip_suffix(".exe")
            .or_else(|| lower.strip_suffix(".py"));
        self.by_name.get(stem.unwrap_or(&lower))
    }

    fn reads_pipe(&self, words: &[&str]) -> bool {
        let command: Vec<&&str> = words
            .iter()
            .take(12)
            .take_while(|word| !separates(word))
            .collect();
        let programs = command
            .iter()
            .filter_map(|word| self.programs_of(word))
            .flatten();
        programs.map(|&place| &self.programs[place]).any(|program| {
            program.piped
                && (program.when.is_empty()
                    || command
                        .iter()
                        .any(|word| program.when.iter().any(|when| when == **word)))
        })
    }
}

/// A program whose arguments are being read.
struct Run<'a> {
    program: &'a Program,
    /// Words so far that are no switch; `None` until a word of `when` was seen.
    counted: Option<usize>,
    /// A switch is taken once: what follows a command may be another one's arguments.
    used: Vec<&'a str>,
}

impl<'a> Run<'a> {
    fn new(program: &'a Program) -> Self {
        Self {
            program,
            counted: program.when.is_empty().then_some(0),
            used: Vec::new(),
        }
    }

    fn take(&mut self, names: &'a Names, words: &[&str], index: usize, hits: &mut Vec<Hit<'a>>) {
        let (word, lead) = unframed(words[index]);
        let program = self.program;
        let Some(counted) = self.counted else {
            if program
                .when
                .iter()
                .any(|when| when.eq_ignore_ascii_case(word))
            {
                self.counted = Some(0);
            }
            return;
        };
        if word.starts_with(['>', '<']) || word.starts_with("2>") {
            if word == "<<<" && program.piped {
                next_word(words, index, true, &program.kind, hits);
            }
            self.counted = Some(usize::MAX);
            return;
        }
        let switch =
            word.len() > 1 && (word.starts_with('-') || word.starts_with('/') && program.any_case);
        if switch {
            self.switch(word, lead, words, index, hits);
            return;
        }
        if program.named
            && let Some(kind) = names.kind(word)
        {
            next_word(words, index, false, kind, hits);
        }
        if program.behind_share && is_unix_share(word) {
            next_word(words, index, false, &program.kind, hits);
        }
        if program.target
            && let Some(range) = target(words[index], lead)
        {
            hits.push((index, range, &program.kind));
        }
        if program.uncounted_shares && is_share(word) {
            return;
        }
        if program.position == Some(counted) {
            hits.push((index, bare(words[index], 0), &program.kind));
        }
        self.counted = Some(counted.saturating_add(1));
    }

    fn switch(
        &mut self,
        word: &str,
        lead: usize,
        words: &[&str],
        index: usize,
        hits: &mut Vec<Hit<'a>>,
    ) {
        let program = self.program;
        let begins = |flag: &str| {
            word.get(..flag.len()).is_some_and(|start| {
                start == flag || program.any_case && start.eq_ignore_ascii_case(flag)
            })
        };
        let lists = [(&program.next, false), (&program.after, true)];
        let flags = lists
            .iter()
            .flat_map(|(flags, part)| flags.iter().map(|flag| (flag, *part)));
        for (flag, part) in flags.filter(|(flag, _)| begins(flag)) {
            if self.used.contains(&flag.as_str()) {
                continue;
            }
            let rest = &word[flag.len()..];
            if rest.is_empty() {
                next_word(words, index, part, &program.kind, hits);
            } else if rest.starts_with(['=', ':']) {
                let value = bare(words[index], lead + flag.len() + 1);
                hits.extend(
                    narrowed(words[index], value, part).map(|value| (index, value, &*program.kind)),
                );
            } else {
                continue;
            }
            self.used.push(flag);
            return;
        }
        let joined = program
            .joined
            .iter()
            .find(|flag| begins(flag) && word.len() > flag.len());
        if let Some(flag) = joined {
            hits.push((index, bare(words[index], lead + flag.len()), &program.kind));
        }
    }
}

/// A word without what frames it: `a1=` of auditd, a quote. And how many bytes of the word stand before it.
fn unframed(word: &str) -> (&str, usize) {
    let mut rest = word;
    if let Some((name, value)) = word.split_once('=')
        && name.len() < 5
        && name.starts_with('a')
        && name[1..].bytes().all(|byte| byte.is_ascii_digit())
    {
        rest = value;
    }
    rest = rest.trim_start_matches(['"', '\'']);
    let lead = word.len() - rest.len();
    (rest.trim_end_matches(['"', '\'']), lead)
}

/// The next word is the secret, if it is no switch; with `part`, what follows its first `:`, `%` or `,`.
fn next_word<'a>(words: &[&str], index: usize, part: bool, kind: &'a str, hits: &mut Vec<Hit<'a>>) {
    let Some(word) = words.get(index + 1).filter(|word| !separates(word)) else {
        return;
    };
    let (plain, lead) = unframed(word);
    let switch = plain.starts_with('-')
        && plain.as_bytes().get(1).is_some_and(u8::is_ascii_alphabetic)
        && plain.len() < 24;
    if switch || plain.starts_with('(') {
        return;
    }
    let from = if word[..lead].contains('=') {
        word.find('=').map_or(0, |place| place + 1)
    } else {
        0
    };
    hits.extend(narrowed(word, bare(word, from), part).map(|value| (index + 1, value, kind)));
}

fn narrowed(word: &str, value: Range<usize>, part: bool) -> Option<Range<usize>> {
    if !part || is_reference(&word[value.clone()]) {
        return Some(value);
    }
    let separator = word[value.clone()].find([':', '%', ','])?;
    Some(value.start + separator + 1..value.end)
}

/// `--name value`, `--name=value`, `-Name value`, `/name:value` with a name that names a secret.
fn long_switch<'a>(names: &'a Names, words: &[&str], index: usize, hits: &mut Vec<Hit<'a>>) {
    let (word, lead) = unframed(words[index]);
    let name = word.trim_start_matches('-');
    let (name, slash) = match name.strip_prefix('/') {
        Some(name) if name.len() + 1 == word.len() => (name, true),
        _ if name.len() < word.len() => (name, false),
        _ => return,
    };
    let before = word.len() - name.len();
    let end = name.find(['=', ':']);
    let plain = &name[..end.unwrap_or(name.len())];
    let letters = plain
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    let Some(kind) = names.kind(plain).filter(|_| letters) else {
        return;
    };
    match end {
        Some(end) if before + end + 1 < word.len() => {
            hits.push((index, bare(words[index], lead + before + end + 1), kind));
        }
        None if !slash => next_word(words, index, false, kind, hits),
        _ => {}
    }
}

/// `reg add … /v DefaultPassword /d SECRET`, `Set-ItemProperty -Name DefaultPassword -Value SECRET`.
fn registry<'a>(
    names: &'a Names,
    words: &[&str],
    index: usize,
    named: &mut Option<&'a str>,
    hits: &mut Vec<Hit<'a>>,
) {
    let is = |one: &str, two: &str| {
        words[index].eq_ignore_ascii_case(one) || words[index].eq_ignore_ascii_case(two)
    };
    if is("/v", "-name") {
        let name = words.get(index + 1).map(|word| unframed(word).0);
        *named = name.and_then(|name| names.kind(name));
    } else if is("/d", "-value")
        && let Some(kind) = named.take()
    {
        next_word(words, index, false, kind, hits);
    }
}

/// What `echo` or a text alone hands to a program that reads a password.
fn piped<'a>(words: &[&str], command: Range<usize>, hits: &mut Vec<Hit<'a>>) {
    let mut words = command.clone().map(|index| (index, words[index]));
    let from = words.clone().position(|(_, word)| {
        let name = word.trim_matches(|byte: char| !byte.is_ascii_alphanumeric());
        matches!(
            name.rsplit(['/', '=', '"']).next(),
            Some("echo" | "printf" | "Write-Output")
        )
    });
    let from = match from {
        Some(echo) => echo + 1,
        None if command.len() == 1 => 0,
        None => return,
    };
    let quoted = from > 0 || words.clone().all(|(_, word)| word.starts_with(['"', '\'']));
    for (index, word) in words
        .by_ref()
        .skip(from)
        .filter(|(_, word)| quoted && !word.starts_with('-'))
    {
        let value = bare(word, 0);
        let value = narrowed(word, value.clone(), true).unwrap_or(value);
        hits.push((index, value, "password"));
    }
}

/// The inside of a quoted word that may be a command itself.
fn quoted_command(word: &str) -> Option<Range<usize>> {
    let start = word.find(['"', '\'', '`'])?;
    let quote = char::from(word.as_bytes()[start]);
    let end = word.rfind(quote)?;
    let inside = word.get(start + 1..end)?;
    inside.contains([' ', '\t']).then_some(start + 1..end)
}

/// The secret in `domain/user:SECRET@host` and `'domain/user:SECRET'@host`, which begins `lead` bytes after the word's start.
fn target(word: &str, lead: usize) -> Option<Range<usize>> {
    let rest = &word[lead..];
    let colon = rest.find(':')?;
    let user = rest[..colon].bytes().all(|byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'$' | b'/')
    });
    let host = rest
        .rfind('@')
        .filter(|at| *at > colon && at + 1 < rest.len())?;
    let secret = rest[colon + 1..host].trim_end_matches(['\'', '"']);
    let start = lead + colon + 1;
    (user && colon > 0 && !secret.is_empty()).then(|| start..start + secret.len())
}

/// `//server/share`; `//server` alone is none.
fn is_unix_share(word: &str) -> bool {
    let bare = word
        .strip_prefix("//")
        .or_else(|| word.strip_prefix("\\\\"));
    bare.is_some_and(|path| path.contains(['/', '\\']))
}

/// `Z:`, `\\\\server\\share`, `*`.
fn is_share(word: &str) -> bool {
    word == "*"
        || word.starts_with('\\')
        || matches!(word.as_bytes(), [drive, b':'] if drive.is_ascii_alphabetic())
}
