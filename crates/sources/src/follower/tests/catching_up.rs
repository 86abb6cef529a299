//! The rotation matrix, part 2: starting again after a while. integratord seeks to the end at every start and loses all of
//! what these tests deliver (`facts/wazuh.md` §1.1).

use std::fs;

use super::rig::{Analysisd, Rig, gzip};
use crate::follower::SegmentName;
use crate::intake::Record;

#[test]
fn a_restart_goes_on_at_the_committed_position() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(10);
    rig.run_dry();
    analysisd.lines(10);
    rig.restart();
    rig.run_dry();
    assert_eq!(rig.memory.lines(), analysisd.written);
}

#[test]
fn a_restart_in_an_empty_file_goes_on_in_it() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    rig.run_dry();
    rig.restart();
    analysisd.lines(2);
    rig.run_dry();
    assert_eq!(rig.memory.lines(), analysisd.written);
    assert_eq!(rig.snapshot().gaps, 0);
}

/// Reads 3 lines, then is down while two weeks pass over the turn of the year.
fn weeks_later(is_compressed: bool) -> (Analysisd, Rig) {
    let mut analysisd = Analysisd::starting_at("2026/Dec/ossec-alerts-24.json");
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(3);
    rig.run_dry();
    analysisd.lines(3);
    for day in 0..14 {
        let mut finished = vec![analysisd.name];
        if day % 3 == 0 {
            analysisd.rotate_by_size();
            finished.push(analysisd.name);
            analysisd.lines(2);
        }
        analysisd.rotate_at_midnight();
        if is_compressed {
            for name in finished {
                analysisd.compress(name);
            }
        }
        analysisd.lines(4);
    }
    rig.restart();
    (analysisd, rig)
}

#[test]
fn a_restart_weeks_later_reads_all_segments_since_in_order() {
    let (analysisd, mut rig) = weeks_later(false);
    rig.run_dry();
    assert_eq!(rig.memory.lines(), analysisd.written);
    assert_eq!(
        (rig.snapshot().gaps, rig.snapshot().segments_caught_up),
        (0, 19)
    );
}

#[test]
fn a_restart_weeks_later_reads_compressed_segments_from_the_middle_on() {
    let (analysisd, mut rig) = weeks_later(true);
    rig.run_dry();
    assert_eq!(rig.memory.lines(), analysisd.written);
    assert_eq!(
        (rig.snapshot().gaps, rig.snapshot().segments_caught_up),
        (0, 19)
    );
}

#[test]
fn crashes_while_catching_up_repeat_and_lose_nothing() {
    let (analysisd, mut rig) = weeks_later(true);
    for _ in 0..200 {
        rig.step();
        rig.step();
        rig.step();
        rig.restart();
        rig.step();
    }
    rig.run_dry();
    assert_eq!(rig.memory.lines(), analysisd.written);
}

#[test]
fn a_segment_of_several_gzip_members_is_read_to_its_end() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    rig.run_dry();
    analysisd.lines(4);
    let content = fs::read(analysisd.alerts_json()).unwrap();
    let (first, second) = content.split_at(content.len() / 3);
    let finished = analysisd.name;
    analysisd.rotate_at_midnight();
    analysisd.compress(finished);
    fs::write(
        analysisd.gzip(finished),
        [gzip(first), gzip(second)].concat(),
    )
    .unwrap();
    analysisd.lines(1);
    rig.restart();
    rig.run_dry();
    assert_eq!(rig.memory.lines(), analysisd.written);
}

