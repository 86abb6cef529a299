//! A bug in the hook ends with a code: a death by signal would make integratord print the api key.

use std::{
    env,
    process::Command,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use alertbridge_hook::{EXIT_BUG, exit_on_panic};

use crate::world::{API_KEY, World};

const CHILD: &str = "ALERTBRIDGE_TEST_PANICS";

fn fixed_time() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_795_253_400)
}

#[test]
fn a_panic_on_any_thread_ends_with_its_code_and_one_line_that_holds_no_message() {
    // The test starts itself again as the process that panics, since the hook has no way to make it.
    if let Some(thread) = env::var_os(CHILD) {
        exit_on_panic(fixed_time);
        if thread == "other" {
            let _ = thread::spawn(|| panic!("{API_KEY}")).join();
        }
        panic!("{API_KEY}");
    }
    for thread in ["main", "other"] {
        let world = World::new();
        let mut child = Command::new(env::current_exe().unwrap());
        child.args([
            "--exact",
            "bugs::a_panic_on_any_thread_ends_with_its_code_and_one_line_that_holds_no_message",
        ]);
        let output = child
            .current_dir(world.home.path())
            .env(CHILD, thread)
            .output()
            .unwrap();
        assert_eq!(
            output.status.code(),
            Some(i32::from(EXIT_BUG)),
            "{output:?}"
        );
        let log = world.log();
        assert_eq!(log.len(), 1, "{log:?}");
        assert!(log[0].starts_with("2026-11-21 09:30:00 [FAIL] "), "{log:?}");
        assert!(
            log[0].contains("bugs.rs:") && !log[0].contains(API_KEY),
            "{log:?}"
        );
    }
}
