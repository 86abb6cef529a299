//! The first start: at the end, at the start, at a time. integratord always begins at the end (`facts/wazuh.md` §1.1).

use super::rig::{Analysisd, Rig, clock};
use crate::follower::{Begin, FollowerConfig};

fn rig(analysisd: &Analysisd, begin: Begin) -> Rig {
    let mut config = FollowerConfig::new(analysisd.alerts_json(), clock);
    config.begin = begin;
    Rig::with(config)
}

#[test]
fn the_default_is_to_begin_at_the_end() {
    let mut analysisd = Analysisd::new();
    analysisd.lines(3);
    let mut rig = Rig::with(FollowerConfig::new(analysisd.alerts_json(), clock));
    rig.run_dry();
    assert_eq!(rig.memory.lines(), [""; 0]);
    analysisd.lines(2);
    rig.run_dry();
    assert_eq!(rig.memory.lines(), analysisd.written[3..]);
}

#[test]
fn alerts_written_between_a_first_start_at_the_end_and_a_crash_are_delivered() {
    let mut analysisd = Analysisd::new();
    analysisd.lines(3);
    let mut rig = rig(&analysisd, Begin::End);
    rig.step();
    analysisd.lines(2);
    rig.restart();
    rig.run_dry();
    assert_eq!(rig.memory.lines(), analysisd.written[3..]);
}

#[test]
fn the_end_is_before_an_alert_that_is_just_being_written() {
    let mut analysisd = Analysisd::new();
    analysisd.lines(2);
    analysisd.part(&"long ".repeat(30_000));
    let mut rig = rig(&analysisd, Begin::End);
    rig.run_dry();
    analysisd.line("end");
    rig.run_dry();
    assert_eq!(rig.memory.lines(), analysisd.written[2..]);
}

#[test]
fn the_start_is_that_of_the_live_file_and_not_of_the_archive() {
    let mut analysisd = Analysisd::new();
    analysisd.lines(3);
    analysisd.rotate_at_midnight();
    analysisd.lines(2);
    let mut rig = rig(&analysisd, Begin::Start);
    rig.run_dry();
    assert_eq!(rig.memory.lines(), analysisd.written[3..]);
}

fn timed(moment: &str, number: usize) -> String {
    format!(
        r#"{{"timestamp":"{moment}","id":"{number}","data":{{"timestamp":"1970-01-01T00:00:00.000+0000"}}}}"#
    )
}

/// Three days of one alert an hour in the manager's zone (five hours behind UTC), the first of them compressed.
fn three_days() -> Analysisd {
    let mut analysisd = Analysisd::starting_at("2026/Oct/ossec-alerts-30.json");
    for day in ["2026-10-30", "2026-10-31", "2026-11-01"] {
        for hour in 0..24 {
            let text = timed(&format!("{day}T{hour:02}:15:00.000-0500"), hour);
            analysisd.line(&text);
        }
        let finished = analysisd.name;
        analysisd.rotate_at_midnight();
        if day == "2026-10-30" {
            analysisd.compress(finished);
        }
    }
    analysisd.line(&timed("2026-11-02T00:15:00.000-0500", 0));
    analysisd
}

#[test]
fn a_time_begins_in_the_archive_with_the_first_alert_of_that_time() {
    let analysisd = three_days();
    // 20:15 of the manager's 30 October is already the 31st in UTC.
    let moment = "2026-10-31T01:15:00Z".parse().unwrap();
    let mut rig = rig(&analysisd, Begin::Time(moment));
    rig.run_dry();
    assert_eq!(rig.memory.lines(), analysisd.written[20..]);
    assert_eq!(rig.snapshot().gaps, 0);
}

#[test]
fn a_crash_while_older_lines_are_skipped_does_not_deliver_them() {
    let analysisd = three_days();
    let moment = "2026-11-01T10:00:00Z".parse().unwrap();
    let mut rig = rig(&analysisd, Begin::Time(moment));
    for _ in 0..20 {
        rig.step();
        rig.restart();
        rig.step();
        rig.step();
    }
    rig.run_dry();
    let expected: Vec<String> = analysisd.written[24 + 24 + 5..].to_vec();
    assert_eq!(rig.memory.lines(), expected);
}

#[test]
fn lines_without_a_readable_time_are_kept_and_old_ones_behind_the_beginning_too() {
    let mut analysisd = Analysisd::new();
    analysisd.line(&timed("2026-11-21T08:00:00.000+0000", 1));
    analysisd.line("no time at all");
    analysisd.line(&timed("2026-11-21T09:30:00.000+0000", 2));
    analysisd.line(&timed("2026-11-21T08:59:59.000+0000", 3));
    analysisd.line(&timed("2026-11-21T10:30:00.000+0000", 4));
    analysisd.line(&timed("2026-11-21T08:59:59.000+0000", 5));
    let mut rig = rig(
        &analysisd,
        Begin::Time("2026-11-21T09:00:00Z".parse().unwrap()),
    );
    rig.run_dry();
    let expected: Vec<String> = [1, 2, 4, 5]
        .map(|index: usize| analysisd.written[index].clone())
        .to_vec();
    assert_eq!(rig.memory.lines(), expected);
}
