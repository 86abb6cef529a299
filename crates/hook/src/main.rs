//! The program integratord starts for every alert, under whatever name `ossec.conf` gives it. See [`alertbridge_hook::run`].

use std::{
    env, panic,
    process::{self, ExitCode},
    time::SystemTime,
};

/// The program's one clock.
#[expect(
    clippy::disallowed_methods,
    reason = "the hook's entry point, where time comes in"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

fn main() -> ExitCode {
    // A panic would end in SIGABRT, which makes integratord print the api key (facts/wazuh.md §1.4).
    panic::set_hook(Box::new(|panic| {
        alertbridge_hook::report_panic(now(), panic.location());
        process::exit(i32::from(alertbridge_hook::EXIT_BUG));
    }));
    alertbridge_hook::run(env::args_os(), &|name| env::var_os(name), now())
}
