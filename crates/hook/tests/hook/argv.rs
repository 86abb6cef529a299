//! Every command line integratord builds (facts/wazuh.md §1.3), the settings, and that secrets stay where they are.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, process::CommandExt},
};

use alertbridge_hook::{EXIT_NO_ALERT_FILE, frame::Answer, settings};

use crate::world::{ALERT, API_KEY, HOOK_URL, World, answering, assert_failed, assert_kept};

const REDIRECTION: &str = "> /dev/null 2>&1";

#[test]
fn every_shape_of_the_command_line_delivers_the_alert() {
    let shapes: &[&[&str]] = &[
        // 4.7, 4.8 and later, both with debug on (no redirection then).
        &[API_KEY, HOOK_URL, "", "", REDIRECTION],
        &[
            API_KEY,
            HOOK_URL,
            "",
            "/tmp/custom-iris-1-2.options",
            "10",
            "3",
            REDIRECTION,
        ],
        &[API_KEY, HOOK_URL, "debug", ""],
        &[API_KEY, HOOK_URL, "debug", "", "10", "3"],
        // Nothing configured, and a key and an address with blanks in them.
        &["", "", "", "", "10", "3", REDIRECTION],
        &[
            "s3cr3t-Api",
            "-Key",
            "https://iris/",
            "alerts/add",
            "",
            "",
            "10",
            "3",
            REDIRECTION,
        ],
        // By hand.
        &[],
        &["--help"],
        &["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"],
    ];
    let world = World::new();
    let received = answering(&world.socket, Answer::Stored);
    for shape in shapes {
        let output = world
            .command()
            .arg(&world.alert)
            .args(*shape)
            .output()
            .unwrap();
        assert_kept(&output);
        assert_eq!(received.recv().unwrap(), ALERT, "{shape:?}");
    }
    assert!(world.log().is_empty());
}

#[test]
fn arguments_that_are_no_text_are_tolerated() {
    let world = World::new();
    let received = answering(&world.socket, Answer::Stored);
    let not_utf8 = OsStr::from_bytes(b"\xff\xfe key");
    assert_kept(
        &world
            .command()
            .arg(&world.alert)
            .arg(not_utf8)
            .output()
            .unwrap(),
    );
    assert_eq!(received.recv().unwrap(), ALERT);
}

#[test]
fn the_name_it_is_called_by_does_not_matter() {
    let world = World::new();
    let received = answering(&world.socket, Answer::Stored);
    for name in [
        "integrations",
        "custom-iris",
        "custom-iris.py",
        "custom-wazuh_iris.py",
        "custom-opencti",
        "",
    ] {
        assert_kept(
            &world
                .command()
                .arg0(name)
                .args(world.arguments())
                .output()
                .unwrap(),
        );
        assert_eq!(received.recv().unwrap(), ALERT, "{name}");
    }
    let link = world.home.path().join("custom-iris.py");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_alertbridge-hook"), &link).unwrap();
    let mut linked = std::process::Command::new(link);
    linked
        .env(settings::SOCKET, &world.socket)
        .args(world.arguments());
    assert_kept(&linked.output().unwrap());
    assert_eq!(received.recv().unwrap(), ALERT);
}

#[test]
fn a_missing_and_an_empty_file_argument_are_not_delivered() {
    let world = World::new();
    assert_failed(
        &world,
        &world.command().output().unwrap(),
        EXIT_NO_ALERT_FILE,
    );
    let world = World::new();
    let output = world
        .command()
        .args(["", API_KEY, HOOK_URL, "", "", "10", "3", REDIRECTION])
        .output()
        .unwrap();
    assert_failed(&world, &output, EXIT_NO_ALERT_FILE);
}

