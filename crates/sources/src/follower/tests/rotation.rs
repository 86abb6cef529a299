//! The rotation matrix, part 1: what analysisd does with the file. Each row says what integratord does there
//! (`facts/wazuh.md` §1.1, measured on 4.7.5 to 4.14.7).

use std::fs;

use super::rig::{Analysisd, Rig};
use crate::follower::Step;

#[track_caller]
fn assert_nothing_is_lost(rig: &Rig, analysisd: &Analysisd) {
    assert_eq!(rig.memory.lines(), analysisd.written);
    assert_eq!(rig.snapshot().gaps, 0);
    assert_eq!(rig.snapshot().trouble, None);
}

/// integratord does the same, one line at a time.
#[test]
fn lines_are_delivered_once_and_in_order_as_they_are_written() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    for count in [0, 1, 2, 500, 1] {
        analysisd.lines(count);
        rig.run_dry();
        assert_nothing_is_lost(&rig, &analysisd);
    }
    let snapshot = rig.snapshot();
    assert_eq!((snapshot.lag_bytes, snapshot.records), (0, 504));
    assert_eq!(snapshot.file, "2026/Nov/ossec-alerts-21.json");
}

/// integratord loses the first alert of the new file when it opens it while it is still empty.
#[test]
fn the_first_alert_after_midnight_is_delivered_though_the_new_file_was_opened_empty() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(3);
    rig.run_dry();
    analysisd.rotate_at_midnight();
    rig.run_dry();
    assert_eq!(rig.snapshot().file, "2026/Nov/ossec-alerts-22.json");
    analysisd.lines(1);
    rig.run_dry();
    assert_nothing_is_lost(&rig, &analysisd);
    assert_eq!(rig.snapshot().segments_caught_up, 1);
}

/// integratord reads a tail left in the old file, as long as all its lines are valid.
#[test]
fn the_tail_of_the_old_file_is_read_before_the_new_file() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(3);
    rig.run_dry();
    analysisd.lines(2);
    analysisd.rotate_at_midnight();
    analysisd.lines(2);
    rig.run_dry();
    assert_nothing_is_lost(&rig, &analysisd);
}

/// integratord jumps to the new file at an invalid line in the old one: the rest of the old file is lost.
#[test]
fn an_invalid_line_in_the_old_file_does_not_end_its_reading() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    rig.run_dry();
    analysisd.lines(1);
    analysisd.line("this is no JSON");
    analysisd.lines(2);
    analysisd.rotate_by_size();
    analysisd.lines(1);
    rig.run_dry();
    assert_nothing_is_lost(&rig, &analysisd);
}

/// integratord finds no inode to compare in that instant and tries again a second later.
#[test]
fn the_instant_without_alerts_json_is_waited_out() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(2);
    rig.run_dry();
    let next = analysisd.next_day();
    analysisd.begin_rotation(next);
    rig.run_dry();
    assert_nothing_is_lost(&rig, &analysisd);
    analysisd.end_rotation();
    rig.run_dry();
    analysisd.lines(2);
    rig.run_dry();
    assert_nothing_is_lost(&rig, &analysisd);
    assert_eq!(rig.snapshot().segments_caught_up, 1);
}

/// integratord skips the whole middle file.
#[test]
fn two_rotations_while_behind_lose_no_middle_segment() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(3);
    rig.run_dry();
    for _ in 0..2 {
        analysisd.lines(2);
        analysisd.rotate_by_size();
    }
    analysisd.lines(2);
    rig.run_dry();
    assert_nothing_is_lost(&rig, &analysisd);
    assert_eq!(rig.snapshot().segments_caught_up, 2);
}

