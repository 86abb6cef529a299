//! The rotation matrix, part 3: what operators and other programs do to the file.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::rig::{Analysisd, Rig};
use crate::follower::Step;

/// integratord keeps its old offset: alerts up to that offset are lost.
#[test]
fn after_truncation_in_place_the_new_content_is_read_from_its_start() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(5);
    rig.run_dry();
    analysisd.truncate();
    analysisd.lines(2);
    rig.run_dry();
    assert_eq!(rig.memory.lines(), analysisd.written);
    assert_eq!((rig.snapshot().truncations, rig.snapshot().gaps), (1, 0));
}

/// integratord goes on in the middle of a foreign line.
#[test]
fn truncation_and_regrowth_beyond_the_old_offset_are_seen() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(5);
    rig.run_dry();
    analysisd.truncate();
    analysisd.lines(50);
    rig.run_dry();
    assert_eq!(rig.memory.lines(), analysisd.written);
    assert_eq!(rig.snapshot().truncations, 1);
}

#[test]
fn truncation_and_regrowth_to_the_very_same_size_are_seen() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.line("aaaaaaaaaaaaaaaaaaaaaaaa");
    rig.run_dry();
    analysisd.truncate();
    analysisd.line("bbbbbbbbbbbbbbbbbbbbbbbb");
    // The file system's clock is coarse; the times of two changes in one test may be equal.
    let file = fs::File::options()
        .write(true)
        .open(analysisd.alerts_json())
        .unwrap();
    let later = fs::metadata(analysisd.alerts_json())
        .unwrap()
        .modified()
        .unwrap()
        + Duration::from_secs(1);
    file.set_modified(later).unwrap();
    rig.run_dry();
    assert_eq!(rig.memory.lines(), analysisd.written);
}

#[test]
fn truncation_while_nothing_followed_is_seen_and_counted_as_a_gap() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(5);
    rig.run_dry();
    analysisd.truncate();
    analysisd.lines(40);
    rig.restart();
    rig.run_dry();
    assert_eq!(rig.memory.lines(), analysisd.written);
    assert_eq!((rig.snapshot().truncations, rig.snapshot().gaps), (1, 1));
}

#[test]
fn a_restart_after_a_truncation_that_was_seen_repeats_nothing() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(5);
    rig.run_dry();
    analysisd.truncate();
    rig.run_dry();
    rig.restart();
    analysisd.lines(9);
    rig.run_dry();
    assert_eq!(rig.memory.lines(), analysisd.written);
}

#[test]
fn the_beginning_of_a_line_cut_away_by_truncation_is_delivered_as_it_is() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(1);
    analysisd.part("{\"half\":");
    rig.run_dry();
    analysisd.truncate();
    analysisd.lines(1);
    rig.run_dry();
    let expected = [
        &analysisd.written[..1],
        &["{\"half\":".to_owned()],
        &analysisd.written[1..],
    ]
    .concat();
    assert_eq!(rig.memory.lines(), expected);
}

/// integratord reads the whole copy again.
#[test]
fn a_copy_in_place_of_the_file_is_gone_on_with_where_the_original_stood() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(5);
    rig.run_dry();
    analysisd.lines(1);
    analysisd.part("{\"half\"");
    analysisd.replace_by_copy();
    analysisd.line(":1}");
    analysisd.lines(3);
    rig.run_dry();
    assert_eq!(rig.memory.lines(), analysisd.written);
    analysisd.rotate_at_midnight();
    analysisd.lines(3);
    rig.run_dry();
    assert_eq!(rig.memory.lines(), analysisd.written);
    assert_eq!((rig.snapshot().gaps, rig.snapshot().truncations), (0, 0));
}

#[test]
fn a_copy_made_while_nothing_followed_is_gone_on_with_where_the_original_stood() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(5);
    rig.run_dry();
    analysisd.replace_by_copy();
    analysisd.lines(3);
    rig.restart();
    rig.run_dry();
    assert_eq!(rig.memory.lines(), analysisd.written);
    assert_eq!(rig.snapshot().gaps, 0);
}

