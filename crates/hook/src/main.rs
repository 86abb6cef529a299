//! The program integratord starts for every alert, under whatever name `ossec.conf` gives it. See [`alertbridge_hook::run`].

use std::{env, process::ExitCode, time::SystemTime};

/// The program's one clock.
#[expect(
    clippy::disallowed_methods,
    reason = "the hook's entry point, where time comes in"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

fn main() -> ExitCode {
    alertbridge_hook::exit_on_panic(now);
    alertbridge_hook::run(env::args_os(), &|name| env::var_os(name), now())
}
