//! Fills the user's message: the worthiest fields first, each shortened to its limit, until the room is used.

use super::{
    Cut, Prompter, Shortened, estimate, fit,
    flatten::Leaf,
    harmless::harmless,
    repeats::Known,
    system::TASK,
    worth::{self, Worth},
};
use crate::SentField;

/// Tokens of the marker without its nonce, the task, and the words around the facts.
const FRAME: u32 = 72;
/// A core field is shortened further rather than left out where so many tokens are left.
const WORTH_SHORTENING: u32 = 60;
/// Paths of what was left out; the numbers tell of more.
const LEFT_OUT: usize = 64;

/// The user's message while it is filled.
pub(super) struct Packing<'a> {
    prompter: &'a Prompter,
    nonce: &'a str,
    budget: u32,
    pub tokens: u32,
    pub told: Vec<SentField>,
    pub data: Vec<SentField>,
    pub facts: Vec<String>,
    pub cut: Cut,
}

impl<'a> Packing<'a> {
    /// Nothing yet but the frame.
    pub fn new(prompter: &'a Prompter, nonce: &'a str) -> Self {
        Self {
            prompter,
            nonce,
            budget: prompter.budget,
            tokens: FRAME + 2 * estimate::most(nonce),
            told: Vec::new(),
            data: Vec::new(),
            facts: Vec::new(),
            cut: Cut::default(),
        }
    }

    /// Takes what fits. `foreign`: the alert is not of Wazuh's form.
    pub fn pack(mut self, leaves: Vec<Leaf>, facts: Vec<String>, foreign: bool) -> Self {
        let mut known = Known::default();
        let mut fields: Vec<(Worth, Leaf)> = Vec::new();
        let mut logs = Vec::new();
        for leaf in leaves {
            let worth = worth::of(&leaf.path);
            if worth == Worth::Log {
                logs.push(leaf);
                continue;
            }
            known.add(&leaf.path);
            known.add(&leaf.text);
            if worth != Worth::Never && !worth::is_empty(&leaf.text) {
                fields.push((worth, leaf));
            }
        }
        for Leaf { path, text } in logs {
            if let Some(text) = known.news(&text) {
                known.add(&text);
                fields.push((Worth::Log, Leaf { path, text }));
            }
        }
        fields.sort_by_key(|(worth, leaf)| {
            (
                *worth,
                if *worth == Worth::Other {
                    leaf.text.len()
                } else {
                    0
                },
            )
        });
        self.cut.of = fields.len();
        let first_data = fields.partition_point(|(worth, _)| matches!(worth, Worth::Told(_)));
        let data = fields.split_off(first_data);
        for (worth, leaf) in fields {
            self.field(worth, leaf, foreign);
        }
        self.our_facts(facts);
        for (worth, leaf) in data {
            self.field(worth, leaf, foreign);
        }
        self
    }

    fn field(&mut self, worth: Worth, leaf: Leaf, foreign: bool) {
        let line = harmless(worth::one_hash(&leaf.path, &leaf.text), self.nonce);
        let path = if leaf.path.contains(self.nonce) {
            leaf.path.replace(self.nonce, "_")
        } else {
            leaf.path
        };
        let mut limit = worth.limit(&self.prompter.settings, foreign);
        let mut short = fit::shorten(&line, limit);
        let mut cost = cost(&path, short.as_ref().map_or(&line, |short| &short.text));
        // What is told before the data must leave room for them.
        let room = match worth {
            Worth::Told(_) => self.budget - self.budget / 4,
            _ => self.budget,
        };
        let left = room.saturating_sub(self.tokens);
        if cost > left
            && left >= WORTH_SHORTENING
            && matches!(worth, Worth::Told(_) | Worth::Core(..) | Worth::Log)
        {
            // 1.5 bytes a token at the worst; the path and the note need room, too.
            limit = (left as usize * 3 / 2).saturating_sub(path.len() + 40);
            short = fit::shorten(&line, limit);
            cost = self::cost(&path, short.as_ref().map_or(&line, |short| &short.text));
        }
        if cost > left {
            if self.cut.left_out.len() < LEFT_OUT {
                self.cut.left_out.push(path);
            }
            return;
        }
        self.tokens += cost;
        self.cut.sent += 1;
        let text = match short {
            Some(short) => {
                self.cut.shortened.push(Shortened {
                    path: path.clone(),
                    kept: short.kept,
                    of: short.of,
                });
                short.text
            }
            None => line,
        };
        let sent = SentField { path, text };
        if matches!(worth, Worth::Told(_)) {
            self.told.push(sent);
        } else {
            self.data.push(sent);
        }
    }

    /// At most a quarter of the room.
    fn our_facts(&mut self, facts: Vec<String>) {
        let most = self
            .tokens
            .saturating_add(self.budget.saturating_sub(self.tokens) / 4);
        for fact in facts {
            let line = harmless(&fact, self.nonce);
            let line = fit::shorten(&line, self.prompter.settings.fact_bytes)
                .map_or(line, |short| short.text);
            let cost = cost("", &line);
            if self.tokens.saturating_add(cost) <= most {
                self.tokens += cost;
                self.facts.push(line);
            }
        }
    }

    /// The user's message.
    pub fn message(&self, nonce: &str) -> String {
        let mut message = String::from("Facts:\n");
        for field in &self.told {
            message.push_str(&format!("{}: {}\n", field.path, field.text));
        }
        for fact in &self.facts {
            message.push_str(&format!("- {fact}\n"));
        }
        if self.cut.sent < self.cut.of {
            message.push_str(&format!(
                "{} of {} fields are shown.\n",
                self.cut.sent, self.cut.of
            ));
        }
        message.push_str(&format!("<<<DATA {nonce}>>>\n"));
        for field in &self.data {
            message.push_str(&format!("{}: {}\n", field.path, field.text));
        }
        message.push_str(&format!("<<<END {nonce}>>>\n{TASK}\n"));
        message
    }
}

/// Tokens of one line.
fn cost(path: &str, text: &str) -> u32 {
    estimate::most(path)
        .saturating_add(estimate::most(text))
        .saturating_add(2)
}
