//! Lists of texts, read as the arguments of a command: secrets stand beside the words that announce them, not within them.

use std::ops::Range;

use serde_json::{Map, Value};

use super::{
    Redactor,
    edits::{Counts, MARK},
    hidden::{from_hex, is_argument},
    meant::Meant,
    value::is_reference,
    words::bare,
};

/// A secret found: in which argument, where in it, of which kind.
type Hit = (usize, Range<usize>, String);

impl Redactor {
    /// A list of texts, read as the arguments of a command. `None` where there is nothing to replace.
    pub(super) fn arguments<'a>(
        &self,
        items: impl Iterator<Item = Option<&'a str>>,
        counts: &mut Counts,
    ) -> Option<Vec<Value>> {
        let words: Vec<&str> = items.collect::<Option<_>>()?;
        if words.len() < 2 {
            return None;
        }
        let mut hits: Vec<Hit> = self
            .rules
            .commands
            .find_in(&self.rules.names, &words)
            .into_iter()
            .map(|(word, range, kind)| (word, range, kind.to_owned()))
            .collect();
        self.with_carets(&words, &mut hits);
        self.side_by_side(&words, &mut hits);
        if hits.is_empty() {
            return None;
        }
        hits.sort_by_key(|(word, range, _)| (*word, range.start));
        let mut redacted: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        for (word, range, kind) in hits.into_iter().rev() {
            // The rest of the word belongs to the secret as well: nothing was quoted here.
            if let Some(text) = redacted
                .get_mut(word)
                .filter(|text| text.len() >= range.end)
            {
                let placeholder = format!("{MARK}{kind}]");
                *counts.entry(kind).or_default() += 1;
                text.truncate(range.start);
                text.push_str(&placeholder);
            }
        }
        Some(redacted.into_iter().map(Value::String).collect())
    }

    /// Name and value as arguments of their own: `password:` `x`; `PASSWORD` `=` `x`; `key="password"` `value="x"`.
    fn side_by_side(&self, words: &[&str], hits: &mut Vec<Hit>) {
        let divides = |word: &str| matches!(word, "=" | ":" | "=>" | ":=");
        for (index, word) in words.iter().enumerate() {
            let rest = &words[index + 1..];
            let word = word.trim();
            let ends = word.ends_with([':', '=']) || word.ends_with("=>");
            let attribute = word
                .strip_prefix("key=")
                .or_else(|| word.strip_prefix("name="));
            let (name, skipped, from) = match (rest, attribute) {
                ([value, ..], Some(name)) if value.starts_with("value=") => {
                    (name, 0, "value=".len())
                }
                ([_, ..], None) if ends && !divides(word) => (word, 0, 0),
                ([between, _, ..], None) if divides(between.trim()) => (word, 1, 0),
                _ => continue,
            };
            let at = index + 1 + skipped;
            let value = words[at];
            let range = bare(value, from);
            let text = &value[range.clone()];
            if let Some(kind) = self.name(name, &Value::from(text))
                && !is_reference(text)
            {
                hits.push((at, range, kind.to_owned()));
            }
        }
    }

    /// `net`, `u^se`, … as cmd reads them.
    fn with_carets(&self, words: &[&str], hits: &mut Vec<Hit>) {
        let meant: Vec<Option<Meant>> = words
            .iter()
            .map(|word| Meant::without_carets(word))
            .collect();
        if meant.iter().all(Option::is_none) {
            return;
        }
        let plain: Vec<&str> = words
            .iter()
            .zip(&meant)
            .map(|(word, meant)| meant.as_ref().map_or(*word, |meant| &meant.text))
            .collect();
        for (word, range, kind) in self.rules.commands.find_in(&self.rules.names, &plain) {
            let range = match &meant[word] {
                Some(meant) => meant.place(words[word], range),
                None => range,
            };
            hits.push((word, range, kind.to_owned()));
        }
    }

    /// auditd's arguments in fields of their own: `{"a0": "mysql", "a1": "-psecret"}`.
    pub(super) fn split_arguments(
        &self,
        fields: &Map<String, Value>,
        counts: &mut Counts,
    ) -> Option<Map<String, Value>> {
        fields.get("a0")?;
        let mut names: Vec<&String> = fields.keys().filter(|name| is_argument(name)).collect();
        names.sort_by_key(|name| name[1..].parse::<u16>().unwrap_or(u16::MAX));
        let plain: Vec<String> = names
            .iter()
            .map(|name| {
                let text = fields[*name].as_str().unwrap_or_default();
                from_hex(text).unwrap_or_else(|| text.to_owned())
            })
            .collect();
        let redacted = self.arguments(plain.iter().map(|text| Some(&**text)), counts)?;
        Some(names.into_iter().cloned().zip(redacted).collect())
    }
}
