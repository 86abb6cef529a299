//! `alertbridge intel`: what is kept locally, what it says, and where it comes from.

mod lookup;
mod sources;
mod status;
mod sync;
mod test;

use alertbridge_intel::{IndicatorStore, StoreOptions};

use crate::{cli, config::Config, exit::Exit, failure::Failure, intel::IntelConfig};

/// Runs the command.
pub fn run(command: &cli::Intel) -> Result<Exit, Failure> {
    match command {
        cli::Intel::Sync(arguments) => sync::run(arguments),
        cli::Intel::Status(output) => status::run(output),
        cli::Intel::Lookup(arguments) => lookup::run(arguments),
        cli::Intel::Test(arguments) => test::run(arguments),
        cli::Intel::Sources(output) => sources::run(output),
    }
}

/// The configuration and its section.
fn section(output: &cli::Output) -> Result<(Config, IntelConfig), Failure> {
    let mut config = Config::load(&output.config.config)?;
    let section = config.intel.take().ok_or_else(|| {
        Failure::new(Exit::Config, "the configuration has no [intel]")
            .remedy("docs/intelligence.md shows one")
    })?;
    Ok((config, section))
}

/// The local copy, to be looked into beside a running daemon.
fn reader(section: &IntelConfig) -> Result<IndicatorStore, Failure> {
    let options = StoreOptions {
        read_only: true,
        ..StoreOptions::default()
    };
    IndicatorStore::open(&section.folder, options).map_err(|error| {
        Failure::new(Exit::Io, error).remedy(
            "the folder is made at the daemon's first start, or by `alertbridge intel sync`; run this as the daemon's user",
        )
    })
}

/// Numbers with commas.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }
}
