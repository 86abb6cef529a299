//! The project's own tasks: `cargo xtask test`, `crash`, `hook`.
//!
//! No dependencies, so that it is built in a second on a new machine.

mod prerequisites;

use std::process::{Command, ExitCode};

const USAGE: &str = "\
cargo xtask TASK

  test [ARGS…]                every test; as root it installs what it needs first, else it says what is missing.
                              ARGS go to `cargo test`
  crash [--kills N] [--seed S]  kill -9 the daemon N times (30) under load and faults: nothing lost, nothing doubled
  hook                        build the static hook and print its path
  bench [--quick]             every benchmark";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (task, rest) = match arguments.split_first() {
        Some((task, rest)) => (task.as_str(), rest),
        None => ("", &[][..]),
    };
    let done = match task {
        "test" => test(rest),
        "crash" => crash(rest),
        "hook" => hook(),
        "bench" => bench(rest),
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn test(arguments: &[String]) -> Result<(), String> {
    prerequisites::python_client()?;
    let musl = prerequisites::musl_target();
    run(cargo(&["test", "--workspace"]).args(arguments))?;
    // The hook as it is shipped: static, and without an unwinder.
    let mut shipped = cargo(&[
        "test",
        "--package",
        "alertbridge-hook",
        "--profile",
        "hook",
        "--test",
        "hook",
    ]);
    if musl {
        shipped.args(["--target", prerequisites::MUSL]);
    }
    run(&mut shipped)
}

fn crash(arguments: &[String]) -> Result<(), String> {
    let mut command = cargo(&[
        "test",
        "--package",
        "alertbridge",
        "--test",
        "crash",
        "--",
        "--nocapture",
    ]);
    for pair in arguments.chunks(2) {
        match pair {
            [name, value] if name == "--kills" => command.env("ALERTBRIDGE_CRASH_KILLS", value),
            [name, value] if name == "--seed" => command.env("ALERTBRIDGE_CRASH_SEED", value),
            _ => return Err(USAGE.to_owned()),
        };
    }
    run(&mut command)
}

fn hook() -> Result<(), String> {
    let arguments = [
        "build",
        "--package",
        "alertbridge-hook",
        "--profile",
        "hook",
        "--target",
    ];
    let target = if prerequisites::musl_target() {
        prerequisites::MUSL
    } else {
        prerequisites::GNU
    };
    let mut command = cargo(&arguments);
    command.arg(target);
    if target.ends_with("gnu") {
        command.env("RUSTFLAGS", "-C target-feature=+crt-static");
    }
    run(&mut command)?;
    println!(
        "{}/{target}/hook/alertbridge-hook",
        prerequisites::target_folder().display()
    );
    Ok(())
}

fn bench(arguments: &[String]) -> Result<(), String> {
    let quick = arguments
        .first()
        .is_some_and(|argument| argument == "--quick");
    for (package, bench) in [
        ("alertbridge-hook", "hook"),
        ("alertbridge-ledger", "ledger"),
        ("alertbridge-pipeline", "decide"),
        ("alertbridge-sources", "follower"),
    ] {
        println!("\n== {bench}");
        let mut command = cargo(&[
            "bench",
            "--quiet",
            "--package",
            package,
            "--bench",
            bench,
            "--",
        ]);
        // Only the ledger's is long.
        if quick && bench == "ledger" {
            command.arg("--quick");
        }
        run(&mut command)?;
    }
    Ok(())
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(prerequisites::root());
    command
}

fn run(command: &mut Command) -> Result<(), String> {
    let status = command
        .status()
        .map_err(|error| format!("can't run {command:?}: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("failed: {command:?}"))
    }
}
