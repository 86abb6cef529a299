//! How fast the follower reads, beside the floor, and what it costs while idle.
//!
//! Floor: the same file read in 1 MiB blocks with its newlines counted, in the same run. Peer: `wc -l`. The intake keeps
//! nothing and answers at once, so the numbers are the follower's own. Run: `cargo bench -p alertbridge-sources --bench follower`
//! (`-- --megabytes N` for another size; default 200).

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use alertbridge_sources::{
    Batch, Begin, Checkpoint, Follower, FollowerConfig, Intake, Receipt, Record, Rejected,
};

type Failure = Box<dyn std::error::Error>;

const BLOCK: usize = 1024 * 1024;
const ROUNDS: usize = 5;

/// Counts and forgets.
#[derive(Default)]
struct Sink {
    records: AtomicU64,
    bytes: AtomicU64,
}

impl Intake for Sink {
    fn submit(&self, batch: Batch) -> Receipt {
        let mut bytes = 0;
        for record in &batch.records {
            if let Record::Alert(text) = record {
                bytes += text.len() as u64;
            }
        }
        self.records
            .fetch_add(batch.records.len() as u64, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Release);
        let (sender, receipt) = tokio::sync::oneshot::channel();
        // A follower that is being stopped no longer listens.
        let _ = sender.send(Ok(()));
        receipt
    }

    fn checkpoint(&self, _source: &str) -> Result<Option<Checkpoint>, Rejected> {
        Ok(None)
    }
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    let wanted = arguments
        .iter()
        .position(|argument| argument == "--megabytes");
    let megabytes: u64 = match wanted.and_then(|index| arguments.get(index + 1)) {
        Some(number) => number.parse()?,
        None => 200,
    };
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("alerts.json");
    let (bytes, lines) = write_alerts(&path, megabytes * 1_000_000)?;
    println!(
        "follower: {lines} real alerts, {:.0} MB, page cache warm, best of {ROUNDS}",
        bytes as f64 / 1e6
    );

    let (mut floor, mut peer, mut ours) = (Duration::MAX, Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        floor = floor.min(read_blocks(&path, lines)?);
        peer = peer.min(word_count(&path)?);
        ours = ours.min(follow(&path, lines)?);
    }
    let show = |name: &str, time: Duration| {
        let seconds = time.as_secs_f64();
        println!(
            "  {name:<34} {:>7.0} MB/s {:>9.0} lines/s  {:.2} x floor",
            bytes as f64 / 1e6 / seconds,
            lines as f64 / seconds,
            seconds / floor.as_secs_f64()
        );
    };
    show("floor: 1 MiB reads, newlines counted", floor);
    show("peer: wc -l", peer);
    show("follower", ours);
    idle(&path)
}

/// Repeats the sample alerts up to a size.
fn write_alerts(path: &Path, size: u64) -> io::Result<(u64, u64)> {
    let sample =
        fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../data/alerts.jsonl"))?;
    let sample_lines = memchr::memchr_iter(b'\n', &sample).count() as u64;
    let mut file = BufWriter::new(File::create(path)?);
    let (mut bytes, mut lines) = (0, 0);
    while bytes < size {
        file.write_all(&sample)?;
        bytes += sample.len() as u64;
        lines += sample_lines;
    }
    file.flush()?;
    Ok((bytes, lines))
}

fn read_blocks(path: &Path, expected: u64) -> Result<Duration, Failure> {
    let begin = Instant::now();
    let mut file = File::open(path)?;
    let mut block = vec![0; BLOCK];
    let mut lines = 0;
    loop {
        let count = file.read(&mut block)?;
        if count == 0 {
            break;
        }
        lines += memchr::memchr_iter(b'\n', &block[..count]).count() as u64;
    }
    let time = begin.elapsed();
    if lines != expected {
        return Err(format!("the floor counted {lines} of {expected} lines").into());
    }
    Ok(time)
}

fn word_count(path: &Path) -> io::Result<Duration> {
    let begin = Instant::now();
    Command::new("wc").arg("-l").arg(path).output()?;
    Ok(begin.elapsed())
}

fn start(
    path: &Path,
    begin: Begin,
    sink: &Arc<Sink>,
) -> Result<alertbridge_sources::FollowerHandle, Failure> {
    let mut config = FollowerConfig::new(path, || jiff::Timestamp::UNIX_EPOCH);
    config.begin = begin;
    Ok(Follower::new(config, sink.clone()).spawn()?)
}

fn follow(path: &Path, expected: u64) -> Result<Duration, Failure> {
    let sink = Arc::new(Sink::default());
    let begin = Instant::now();
    let handle = start(path, Begin::Start, &sink)?;
    while sink.records.load(Ordering::Acquire) < expected {
        std::thread::sleep(Duration::from_micros(200));
    }
    let time = begin.elapsed();
    handle.stop();
    handle.join()?;
    Ok(time)
}

/// CPU and rounds of an idle follower; the process does nothing else meanwhile.
fn idle(path: &Path) -> Result<(), Failure> {
    let handle = start(path, Begin::End, &Arc::new(Sink::default()))?;
    std::thread::sleep(Duration::from_secs(1));
    let (rounds, cpu, begin) = (
        handle.status().snapshot().rounds,
        cpu_time()?,
        Instant::now(),
    );
    std::thread::sleep(Duration::from_secs(5));
    let seconds = begin.elapsed().as_secs_f64();
    let cpu = (cpu_time()? - cpu).as_secs_f64();
    let rounds = handle.status().snapshot().rounds - rounds;
    println!(
        "  idle for {seconds:.1} s: {rounds} rounds, {:.2} ms of CPU = {:.3} % of a core (aim: below 0.5 %)",
        cpu * 1e3,
        100.0 * cpu / seconds
    );
    handle.stop();
    handle.join()?;
    Ok(())
}

/// CPU time of this process's threads so far, from the scheduler (nanoseconds; `/proc/self/stat` counts in 10 ms).
fn cpu_time() -> Result<Duration, Failure> {
    let mut nanoseconds = 0;
    for task in fs::read_dir("/proc/self/task")? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        let first = text.split_whitespace().next().ok_or("schedstat is empty")?;
        nanoseconds += first.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}
