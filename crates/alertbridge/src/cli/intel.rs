//! `alertbridge intel`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Output;

/// `intel`
#[derive(Debug, Subcommand)]
pub enum Intel {
    /// Bring the local copy of indicators up to date, where no daemon does it
    Sync(IntelSync),
    /// Show what is kept locally, and how old it is
    Status(Output),
    /// Tell what is known about values: addresses, networks, domains, URLs, hashes, mail addresses, file names
    Lookup(IntelLookup),
    /// Show what the alerts of a file hit, and what would be told of it; sends nothing
    Test(IntelTest),
    /// List where indicators come from, and check that each answers
    Sources(Output),
}

/// `intel sync`
#[derive(Args, Debug)]
pub struct IntelSync {
    /// How it is printed
    #[command(flatten)]
    pub output: Output,
    /// End when every source was read to its end
    #[arg(long)]
    pub once: bool,
}

/// `intel lookup`
#[derive(Args, Debug)]
pub struct IntelLookup {
    /// How it is printed
    #[command(flatten)]
    pub output: Output,
    /// Ask OpenCTI itself instead of the local copy
    #[arg(long)]
    pub live: bool,
    /// The values; `hxxp://` and `[.]` are understood
    #[arg(required = true, value_name = "VALUE")]
    pub values: Vec<String>,
}

/// `intel test`
#[derive(Args, Debug)]
pub struct IntelTest {
    /// How it is printed
    #[command(flatten)]
    pub output: Output,
    /// Alerts as Wazuh writes them, one a line; `-` reads from standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}