/// Someone edited `alerts.json` with a tool that writes a new file. analysisd does not notice and goes on writing to the
/// dated file. integratord follows the dead copy until the next rotation.
#[test]
fn alerts_written_to_the_dated_file_behind_a_dead_copy_are_delivered() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(5);
    rig.run_dry();
    fs::copy(analysisd.alerts_json(), analysisd.path().join("copy")).unwrap();
    fs::rename(analysisd.path().join("copy"), analysisd.alerts_json()).unwrap();
    for _ in 0..3 {
        analysisd.lines(2);
        rig.run_dry();
        assert_eq!(rig.memory.lines(), analysisd.written);
        rig.restart();
    }
    analysisd.rotate_at_midnight();
    analysisd.lines(2);
    rig.run_dry();
    assert_eq!(rig.memory.lines(), analysisd.written);
    assert_eq!(rig.snapshot().gaps, 0);
}

/// integratord keeps the open file too.
#[test]
fn a_renamed_file_is_followed_until_another_stands_at_the_path() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(2);
    rig.run_dry();
    fs::rename(
        analysisd.alerts_json(),
        analysisd.path().join("alerts.json.1"),
    )
    .unwrap();
    analysisd.lines(2);
    rig.run_dry();
    assert_eq!(rig.memory.lines(), analysisd.written);
    analysisd.rotate_at_midnight();
    analysisd.lines(2);
    rig.run_dry();
    assert_eq!(rig.memory.lines(), analysisd.written);
}

/// analysisd's link fails (a folder without write permission, say): the archive alone shows the new segments.
#[test]
fn while_alerts_json_is_missing_new_segments_are_followed_in_the_archive() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(2);
    rig.run_dry();
    for _ in 0..2 {
        let next = analysisd.next_day();
        analysisd.begin_rotation(next);
        analysisd.lines(2);
        rig.run_dry();
        assert_eq!(rig.memory.lines(), analysisd.written);
    }
    rig.restart();
    analysisd.lines(1);
    rig.run_dry();
    analysisd.end_rotation();
    analysisd.lines(1);
    rig.run_dry();
    assert_eq!(rig.memory.lines(), analysisd.written);
    assert_eq!(rig.snapshot().gaps, 0);
}

/// integratord waits for the file, then seeks to its end.
#[test]
fn a_file_that_appears_long_after_the_start_is_read_from_its_start() {
    let mut analysisd = Analysisd::new();
    fs::remove_dir_all(analysisd.path().join("2026")).unwrap();
    fs::remove_file(analysisd.alerts_json()).unwrap();
    let mut rig = Rig::new(&analysisd);
    rig.run_dry();
    assert!(!rig.is_inside());
    rig.restart();
    rig.run_dry();
    let name = analysisd.name;
    analysisd.rotate_to(name);
    analysisd.lines(2);
    rig.run_dry();
    assert_eq!(rig.memory.lines(), analysisd.written);
}

#[test]
fn a_whole_folder_that_is_missing_for_a_long_time_is_waited_for() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(2);
    rig.run_dry();
    let (here, away) = (
        analysisd.path().to_owned(),
        analysisd.path().with_extension("away"),
    );
    fs::rename(&here, &away).unwrap();
    rig.restart();
    rig.run_dry();
    rig.run_dry();
    fs::rename(&away, &here).unwrap();
    analysisd.lines(2);
    rig.run_dry();
    assert_eq!(rig.memory.lines(), analysisd.written);
}

/// Stands for "permission denied", which does not exist for root: an open that fails with an error other than "not found".
#[test]
fn a_live_file_that_cannot_be_opened_is_waited_for_without_limit() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(2);
    rig.run_dry();
    let (path, aside) = (analysisd.alerts_json(), analysisd.path().join("aside"));
    fs::rename(&path, &aside).unwrap();
    symlink(&path, &path).unwrap();
    analysisd.lines(2);
    rig.restart();
    for _ in 0..1000 {
        assert_eq!(rig.step(), Step::Idle);
    }
    assert!(
        rig.snapshot()
            .trouble
            .unwrap()
            .starts_with(path.to_str().unwrap())
    );
    fs::rename(&aside, &path).unwrap();
    rig.run_dry();
    assert_eq!(rig.memory.lines(), analysisd.written);
    assert_eq!((rig.snapshot().gaps, rig.snapshot().trouble), (0, None));
}

