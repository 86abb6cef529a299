//! Hostile and odd lines. integratord skips lines of 64 KiB or more and invalid ones, a second each (`facts/wazuh.md` §1.1).

use std::fs;

use proptest::prelude::*;

use super::rig::{Analysisd, Rig};
use crate::follower::fingerprint::History;
use crate::follower::lines::{HEAD_LIMIT, LineBuffer, LineText};
use crate::intake::Record;

/// integratord waits too.
#[test]
fn a_partial_line_is_waited_for_and_delivered_whole() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(1);
    for piece in ["{\"id\"", ":", "\"1\""] {
        analysisd.part(piece);
        rig.run_dry();
        assert_eq!(rig.memory.lines().len(), 1);
    }
    rig.restart();
    rig.run_dry();
    analysisd.line("}");
    rig.run_dry();
    assert_eq!(rig.memory.lines(), analysisd.written);
    assert_eq!(rig.memory.lines()[1], r#"{"id":"1"}"#);
}

#[test]
fn bytes_of_every_kind_are_delivered_as_they_came() {
    let analysisd_lines: [&[u8]; 6] = [
        b"\xff\xfe invalid UTF-8 \x80",
        b"NUL \0\0\0 bytes",
        b"not JSON",
        b"{\"half\":",
        b" ",
        b"\x1b[2J<script>",
    ];
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    for line in analysisd_lines {
        analysisd.raw(line);
        analysisd.raw(b"\n");
    }
    rig.run_dry();
    let delivered: Vec<Record> = rig.memory.records();
    let expected: Vec<Record> = analysisd_lines
        .iter()
        .map(|line| Record::Alert(bytes::Bytes::from_static(line)))
        .collect();
    assert_eq!(delivered, expected);
}

#[test]
fn empty_lines_are_no_records_and_carriage_returns_belong_to_the_line_end() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.raw(b"\n\n\r\n{\"a\":1}\r\n\n{\"b\":2}\n\r\n");
    rig.run_dry();
    assert_eq!(rig.memory.lines(), ["{\"a\":1}", "{\"b\":2}"]);
    rig.restart();
    rig.run_dry();
    assert_eq!(rig.memory.lines().len(), 2);
}

#[test]
fn a_line_of_sixteen_mebibytes_is_delivered_whole() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    let text = "y".repeat(16 * 1024 * 1024);
    analysisd.lines(1);
    let (first, second) = text.split_at(5_000_000);
    analysisd.part(first);
    rig.run_dry();
    analysisd.line(second);
    analysisd.lines(1);
    rig.run_dry();
    assert!(rig.memory.lines() == analysisd.written, "the lines differ");
}

#[test]
fn a_line_over_the_limit_is_one_unreadable_record_with_its_head_and_nothing_behind_it_is_lost() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    analysisd.lines(1);
    let text = "z".repeat(20 * 1024 * 1024);
    let (first, second) = text.split_at(17 * 1024 * 1024 + 5);
    analysisd.part(first);
    rig.run_dry();
    assert_eq!(rig.memory.lines().len(), 1);
    analysisd.line(second);
    analysisd.lines(1);
    rig.run_dry();
    let start = analysisd.written[0].len() + 1;
    let expected = Record::Unreadable {
        head: bytes::Bytes::from(vec![b'z'; HEAD_LIMIT]),
        place: format!("2026/Nov/ossec-alerts-21.json@{start}"),
        why: "line of 20971520 bytes is longer than the limit of 16777216 bytes".to_owned(),
    };
    let records = rig.memory.records();
    assert_eq!(records.len(), 3);
    assert!(records[1] == expected, "the head or the place is wrong");
    assert_eq!(rig.memory.lines()[2], analysisd.written[2]);
    assert_eq!(rig.snapshot().unreadable, 1);
}

#[test]
fn a_restart_within_a_line_over_the_limit_tells_of_it_once() {
    let mut analysisd = Analysisd::new();
    let mut config = Rig::new(&analysisd).config;
    config.line_limit = 100;
    let mut rig = Rig::with(config);
    analysisd.lines(1);
    analysisd.part(&"z".repeat(3000));
    rig.run_dry();
    rig.restart();
    rig.run_dry();
    analysisd.part(&"z".repeat(3000));
    rig.run_dry();
    analysisd.rotate_at_midnight();
    analysisd.raw(b"{}\n");
    rig.run_dry();
    let why = "!line of 6000 bytes is longer than the limit of 100 bytes";
    assert_eq!(rig.memory.lines(), [&analysisd.written[0], why, "{}"]);
    assert_eq!(fs::metadata(analysisd.alerts_json()).unwrap().len(), 3);
}

proptest! {
    /// The law of cutting: whatever the blocks, the lines are those of the content, and the position and its fingerprint are
    /// those of the content before it.
    #[test]
    fn lines_do_not_depend_on_the_blocks_they_were_read_in(
        lines in prop::collection::vec("[ab\r]{0,30}", 0..30),
        cuts in prop::collection::vec(1_usize..40, 1..60),
        limit in 1_usize..40,
    ) {
        let content = lines.iter().flat_map(|line| [line.as_bytes(), b"\n"].concat()).collect::<Vec<u8>>();
        let mut buffer = LineBuffer::new(0, History::default(), limit);
        let mut found = Vec::new();
        let mut read = 0;
        for cut in cuts.iter().cycle() {
            let end = (read + cut).min(content.len());
            let block = [buffer.pending(), &content[read..end]].concat();
            buffer.replace(block.into());
            read = end;
            while let Some(line) = buffer.next_line() {
                found.push(line);
            }
            prop_assert_eq!(buffer.read_to(), read as u64);
            let boundary = usize::try_from(buffer.boundary()).unwrap();
            prop_assert!(boundary == 0 || content[boundary - 1] == b'\n');
            let mut history = History::default();
            history.extend(&content[..boundary]);
            prop_assert_eq!(buffer.fingerprint(), history.fingerprint());
            history.extend(&content[boundary..read]);
            prop_assert_eq!(buffer.history_to_read_end().fingerprint(), history.fingerprint());
            if read == content.len() {
                break;
            }
        }
        let mut expected = Vec::new();
        let mut start = 0;
        for line in &lines {
            let text = line.strip_suffix('\r').unwrap_or(line);
            if !text.is_empty() {
                expected.push((start, text.to_owned()));
            }
            start += line.len() as u64 + 1;
        }
        prop_assert_eq!(found.len(), expected.len());
        for (line, (start, text)) in found.into_iter().zip(expected) {
            prop_assert_eq!(line.start, start);
            match line.text {
                LineText::Whole(whole) => {
                    prop_assert_eq!(&whole[..], text.as_bytes());
                    prop_assert!(whole.len() <= limit);
                }
                LineText::Overlong { length, .. } => {
                    prop_assert!(text.len() > limit && (length as usize).abs_diff(text.len()) <= 1);
                }
            }
        }
    }
}
