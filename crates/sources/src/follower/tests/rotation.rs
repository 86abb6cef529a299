//! The rotation matrix: one test per row of `facts/wazuh.md` §1.1 and §2. Each says what integratord does there.

use super::rig::{Analysisd, Rig};

#[test]
fn lines_are_delivered_once_and_in_order_as_they_are_written() {
    let mut analysisd = Analysisd::new();
    let mut rig = Rig::new(&analysisd);
    for count in [0, 1, 2, 500, 1] {
        analysisd.lines(count);
        rig.run_dry();
        assert_eq!(rig.memory.lines(), analysisd.written);
    }
    assert_eq!(rig.snapshot().lag_bytes, 0);
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
    analysisd.lines(1);
    rig.run_dry();
    assert_eq!(rig.memory.lines(), analysisd.written);
    assert_eq!(
        (rig.snapshot().gaps, rig.snapshot().segments_caught_up),
        (0, 1)
    );
}

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
