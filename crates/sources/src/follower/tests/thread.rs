//! The follower in its own thread: pace, stopping, and a slow intake.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::rig::{Analysisd, Memory, Mood, clock};
use crate::follower::{Begin, CheckpointError, Follower, FollowerConfig, FollowerError};

fn follower(analysisd: &Analysisd, memory: &Arc<Memory>) -> Follower {
    let mut config = FollowerConfig::new(analysisd.alerts_json(), clock);
    config.begin = Begin::Start;
    config.poll_interval = Duration::from_millis(5);
    Follower::new(config, memory.clone())
}

/// Waits for a condition, up to a generous limit.
#[track_caller]
fn until(what: &str, condition: impl Fn() -> bool) {
    let limit = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < limit, "never happened: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn lines_arrive_from_the_thread_and_stop_ends_it() {
    let mut analysisd = Analysisd::new();
    let memory = Arc::new(Memory::default());
    let handle = follower(&analysisd, &memory).spawn().unwrap();
    for _ in 0..3 {
        analysisd.lines(100);
        until("all lines", || memory.lines() == analysisd.written);
        analysisd.rotate_by_size();
    }
    until("the rotation", || {
        handle.status().snapshot().segments_caught_up == 3
    });
    handle.stop();
    handle.join().unwrap();
}

/// Guards the idle cost: the loop makes at most one round per poll interval, and fewer after a while.
#[test]
fn an_idle_follower_makes_no_more_rounds_than_its_interval_allows() {
    let mut analysisd = Analysisd::new();
    analysisd.lines(3);
    let memory = Arc::new(Memory::default());
    let handle = follower(&analysisd, &memory).spawn().unwrap();
    until("all lines", || handle.status().snapshot().records == 3);
    let (before, since) = (handle.status().snapshot().rounds, Instant::now());
    until("forty rounds", || {
        handle.status().snapshot().rounds >= before + 40
    });
    let rounds = handle.status().snapshot().rounds - before;
    let intervals = since.elapsed().as_secs_f64() / 0.005;
    assert!(
        (rounds as f64) < intervals,
        "{rounds} rounds in {intervals} intervals"
    );
    handle.stop();
    handle.join().unwrap();
}

/// Guards the memory: a full disk delays receipts, and the follower must not read on meanwhile.
#[test]
fn a_slow_intake_holds_the_reading_up_at_two_batches() {
    let mut analysisd = Analysisd::new();
    analysisd.lines(30_000);
    let memory = Arc::new(Memory::default());
    memory.set_mood(Mood::Waits);
    let handle = follower(&analysisd, &memory).spawn().unwrap();
    until("two batches in flight", || memory.most_waiting() == 2);
    let rounds = handle.status().snapshot().rounds;
    std::thread::sleep(Duration::from_millis(30)); // long enough for a follower that does not wait to show itself
    assert_eq!(
        (memory.most_waiting(), handle.status().snapshot().rounds),
        (2, rounds)
    );
    memory.set_mood(Mood::Keeps);
    until("all lines", || memory.lines().len() == 30_000);
    assert!(memory.lines() == analysisd.written, "the lines differ");
    assert_eq!(memory.most_waiting(), 2);
    handle.stop();
    handle.join().unwrap();
}

#[test]
fn stop_ends_a_follower_that_waits_for_receipts() {
    let mut analysisd = Analysisd::new();
    analysisd.lines(30_000);
    let memory = Arc::new(Memory::default());
    memory.set_mood(Mood::Waits);
    let handle = follower(&analysisd, &memory).spawn().unwrap();
    until("two batches in flight", || memory.most_waiting() == 2);
    handle.stop();
    handle.join().unwrap();
}

#[test]
fn a_stopping_intake_ends_the_follower() {
    let mut analysisd = Analysisd::new();
    analysisd.lines(30_000);
    let memory = Arc::new(Memory::default());
    memory.set_mood(Mood::Waits);
    let handle = follower(&analysisd, &memory).spawn().unwrap();
    until("two batches in flight", || memory.most_waiting() == 2);
    memory.crash(); // drops the senders
    handle.join().unwrap();
}

#[test]
fn a_position_of_a_newer_program_ends_the_follower_before_it_reads() {
    let mut analysisd = Analysisd::new();
    analysisd.lines(3);
    let memory = Arc::new(Memory::default());
    memory.set_checkpoint(r#"{"version":9}"#);
    let handle = follower(&analysisd, &memory).spawn().unwrap();
    let error = handle.join().unwrap_err();
    assert!(matches!(
        error,
        FollowerError::Checkpoint(CheckpointError::Newer { found: 9 })
    ));
    assert!(memory.lines().is_empty());
}

/// The writer and the follower race: torn lines, instants without a file, rotations and compression at full speed.
#[test]
fn nothing_is_lost_while_the_writer_rotates_as_fast_as_it_can() {
    let mut analysisd = Analysisd::new();
    let memory = Arc::new(Memory::default());
    let handle = follower(&analysisd, &memory).spawn().unwrap();
    until("the beginning is stored", || memory.stored().is_some());
    for round in 0..120 {
        analysisd.lines(round % 5);
        let text = analysisd.next_text();
        let (first, second) = text.split_at(text.len() / 2);
        analysisd.part(first);
        if round % 3 == 0 {
            std::thread::yield_now();
        }
        analysisd.line(second);
        let finished = analysisd.name;
        if round % 2 == 0 {
            analysisd.rotate_by_size();
        } else {
            analysisd.rotate_at_midnight();
        }
        if round % 4 == 0 {
            analysisd.compress(finished);
        }
    }
    analysisd.lines(1);
    until("all lines", || {
        memory.lines().len() >= analysisd.written.len()
    });
    handle.stop();
    let snapshot = handle.status().snapshot();
    handle.join().unwrap();
    assert_eq!(memory.lines(), analysisd.written);
    assert_eq!((snapshot.gaps, snapshot.truncations), (0, 0));
}

/// A misspelt path must not look like a quiet night; a rotation's instant must not look like a misspelt path.
#[test]
fn a_missing_file_is_told_after_a_minute_and_not_before() {
    let analysisd = Analysisd::new();
    let memory = Arc::new(Memory::default());
    let mut follower = follower(&analysisd, &memory);
    let path = analysisd.alerts_json();
    let away = path.with_extension("away");
    std::fs::rename(&path, &away).unwrap();
    let trouble = |follower: &Follower| follower.status().snapshot().trouble;
    follower.look_for_live_file(Duration::from_secs(59));
    assert_eq!(trouble(&follower), None);
    follower.look_for_live_file(Duration::from_secs(1));
    assert!(trouble(&follower).unwrap().contains("does not exist"));
    std::fs::rename(&away, &path).unwrap();
    follower.look_for_live_file(Duration::from_secs(1));
    assert_eq!(trouble(&follower), None);
}
