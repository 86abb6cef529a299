//! An alert of any size and content is carried as it is; what is no alert is never called delivered.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use alertbridge_hook::{
    EXIT_BAD_ALERT, EXIT_UNREADABLE_ALERT,
    frame::{Answer, BODY_LIMIT},
};

use crate::world::{World, answering, assert_failed, assert_kept};

#[test]
fn large_alerts_and_odd_bytes_arrive_unchanged_on_both_ways() {
    let odd: Vec<u8> = (0..=255).collect();
    let sizes = [1, 65_535, 65_536, 1024 * 1024, BODY_LIMIT];
    let bodies = sizes.iter().map(|size| vec![b'x'; *size]).chain([odd]);
    for body in bodies {
        let world = World::new();
        fs::write(&world.alert, &body).unwrap();
        assert_kept(&world.run());
        assert!(
            world.spooled() == [&body[..]],
            "{} bytes by the spool",
            body.len()
        );
        let received = answering(&world.socket, Answer::Stored);
        assert_kept(&world.run());
        assert!(
            received.recv().unwrap() == body,
            "{} bytes by the socket",
            body.len()
        );
    }
}

#[test]
fn an_empty_file_is_not_a_delivered_alert() {
    let world = World::new();
    let received = answering(&world.socket, Answer::Stored);
    fs::write(&world.alert, "").unwrap();
    assert_failed(&world, &world.run(), EXIT_BAD_ALERT);
    assert!(received.try_recv().is_err());
    assert!(world.spooled().is_empty());
}

#[test]
fn a_file_over_the_limit_is_refused_instead_of_cut() {
    let world = World::new();
    fs::File::create(&world.alert)
        .unwrap()
        .set_len(BODY_LIMIT as u64 + 1)
        .unwrap();
    let line = assert_failed(&world, &world.run(), EXIT_BAD_ALERT);
    assert!(line.contains("33554432"), "{line}");
    assert!(world.spooled().is_empty());
}

#[test]
fn a_missing_file_is_not_a_delivered_alert() {
    let world = World::new();
    fs::remove_file(&world.alert).unwrap();
    let line = assert_failed(&world, &world.run(), EXIT_UNREADABLE_ALERT);
    assert!(line.contains("No such file or directory"), "{line}");
}

#[test]
fn a_file_that_may_not_be_read_is_not_a_delivered_alert() {
    let world = World::new();
    fs::set_permissions(&world.alert, PermissionsExt::from_mode(0o000)).unwrap();
    if fs::read(&world.alert).is_ok() {
        // Root reads everything but a file like this one.
        fs::remove_file(&world.alert).unwrap();
        std::os::unix::fs::symlink("/proc/self/mem", &world.alert).unwrap();
    }
    assert_failed(&world, &world.run(), EXIT_UNREADABLE_ALERT);
    assert!(world.spooled().is_empty());
}

#[test]
fn a_folder_and_a_pipe_without_a_writer_are_not_waited_for() {
    let world = World::new();
    fs::remove_file(&world.alert).unwrap();
    fs::create_dir(&world.alert).unwrap();
    assert_failed(&world, &world.run(), EXIT_UNREADABLE_ALERT);

    let world = World::new();
    fs::remove_file(&world.alert).unwrap();
    assert!(
        Command::new("mkfifo")
            .arg(&world.alert)
            .status()
            .unwrap()
            .success()
    );
    assert_failed(&world, &world.run(), EXIT_UNREADABLE_ALERT);
}
