//! The command line. The doc comments are the help texts.

mod explain;
mod intel;
mod silence;
mod triage;
mod when;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use self::when::when;
pub use self::{
    explain::Explain,
    intel::{Intel, IntelLookup, IntelSync, IntelTest},
    silence::{
        Noise, Silence, SilenceAdd, SilenceExpire, SilenceImport, SilenceList, SilencePreview,
    },
    triage::{
        Triage, TriageAgain, TriageEval, TriageFeedback, TriageList, TriageRedact, TriageShow,
        TriageWork,
    },
    when::When,
};
use crate::config;

/// Carries every Wazuh alert to DFIR-IRIS exactly once, and proves it.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Exit codes: 0 done, 1 the answer is no (books do not balance), 2 usage, 69 server unreachable, \
70 fault in alertbridge, 74 file error, 75 partly done, 77 key refused, 78 configuration."
)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the daemon: follow alerts.json, serve the hook, deliver
    Run(ConfigFile),
    /// Show the whole way of an alert on this machine, with nothing to install or configure
    Demo(Demo),
    /// Print the books and check that they balance
    Books(Books),
    /// Show what waits, what is paused and what is wrong
    Status(Output),
    /// List, show, replay or dismiss what no sink could take
    #[command(subcommand)]
    DeadLetters(DeadLetters),
    /// Make, list, end, or try out silences
    #[command(subcommand)]
    Silence(Silence),
    /// Show what makes the noise, and what would silence it
    Noise(Noise),
    /// Tell the whole way of an alert, or what would become of one in a file
    Explain(Explain),
    /// Reviews by a language model: what is sent, who works on it, how good it is
    #[command(subcommand)]
    Triage(Triage),
    /// Check, back up or shrink the ledger
    #[command(subcommand)]
    Ledger(Ledger),
    /// Ask DFIR-IRIS
    #[command(subcommand)]
    Iris(Iris),
    /// Look into threat intelligence: what is kept locally, and what it says
    #[command(subcommand)]
    Intel(Intel),
    /// Read the configuration and say what is wrong with it
    CheckConfig(ConfigFile),
    /// Hand one alert file to the daemon, as `alertbridge-hook` does
    #[command(hide = true)]
    Hook {
        /// integratord's arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<std::ffi::OsString>,
    },
}

/// Where the configuration is.
#[derive(Args, Debug)]
pub struct ConfigFile {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = config::DEFAULT_PATH)]
    pub config: PathBuf,
}

/// A command that prints data.
#[derive(Args, Debug)]
pub struct Output {
    /// Which configuration
    #[command(flatten)]
    pub config: ConfigFile,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `books`
#[derive(Args, Debug)]
pub struct Books {
    /// How it is printed
    #[command(flatten)]
    pub output: Output,
    /// Only the hours since then: 24h, 7d, or a time such as 2026-11-20T00:00:00Z
    #[arg(long, value_name = "SPAN", value_parser = when)]
    pub since: Option<When>,
    /// One row an hour
    #[arg(long)]
    pub hours: bool,
}

/// `demo`
#[derive(Args, Debug)]
pub struct Demo {
    /// End when everything is delivered, with exit code 0 if the books balance
    #[arg(long)]
    pub once: bool,
    /// Deliver to this DFIR-IRIS instead of the stand-in
    #[arg(long, value_name = "URL", requires = "iris_key_file")]
    pub iris_url: Option<String>,
    /// The file with its API key
    #[arg(long, value_name = "FILE", requires = "iris_url")]
    pub iris_key_file: Option<PathBuf>,
    /// A file with the certificate authority that signed its certificate
    #[arg(long, value_name = "FILE", requires = "iris_url")]
    pub iris_ca_file: Option<PathBuf>,
    /// The id of the customer its alerts go to
    #[arg(long, value_name = "ID", default_value_t = 1)]
    pub iris_customer: u32,
}

/// `dead-letters`
#[derive(Debug, Subcommand)]
pub enum DeadLetters {
    /// List them, oldest first
    List(Output),
    /// Print one whole
    Show(DeadLetter),
    /// Put dead deliveries back into their queue
    Replay(Selected),
    /// Mark them as handled; their bytes are forgotten with the next clean-up
    Dismiss(Selected),
}

/// One dead letter.
#[derive(Args, Debug)]
pub struct DeadLetter {
    /// How it is printed
    #[command(flatten)]
    pub output: Output,
    /// Its id: d42 or m17
    pub id: String,
}

/// Some dead letters.
#[derive(Args, Debug)]
pub struct Selected {
    /// Which configuration
    #[command(flatten)]
    pub config: ConfigFile,
    /// Their ids: d42 m17
    #[arg(required_unless_present = "all")]
    pub ids: Vec<String>,
    /// All of them
    #[arg(long, conflicts_with = "ids")]
    pub all: bool,
}

/// `ledger`
#[derive(Debug, Subcommand)]
pub enum Ledger {
    /// Look for damage, and check that the books balance
    Check(LedgerCheck),
    /// Write a consistent copy, also while the daemon runs
    Backup {
        /// Which configuration
        #[command(flatten)]
        config: ConfigFile,
        /// The copy; must not exist
        file: PathBuf,
    },
    /// Give free pages back to the disk
    Vacuum(ConfigFile),
}

/// `ledger check`
#[derive(Args, Debug)]
pub struct LedgerCheck {
    /// How it is printed
    #[command(flatten)]
    pub output: Output,
    /// Also hold each index against its table; takes longer
    #[arg(long)]
    pub thorough: bool,
}

/// `iris`
#[derive(Debug, Subcommand)]
pub enum Iris {
    /// Print the names and ids of severities, statuses, IOC types, …
    Ids(Output),
    /// Check that the server answers, that the key is good, and that every name of the configuration is there
    Check(Output),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