/// A segment is damaged while nobody reads: `damage` changes its compressed bytes.
fn with_damaged_archive(damage: impl Fn(&mut Vec<u8>)) -> (Vec<String>, Analysisd, Rig) {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    rig.run_dry();
    // Random text, so that the compressed form is long and damage in the middle is in the middle.
    let mut random = fastrand_like(7);
    for _ in 0..4000 {
        let text = format!(r#"{{"id":"{:016x}{:016x}"}}"#, random(), random());
        analysisd.line(&text);
    }
    let in_damaged = analysisd.written.clone();
    let finished = analysisd.name;
    analysisd.rotate_at_midnight();
    analysisd.compress(finished);
    let mut bytes = fs::read(analysisd.gzip(finished)).unwrap();
    damage(&mut bytes);
    fs::write(analysisd.gzip(finished), bytes).unwrap();
    analysisd.lines(2);
    rig.restart();
    rig.run_dry();
    (in_damaged, analysisd, rig)
}

/// A small generator (splitmix64): tests need no crate for this.
fn fastrand_like(mut state: u64) -> impl FnMut() -> u64 {
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[track_caller]
fn assert_readable_part_then_one_unreadable(
    in_damaged: &[String],
    analysisd: &Analysisd,
    rig: &Rig,
    at_least: usize,
) {
    let delivered = rig.memory.lines();
    let unreadable: Vec<usize> = (0..delivered.len())
        .filter(|index| delivered[*index].starts_with('!'))
        .collect();
    assert_eq!(unreadable.len(), 1);
    let readable = unreadable[0];
    assert!(
        readable >= at_least,
        "only {readable} lines of the damaged segment came"
    );
    assert_eq!(delivered[..readable], in_damaged[..readable]);
    assert_eq!(
        delivered[readable + 1..],
        analysisd.written[in_damaged.len()..]
    );
    assert_eq!((rig.snapshot().gaps, rig.snapshot().unreadable), (1, 1));
}

#[test]
fn a_truncated_archive_gives_what_is_readable_and_one_unreadable_record() {
    let (in_damaged, analysisd, rig) =
        with_damaged_archive(|bytes| bytes.truncate(bytes.len() / 2));
    assert_readable_part_then_one_unreadable(&in_damaged, &analysisd, &rig, 1500);
    let unreadable = rig
        .memory
        .records()
        .into_iter()
        .find_map(|record| match record {
            Record::Unreadable { place, .. } => Some(place),
            Record::Alert(_) => None,
        });
    assert!(
        unreadable
            .unwrap()
            .starts_with("2026/Nov/ossec-alerts-21.json.gz@")
    );
}

#[test]
fn a_restart_after_a_damaged_archive_does_not_tell_of_it_again() {
    let (_, mut analysisd, mut rig) = with_damaged_archive(|bytes| bytes.truncate(bytes.len() / 2));
    let before = rig.memory.lines().len();
    rig.restart();
    analysisd.lines(1);
    rig.run_dry();
    assert_eq!(rig.memory.lines().len(), before + 1);
}

#[test]
fn an_archive_overwritten_in_its_middle_gives_what_is_readable_and_one_unreadable_record() {
    let (in_damaged, analysisd, rig) = with_damaged_archive(|bytes| {
        let middle = bytes.len() / 2;
        bytes[middle..middle + 2000].fill(0xff);
    });
    // Damage within a deflate block may decode to nonsense before it is noticed; the lines before it must be right.
    let delivered = rig.memory.lines();
    assert_eq!(delivered[..1000], in_damaged[..1000]);
    assert_eq!(
        delivered
            .iter()
            .filter(|line| line.starts_with("!"))
            .count(),
        1
    );
    let last = analysisd.written.len() - 2;
    assert_eq!(delivered[delivered.len() - 2..], analysisd.written[last..]);
}

#[test]
fn an_archive_that_is_no_gzip_at_all_is_one_unreadable_record() {
    let (in_damaged, analysisd, rig) = with_damaged_archive(|bytes| *bytes = b"not gzip".to_vec());
    assert_readable_part_then_one_unreadable(&in_damaged, &analysisd, &rig, 0);
}

#[test]
fn a_damaged_archive_before_the_position_is_one_unreadable_record() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(100);
    rig.run_dry();
    analysisd.lines(100);
    let finished = analysisd.name;
    analysisd.rotate_at_midnight();
    analysisd.compress(finished);
    fs::write(
        analysisd.gzip(finished),
        &fs::read(analysisd.gzip(finished)).unwrap()[..40],
    )
    .unwrap();
    analysisd.lines(2);
    rig.restart();
    rig.run_dry();
    let delivered = rig.memory.lines();
    assert_eq!(delivered[..100], analysisd.written[..100]);
    assert!(delivered[100].starts_with('!'));
    assert_eq!(delivered[101..], analysisd.written[200..]);
}

/// Retention removed the segment: nothing to be done but to say so.
#[test]
fn a_segment_removed_before_it_was_read_is_counted_as_a_gap() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(2);
    rig.run_dry();
    analysisd.lines(2);
    let gone = analysisd.name;
    analysisd.rotate_at_midnight();
    analysisd.lines(2);
    analysisd.rotate_at_midnight();
    analysisd.lines(2);
    fs::remove_file(analysisd.dated(gone)).unwrap();
    rig.restart();
    rig.run_dry();
    let expected = [&analysisd.written[..2], &analysisd.written[4..]].concat();
    assert_eq!(rig.memory.lines(), expected);
    assert_eq!(rig.snapshot().gaps, 1);
}

#[test]
fn without_an_archive_a_restart_goes_on_with_the_live_file_and_counts_a_gap() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(2);
    rig.run_dry();
    analysisd.rotate_at_midnight();
    analysisd.lines(2);
    fs::remove_dir_all(analysisd.path().join("2026")).unwrap();
    rig.restart();
    rig.run_dry();
    assert_eq!(rig.memory.lines(), analysisd.written);
    assert_eq!(rig.snapshot().gaps, 1);
    rig.restart();
    rig.run_dry();
    assert_eq!(
        (rig.memory.lines(), rig.snapshot().gaps),
        (analysisd.written.clone(), 0)
    );
}

/// The position's file is found by its content where its name was never known or has changed.
#[test]
fn a_segment_renamed_while_nothing_followed_is_found_by_its_content() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(3);
    rig.run_dry();
    analysisd.lines(3);
    let old = analysisd.name;
    let renamed = SegmentName { part: 7, ..old };
    analysisd.rotate_at_midnight();
    fs::rename(analysisd.dated(old), analysisd.dated(renamed)).unwrap();
    analysisd.lines(3);
    rig.restart();
    rig.run_dry();
    assert_eq!(rig.memory.lines(), analysisd.written);
    assert_eq!(rig.snapshot().gaps, 0);
}

/// ext4 gives a freed inode to the next file: the number says nothing, the content does.
#[test]
fn a_reused_inode_is_not_taken_for_the_old_file() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(3);
    rig.run_dry();
    analysisd.lines(1);
    let finished = analysisd.name;
    analysisd.rotate_at_midnight();
    analysisd.compress(finished);
    analysisd.lines(200);
    // Whatever inode the new file got: tell the follower that it is the one it knows.
    use std::os::unix::fs::MetadataExt;
    let inode = fs::metadata(analysisd.alerts_json()).unwrap().ino();
    let mut stored: serde_json::Value =
        serde_json::from_str(&rig.memory.stored().unwrap()).unwrap();
    stored["file"]["inode"] = inode.into();
    rig.memory.set_checkpoint(&stored.to_string());
    rig.restart();
    rig.run_dry();
    assert_eq!(rig.memory.lines(), analysisd.written);
    assert_eq!((rig.snapshot().gaps, rig.snapshot().truncations), (0, 0));
}
