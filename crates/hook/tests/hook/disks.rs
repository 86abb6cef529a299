//! Without a daemon the spool folder decides: exit 0 only where the alert is on the disk.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use alertbridge_hook::{EXIT_NOT_KEPT, spool};

use crate::world::{ALERT, World, assert_failed, assert_kept, names};

#[test]
fn a_spooled_alert_is_the_file_byte_for_byte_and_readable_by_owner_and_group_only() {
    let world = World::new();
    let bytes: Vec<u8> = (0..=255).cycle().take(5000).collect();
    fs::write(&world.alert, &bytes).unwrap();
    assert_kept(&world.run());
    assert_eq!(world.spooled(), [bytes]);
    let names = names(&world.spool);
    assert_eq!(names.len(), 1, "no temporary file stays: {names:?}");
    let mode = fs::metadata(world.spool.join(&names[0]))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o640);
}

#[test]
fn a_missing_spool_folder_is_created_for_owner_and_group() {
    let world = World::new();
    fs::remove_dir(&world.spool).unwrap();
    assert_kept(&world.run());
    assert_eq!(world.spooled(), [ALERT]);
    let mode = fs::metadata(&world.spool).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o750);
}

#[test]
fn a_spool_folder_whose_parent_is_missing_is_a_failure_that_is_told() {
    let mut world = World::new();
    world.spool = world.home.path().join("no/such/spool");
    let line = assert_failed(&world, &world.run(), EXIT_NOT_KEPT);
    assert!(line.contains("No such file or directory"), "{line}");
}

#[test]
fn a_spool_path_that_is_a_file_is_a_failure_that_is_told() {
    let world = World::new();
    fs::remove_dir(&world.spool).unwrap();
    fs::write(&world.spool, "in the way").unwrap();
    let line = assert_failed(&world, &world.run(), EXIT_NOT_KEPT);
    assert!(line.contains("Not a directory"), "{line}");
}

#[test]
fn an_unwritable_spool_folder_is_a_failure_that_is_told() {
    let world = World::new();
    let mut command = world.command();
    if is_root() {
        // /proc takes no files, from root neither.
        command.env(alertbridge_hook::settings::SPOOL, "/proc/1");
    } else {
        fs::set_permissions(&world.spool, PermissionsExt::from_mode(0o550)).unwrap();
    }
    let output = command.args(world.arguments()).output().unwrap();
    assert_failed(&world, &output, EXIT_NOT_KEPT);
}

#[test]
fn a_full_disk_is_a_failure_that_is_told_and_leaves_no_rest() {
    let world = World::new();
    let Some(_disk) = SmallDisk::mount(&world) else {
        return;
    };
    fs::write(&world.alert, vec![b'x'; 1024 * 1024]).unwrap();
    let line = assert_failed(&world, &world.run(), EXIT_NOT_KEPT);
    assert!(line.contains("No space left on device"), "{line}");
    assert_eq!(names(&world.spool), Vec::<String>::new());
    // The space is free again: a smaller alert is kept.
    fs::write(&world.alert, ALERT).unwrap();
    assert_kept(&world.run());
    assert_eq!(world.spooled(), [ALERT]);
}

/// 64 KiB mounted on the spool folder; needs root, which the CI has.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(world: &World) -> Option<SmallDisk> {
        let mount = ["-t", "tmpfs", "-o", "size=64k", "tmpfs"];
        let mounted = Command::new("mount")
            .args(mount)
            .arg(&world.spool)
            .stderr(Stdio::null())
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(SmallDisk(world.spool.clone()));
        }
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "the CI must be able to mount a tmpfs"
        );
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn where_even_the_log_is_missing_stderr_has_the_one_line() {
    let mut world = World::new();
    fs::remove_dir_all(world.home.path().join("logs")).unwrap();
    world.spool = world.home.path().join("no/such/spool");
    let output = world.run();
    assert_eq!(output.status.code(), Some(i32::from(EXIT_NOT_KEPT)));
    assert!(output.stdout.is_empty());
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("[FAIL]"), "{text}");
}

#[test]
fn many_hooks_at_once_leave_one_file_each() {
    let world = World::new();
    let hooks: Vec<_> = (0..16).map(|_| world.start()).collect();
    for hook in hooks {
        assert_kept(&hook.wait_with_output().unwrap());
    }
    assert_eq!(world.spooled(), vec![ALERT; 16]);
}

#[test]
fn one_name_for_two_alerts_overwrites_neither_and_keeps_their_order() {
    let world = World::new();
    let now = UNIX_EPOCH + Duration::new(1_795_248_034, 5);
    let bodies: Vec<Vec<u8>> = (0..10)
        .map(|number| format!("alert {number}").into_bytes())
        .collect();
    for body in &bodies {
        spool::store(&world.spool, body, now, 7).unwrap();
    }
    assert_eq!(world.spooled(), bodies);
    assert!(names(&world.spool).contains(&String::from("01795248034000000005-7.alert")));
}

#[test]
fn a_temporary_file_of_a_dead_hook_is_not_taken_over() {
    let world = World::new();
    let left = world.spool.join(".00000000001000000000-7.tmp");
    fs::write(&left, "half").unwrap();
    spool::store(&world.spool, ALERT, UNIX_EPOCH + Duration::from_secs(1), 7).unwrap();
    assert_eq!(world.spooled(), [ALERT]);
    assert_eq!(fs::read(&left).unwrap(), b"half");
}

#[test]
fn names_sort_by_time_for_every_time_a_clock_can_show() {
    let world = World::new();
    let times = [0, 1, 999_999_999, 1_795_248_034, 17_000_000_000];
    for seconds in times.iter().rev() {
        let time: SystemTime = UNIX_EPOCH + Duration::from_secs(*seconds);
        spool::store(&world.spool, seconds.to_string().as_bytes(), time, 7).unwrap();
    }
    let expected: Vec<Vec<u8>> = times
        .iter()
        .map(|seconds| seconds.to_string().into_bytes())
        .collect();
    assert_eq!(world.spooled(), expected);
}

fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    status.lines().any(|line| line.starts_with("Uid:\t0\t"))
}
