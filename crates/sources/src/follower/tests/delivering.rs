//! Batches, refusals and crashes between the follower and the intake.

use super::rig::{Analysisd, Mood, Rig};

#[test]
fn batches_hold_at_most_4096_records_and_about_four_mebibytes() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(10_000);
    for _ in 0..24 {
        let text = "w".repeat(512 * 1024);
        analysisd.line(&text);
    }
    rig.run_dry();
    assert!(rig.memory.lines() == analysisd.written, "the lines differ");
    let batches = rig.memory.batches();
    assert_eq!(*batches.iter().max().unwrap(), 4096);
    assert!(batches.len() >= 5, "{batches:?}");
}

#[test]
fn refused_batches_are_read_again_in_order_and_none_is_kept_twice() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(3);
    rig.run_dry();
    rig.memory.set_mood(Mood::Refuses);
    analysisd.lines(9000);
    for _ in 0..50 {
        rig.step();
    }
    assert_eq!(rig.memory.lines().len(), 3);
    assert!(rig.snapshot().refusals > 1);
    rig.memory.set_mood(Mood::Keeps);
    rig.run_dry();
    assert!(rig.memory.lines() == analysisd.written, "the lines differ");
}

#[test]
fn a_refusal_at_the_very_first_start_does_not_move_the_beginning() {
    let mut analysisd = Analysisd::new();
    analysisd.lines(3);
    let mut config = Rig::new(&analysisd).config;
    config.begin = crate::follower::Begin::End;
    let mut rig = Rig::with(config);
    rig.memory.set_mood(Mood::Refuses);
    rig.step();
    analysisd.lines(2);
    rig.step();
    rig.memory.set_mood(Mood::Keeps);
    rig.run_dry();
    assert_eq!(rig.memory.lines(), analysisd.written[3..]);
}

#[test]
fn batches_refused_around_a_rotation_are_read_again_from_the_old_segment() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(3);
    rig.run_dry();
    rig.memory.set_mood(Mood::Refuses);
    analysisd.lines(2);
    let finished = analysisd.name;
    analysisd.rotate_at_midnight();
    analysisd.lines(2);
    for _ in 0..20 {
        rig.step();
    }
    analysisd.compress(finished);
    for _ in 0..20 {
        rig.step();
    }
    rig.memory.set_mood(Mood::Keeps);
    rig.run_dry();
    assert_eq!(rig.memory.lines(), analysisd.written);
}

#[test]
fn a_crash_before_the_commit_repeats_and_after_it_does_not() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    rig.run_dry();
    for _ in 0..5 {
        analysisd.lines(3);
        rig.memory.set_mood(Mood::Waits);
        rig.run_dry();
        rig.restart();
        rig.run_dry();
        assert_eq!(rig.memory.lines(), analysisd.written);
        analysisd.lines(3);
        rig.memory.set_mood(Mood::Waits);
        rig.run_dry();
        rig.memory.set_mood(Mood::Keeps);
        rig.restart();
        rig.run_dry();
        assert_eq!(rig.memory.lines(), analysisd.written);
    }
}

/// Were the second kept, its checkpoint would stand behind records that nobody has.
#[test]
fn a_batch_behind_a_refused_one_is_refused_too_and_both_come_again_in_order() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    rig.run_dry();
    analysisd.lines(8500);
    rig.memory.set_mood(Mood::Waits);
    rig.step();
    assert_eq!(rig.memory.most_waiting(), 2);
    rig.memory.refuse_first();
    rig.run_dry();
    assert!(
        rig.memory.lines() == analysisd.written,
        "once each, in order"
    );
}
