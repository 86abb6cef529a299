//! The command lines of `triage`. The doc comments are the help texts.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `triage`
#[derive(Debug, Subcommand)]
pub enum Triage {
    /// Take the secrets out of what stands on standard input, as it is done before a model sees an alert
    Redact(TriageRedact),
}

/// `triage redact`
#[derive(Args, Debug)]
pub struct TriageRedact {
    /// Each line is JSON, such as an alert or a text in quotes; each is written as one line
    #[arg(long)]
    pub json: bool,
    /// A file with rules of your own, added to the built-in ones
    #[arg(long, value_name = "FILE")]
    pub rules: Option<PathBuf>,
}
