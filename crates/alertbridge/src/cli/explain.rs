//! `explain`

use clap::Args;

use super::Output;

/// `explain`
#[derive(Args, Debug)]
pub struct Explain {
    /// How it is printed
    #[command(flatten)]
    pub output: Output,
    /// An alert's reference, the id DFIR-IRIS gave it, or a file with alerts, one JSON object a line: then nothing is sent, and
    /// what would be is printed
    #[arg(value_name = "REF|ID|FILE", required_unless_present = "last")]
    pub what: Option<String>,
    /// For a file: the source whose gate is asked
    #[arg(long, value_name = "SOURCE", default_value = "follower", value_parser = ["follower", "hook", "spool"])]
    pub source: String,
    /// The newest alerts instead
    #[arg(long, value_name = "N", conflicts_with = "what")]
    pub last: Option<usize>,
}