/// The same for an archived segment: it must not hold up what comes behind for ever.
#[test]
fn an_archived_segment_that_stays_unreadable_becomes_one_unreadable_record_after_a_while() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(2);
    rig.run_dry();
    analysisd.rotate_by_size();
    let unreadable = analysisd.dated(analysisd.name);
    analysisd.rotate_to(analysisd.next_part());
    symlink(&unreadable, &unreadable).unwrap();
    analysisd.lines(2);
    rig.restart();
    for _ in 0..20 {
        rig.step();
    }
    assert_eq!(rig.memory.lines().len(), 2, "it is waited for at first");
    while rig.memory.lines().len() < 3 {
        rig.step();
    }
    rig.run_dry();
    let delivered = rig.memory.lines();
    assert!(delivered[2].starts_with('!'));
    assert_eq!(
        [&delivered[..2], &delivered[3..]].concat(),
        analysisd.written
    );
    assert_eq!((rig.snapshot().gaps, rig.snapshot().trouble), (1, None));
}

#[test]
fn an_archive_folder_that_stays_unreadable_does_not_hold_up_the_live_file() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(2);
    rig.run_dry();
    let folder = analysisd.path().join("2026/Nov");
    fs::rename(&folder, analysisd.path().join("2026/aside")).unwrap();
    symlink(&folder, &folder).unwrap();
    analysisd.lines(2);
    rig.restart();
    while rig.memory.lines().len() < 4 {
        rig.step();
    }
    rig.run_dry();
    assert_eq!(rig.memory.lines(), analysisd.written);
    assert_eq!(rig.snapshot().gaps, 1);
}

#[test]
fn a_dangling_link_in_the_archive_does_not_hold_up_what_is_behind_it() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(2);
    rig.run_dry();
    analysisd.rotate_by_size();
    let dangling = analysisd.dated(analysisd.name);
    analysisd.rotate_to(analysisd.next_part());
    symlink("nowhere", dangling).unwrap();
    analysisd.lines(2);
    // More looks than the patience of 60 s has at one look a millisecond.
    for _ in 0..61_000 {
        if rig.memory.lines().len() < 5 {
            rig.step();
        }
    }
    let delivered = rig.memory.lines();
    assert!(delivered[2].starts_with('!'));
    assert_eq!(
        [&delivered[..2], &delivered[3..]].concat(),
        analysisd.written
    );
}

/// Opening a pipe for reading waits for a writer, for ever if none comes.
#[test]
fn pipes_in_place_of_files_are_told_and_hold_nothing_up() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(2);
    rig.run_dry();
    analysisd.rotate_by_size();
    let pipe = analysisd.dated(analysisd.name);
    analysisd.rotate_to(analysisd.next_part());
    make_pipe(&pipe);
    analysisd.lines(2);
    rig.run_dry();
    let delivered = rig.memory.lines();
    assert_eq!(delivered[2], "!not a regular file");
    assert_eq!(
        [&delivered[..2], &delivered[3..]].concat(),
        analysisd.written
    );

    fs::rename(analysisd.alerts_json(), analysisd.path().join("aside")).unwrap();
    make_pipe(&analysisd.alerts_json());
    analysisd.lines(2);
    for _ in 0..20 {
        rig.step();
    }
    assert!(rig.snapshot().trouble.is_some());
    fs::rename(analysisd.path().join("aside"), analysisd.alerts_json()).unwrap();
    rig.run_dry();
    assert_eq!(
        [&rig.memory.lines()[..2], &rig.memory.lines()[3..]].concat(),
        analysisd.written
    );
    assert_eq!(rig.snapshot().trouble, None);
}

fn make_pipe(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
}