/// integratord delivers the last file only.
#[test]
fn many_rotations_over_days_while_behind_are_read_in_order_plain_or_compressed() {
    let mut analysisd = Analysisd::starting_at("2026/Dec/ossec-alerts-30.json");
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(1);
    rig.run_dry();
    for day in 0..4 {
        for _ in 0..3 {
            analysisd.lines(2);
            analysisd.rotate_by_size();
        }
        analysisd.lines(1);
        let finished = analysisd.name;
        analysisd.rotate_at_midnight();
        if day < 2 {
            analysisd.compress(finished);
        }
    }
    analysisd.lines(1);
    assert_eq!(analysisd.name.to_string(), "2027/Jan/ossec-alerts-03.json");
    rig.run_dry();
    assert_nothing_is_lost(&rig, &analysisd);
    assert_eq!(rig.snapshot().segments_caught_up, 16);
}

/// integratord keeps its file open too.
#[test]
fn a_segment_compressed_while_it_is_read_is_finished_from_the_open_file() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(2);
    rig.run_dry();
    analysisd.lines(2);
    let finished = analysisd.name;
    analysisd.rotate_at_midnight();
    analysisd.compress(finished);
    analysisd.lines(2);
    rig.run_dry();
    assert_nothing_is_lost(&rig, &analysisd);
}

/// analysisd removes an empty segment when it rotates, and may then use its name again. integratord is in none of these
/// files long enough to notice.
#[test]
fn an_empty_segment_that_is_removed_and_its_name_used_again_loses_nothing() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(1);
    rig.run_dry();
    analysisd.rotate_by_size();
    rig.run_dry();
    let empty = analysisd.name;
    fs::remove_file(analysisd.dated(empty)).unwrap();
    analysisd.rotate_to(empty);
    analysisd.lines(2);
    analysisd.rotate_by_size();
    analysisd.lines(2);
    rig.run_dry();
    assert_nothing_is_lost(&rig, &analysisd);
}

/// At its restart analysisd links the same segment again. integratord sees the same inode.
#[test]
fn a_restart_of_analysisd_that_links_the_same_segment_again_repeats_nothing() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(2);
    rig.run_dry();
    fs::remove_file(analysisd.alerts_json()).unwrap();
    rig.run_dry();
    analysisd.end_rotation();
    analysisd.lines(2);
    rig.run_dry();
    assert_nothing_is_lost(&rig, &analysisd);
}

/// A clock set back: analysisd goes on in a segment with an earlier name.
#[test]
fn a_rotation_to_an_earlier_name_is_followed() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(2);
    rig.run_dry();
    let earlier = crate::follower::SegmentName {
        day: 20,
        ..analysisd.name
    };
    analysisd.rotate_to(earlier);
    analysisd.lines(2);
    rig.run_dry();
    assert_nothing_is_lost(&rig, &analysisd);
}

/// The last line was torn by a crash of analysisd and no newline follows in this segment. integratord drops it.
#[test]
fn what_stands_behind_the_last_newline_of_a_finished_segment_is_delivered() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(1);
    analysisd.part(r#"{"timestamp":"2026-"#);
    rig.run_dry();
    assert_eq!(rig.memory.lines().len(), 1);
    analysisd.rotate_at_midnight();
    analysisd.lines(1);
    rig.run_dry();
    assert_nothing_is_lost(&rig, &analysisd);
}

/// No archive (a manager that removes it at once): the live file is all there is.
#[test]
fn without_an_archive_the_live_files_are_followed_one_after_the_other() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    for _ in 0..3 {
        analysisd.lines(2);
        rig.run_dry();
        let elsewhere = analysisd.dated(analysisd.name);
        fs::remove_file(elsewhere).unwrap();
        analysisd.rotate_by_size();
    }
    analysisd.lines(2);
    rig.run_dry();
    assert_nothing_is_lost(&rig, &analysisd);
}

/// The position is saved in the new file before its first alert: a restart months later need not unpack the old one.
#[test]
fn the_position_moves_into_an_empty_new_segment() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(1);
    rig.run_dry();
    analysisd.rotate_at_midnight();
    rig.run_dry();
    let stored = rig.memory.stored().unwrap();
    assert!(
        stored.contains("ossec-alerts-22.json") && stored.contains(r#""offset":0"#),
        "{stored}"
    );
    assert_eq!(rig.step(), Step::Idle);
}
