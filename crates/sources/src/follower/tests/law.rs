//! The law of following, over random lives of a file.
//!
//! **Law.** Whatever analysisd, monitord, operators, the intake and crashes do, the lines kept by the intake are those that
//! were written, each once, in the order of writing; a line without its newline counts as written when its segment is left.
//!
//! Two actions destroy bytes that no reader can get back, so they come with a condition:
//! * *truncation* follows only on a file whose lines have all been read (`Cut` reads them first);
//! * a *copy* put in the file's place is not in the archive, so it is read to its end before the next rotation, and the
//!   rotation is seen before anything else happens (`Rotate` does so); a copy of a copy holds a whole line (`Copy`).

use std::fs;

use proptest::prelude::*;

use super::rig::{Analysisd, Mood, Rig};

#[derive(Clone, Debug)]
enum Action {
    /// The daemon dies and starts again: uncommitted batches are gone.
    Crash,
    /// monitord compresses every finished segment.
    Compress,
    /// Truncation in place, with everything read.
    Cut,
    /// A copy takes the file's place and analysisd goes on in it.
    Copy,
    /// Whole lines.
    Lines(usize),
    /// The intake's mood from now on.
    Mood(Mood),
    /// A part of a line.
    Part,
    /// The follower reads until there is nothing more.
    ReadAll,
    /// Rotations, at midnight or by size.
    Rotate(Vec<bool>),
    /// The follower makes some steps.
    Steps(usize),
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        2 => Just(Action::Crash),
        2 => Just(Action::Compress),
        1 => Just(Action::Cut),
        1 => Just(Action::Copy),
        6 => (1_usize..6).prop_map(Action::Lines),
        2 => prop_oneof![Just(Mood::Keeps), Just(Mood::Refuses), Just(Mood::Waits)].prop_map(Action::Mood),
        2 => Just(Action::Part),
        2 => Just(Action::ReadAll),
        3 => prop::collection::vec(any::<bool>(), 1..4).prop_map(Action::Rotate),
        6 => (1_usize..8).prop_map(Action::Steps),
    ]
}

struct Life {
    analysisd: Analysisd,
    rig: Rig,
    is_copy: bool,
}

impl Life {
    fn new() -> Self {
        let analysisd = Analysisd::new();
        let mut rig = Rig::new(&analysisd);
        rig.run_dry();
        Life {
            analysisd,
            rig,
            is_copy: false,
        }
    }

    fn read_all(&mut self) {
        self.rig.memory.set_mood(Mood::Keeps);
        self.rig.run_dry();
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Crash => self.rig.restart(),
            Action::Compress => self.compress_finished(),
            Action::Cut => {
                self.analysisd.lines(1); // ends what is unfinished
                self.read_all();
                if !self.is_copy {
                    self.analysisd.truncate();
                }
            }
            Action::Copy => {
                if self.is_copy {
                    self.analysisd.lines(1);
                }
                self.analysisd.replace_by_copy();
                self.is_copy = true;
            }
            Action::Lines(count) => self.analysisd.lines(count),
            Action::Mood(mood) => self.rig.memory.set_mood(mood),
            Action::Part => {
                let text = self.analysisd.next_text();
                self.analysisd.part(&text[..text.len() / 2]);
            }
            Action::ReadAll => self.read_all(),
            Action::Rotate(times) => {
                for at_midnight in times {
                    if self.is_copy {
                        self.read_all();
                    }
                    if at_midnight {
                        self.analysisd.rotate_at_midnight();
                    } else {
                        self.analysisd.rotate_by_size();
                    }
                    if self.is_copy {
                        self.is_copy = false;
                        self.read_all();
                    }
                    self.analysisd.lines(1);
                }
            }
            Action::Steps(count) => {
                for _ in 0..count {
                    self.rig.step();
                }
            }
        }
    }

    fn compress_finished(&self) {
        let root = self.analysisd.path();
        let listing = crate::follower::archive::Archive::new(root.to_owned())
            .list_from(None)
            .unwrap();
        for (name, forms) in listing {
            let is_worth_it =
                forms.plain && fs::metadata(self.analysisd.dated(name)).unwrap().len() > 0;
            if name != self.analysisd.name && is_worth_it {
                self.analysisd.compress(name);
            }
        }
    }
}

/// `PROPTEST_CASES` asks for more.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig {
        cases: default.cases.max(400),
        ..default
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_line_is_kept_once_and_in_order_whatever_happens(
        actions in prop::collection::vec(action(), 1..40),
    ) {
        let mut life = Life::new();
        for action in actions {
            life.act(action);
            let kept = life.rig.memory.lines();
            prop_assert!(life.analysisd.written.starts_with(&kept), "{:#?}", kept);
        }
        life.read_all();
        prop_assert_eq!(life.rig.memory.lines(), life.analysisd.written);
    }
}
