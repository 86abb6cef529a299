//! Alerts without end: lines in `alerts.json` with rotations and torn flushes, and calls of the hook.

use std::{
    collections::HashSet,
    fs::{File, OpenOptions},
    io::Write,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use alertbridge_alert::Alert;

use crate::world::{ALERTS, World};

/// What was sent and acknowledged.
#[derive(Default)]
pub struct Sent {
    pub references: HashSet<String>,
    pub lines: u64,
    pub hooked: u64,
}

pub struct Load {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Sent>,
}

impl Load {
    pub fn start(world: Arc<World>, seed: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut writer = Writer::new(world, seed);
            while !stopping.load(Ordering::Acquire) {
                writer.step();
            }
            writer.sent
        });
        Self { stop, thread }
    }

    pub fn stop(self) -> Sent {
        self.stop.store(true, Ordering::Release);
        self.thread.join().unwrap()
    }
}

struct Writer {
    world: Arc<World>,
    random: fastrand::Rng,
    templates: Vec<serde_json::Value>,
    file: File,
    segment: u32,
    number: u64,
    sent: Sent,
}

impl Writer {
    fn new(world: Arc<World>, seed: u64) -> Self {
        let templates = ALERTS
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let file = rotate(world.root(), 0);
        Self {
            world,
            random: fastrand::Rng::with_seed(seed ^ 0x5eed),
            templates,
            file,
            segment: 0,
            number: 0,
            sent: Sent::default(),
        }
    }

    fn step(&mut self) {
        // What is rotated away before the follower ever had a position is no business of a first start.
        if self.random.u32(0..200) == 0 && self.world.has_position() {
            self.segment += 1;
            self.file = rotate(self.world.root(), self.segment);
        }
        let alert = self.next_alert();
        let bytes = serde_json::to_vec(&alert).unwrap();
        let reference = Alert::parse(bytes.clone())
            .unwrap()
            .reference()
            .as_str()
            .to_owned();
        let way = self.random.u32(0..10);
        if way > 0 {
            self.append(&bytes);
            self.sent.references.insert(reference.clone());
        }
        // One in ten by the hook alone, one in ten by both.
        if way < 2 {
            self.world.hook(&self.number.to_string(), &bytes);
            self.sent.hooked += 1;
            self.sent.references.insert(reference);
        }
        std::thread::sleep(Duration::from_millis(self.random.u64(0..12)));
    }

    fn next_alert(&mut self) -> serde_json::Value {
        let mut alert = self.templates[self.random.usize(0..self.templates.len())].clone();
        self.number += 1;
        alert["id"] = format!("17952{:05}.{}", self.number, self.number * 977).into();
        alert
    }

    /// As a stdio buffer does: sometimes a line comes in two parts.
    fn append(&mut self, bytes: &[u8]) {
        let line = [bytes, b"\n"].concat();
        if self.random.u32(0..4) == 0 {
            let (first, second) = line.split_at(self.random.usize(0..line.len()));
            self.file.write_all(first).unwrap();
            std::thread::sleep(Duration::from_millis(self.random.u64(0..4)));
            self.file.write_all(second).unwrap();
        } else {
            self.file.write_all(&line).unwrap();
        }
        self.sent.lines += 1;
    }
}

/// A new dated file, and `alerts.json` as a hard link to it.
fn rotate(root: &Path, segment: u32) -> File {
    let folder = root.join("alerts/2026/Nov");
    std::fs::create_dir_all(&folder).unwrap();
    let name = match segment {
        0 => "ossec-alerts-21.json".to_owned(),
        segment => format!("ossec-alerts-21-{segment:03}.json"),
    };
    let live = root.join("alerts/alerts.json");
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.join(&name))
        .unwrap();
    let _ = std::fs::remove_file(&live);
    std::fs::hard_link(folder.join(&name), &live).unwrap();
    file
}