#[test]
fn the_key_and_the_address_are_never_sent_stored_or_printed() {
    let mut world = World::new();
    let received = answering(&world.socket, Answer::Refused);
    let sent = world.run();
    // Then every way to fail, with the log and without it.
    world.socket = world.home.path().join("nobody");
    let spool = std::mem::replace(&mut world.spool, world.home.path().join("no/such/spool"));
    let failed = world.run();
    let misplaced = world
        .command()
        .args([API_KEY, HOOK_URL, "", ""])
        .output()
        .unwrap();
    assert_eq!(world.log().len(), 2);
    let log = world.log().concat();
    fs::remove_dir_all(world.home.path().join("logs")).unwrap();
    let without_log = world
        .command()
        .args([API_KEY, HOOK_URL, "", ""])
        .output()
        .unwrap();
    assert!(!without_log.stderr.is_empty());
    world.spool = spool;

    let mut everything = vec![log.into_bytes(), received.recv().unwrap()];
    everything.extend(world.spooled());
    for output in [sent, failed, misplaced, without_log] {
        everything.extend([output.stdout, output.stderr]);
    }
    for text in everything {
        assert!(!String::from_utf8_lossy(&text).contains("s3cr3t"));
    }
}

#[test]
fn the_settings_file_is_used_where_the_environment_is_silent() {
    let world = World::new();
    let received = answering(&world.socket, Answer::Stored);
    let text = format!(
        "# the daemon\n\n {} = \"{}\" \r\n",
        settings::SOCKET,
        world.socket.display()
    );
    fs::write(world.home.path().join("hook.conf"), text).unwrap();
    // An empty variable is one that is not set.
    let output = world
        .command()
        .env(settings::SOCKET, "")
        .args(world.arguments())
        .output()
        .unwrap();
    assert_kept(&output);
    assert_eq!(received.recv().unwrap(), ALERT);
    assert!(world.log().is_empty());
}

#[test]
fn the_environment_comes_before_the_settings_file() {
    let world = World::new();
    let received = answering(&world.socket, Answer::Stored);
    let text = format!(
        "{}=/nowhere\n{}=1\n",
        settings::SOCKET,
        settings::TIMEOUT_MS
    );
    fs::write(world.home.path().join("hook.conf"), text).unwrap();
    assert_kept(&world.run());
    assert_eq!(received.recv().unwrap(), ALERT);
}

#[test]
fn faulty_settings_stop_no_alert_and_are_told() {
    let faults: &[&[u8]] = &[
        b"ALERTBRIDGE_HOOK_SOKET=/typo\n",
        b"no equals sign\n",
        b"\xff\xfe\0",
        b"=\n",
    ];
    for fault in faults {
        let world = World::new();
        let received = answering(&world.socket, Answer::Stored);
        fs::write(world.home.path().join("hook.conf"), fault).unwrap();
        assert_kept(&world.run());
        assert_eq!(received.recv().unwrap(), ALERT);
        let log = world.log();
        assert_eq!(log.len(), 1, "{log:?}");
        assert!(
            log[0].contains("[ERR] alertbridge-hook: the alert was kept; settings: line 1"),
            "{log:?}"
        );
    }
}

#[test]
fn a_timeout_that_is_no_number_falls_back_to_the_default() {
    for value in ["0", "-1", "1s", "99999999999999999999", "60001"] {
        let mut world = World::new();
        world.timeout_ms = String::from(value);
        let received = answering(&world.socket, Answer::Stored);
        assert_kept(&world.run());
        assert_eq!(received.recv().unwrap(), ALERT);
        assert!(
            world.log()[0].contains("ALERTBRIDGE_HOOK_TIMEOUT_MS is not a number"),
            "{:?}",
            world.log()
        );
    }
}

#[test]
fn a_settings_file_that_is_no_file_is_told_and_not_waited_for() {
    let world = World::new();
    let received = answering(&world.socket, Answer::Stored);
    let conf = world.home.path().join("hook.conf");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&conf)
            .status()
            .unwrap()
            .success()
    );
    assert_kept(&world.run());
    assert_eq!(received.recv().unwrap(), ALERT);
    assert!(
        world.log()[0].contains("the settings file can't be read (not a regular file)"),
        "{:?}",
        world.log()
    );
}
