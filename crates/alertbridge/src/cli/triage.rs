//! The command lines of `triage`. The doc comments are the help texts.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{ConfigFile, Output, When, when};

/// `triage`
#[derive(Debug, Subcommand)]
pub enum Triage {
    /// Print exactly what a model would be sent of an alert, what was cut, and what was taken out; sends nothing
    Show(TriageShow),
    /// Ask the model's server: version, model, context, one whole question, and how many alerts an hour that makes
    Check(Output),
    /// Work on jobs beside the daemon, in a process of its own
    Work(TriageWork),
    /// List jobs, the newest first
    List(TriageList),
    /// Have alerts reviewed again
    Again(TriageAgain),
    /// Show what analysts thought of the reviews, by rule and model
    Feedback(TriageFeedback),
    /// Measure a model on labelled alerts: verdicts, form, evidence, what injected text does to it, time
    Eval(TriageEval),
    /// Take the secrets out of what stands on standard input, as it is done before a model sees an alert
    Redact(TriageRedact),
}

/// `triage show`
#[derive(Args, Debug)]
pub struct TriageShow {
    /// How it is printed
    #[command(flatten)]
    pub output: Output,
    /// An alert's reference, its id in IRIS, or a file with one alert (of several lines the first)
    #[arg(value_name = "REF|FILE")]
    pub what: String,
}

/// `triage work`
#[derive(Args, Debug)]
pub struct TriageWork {
    /// Which configuration
    #[command(flatten)]
    pub config: ConfigFile,
    /// Jobs worked on beside each other; `triage.workers` where not given
    #[arg(long, value_name = "N")]
    pub workers: Option<usize>,
    /// End when no job waits
    #[arg(long)]
    pub until_empty: bool,
    /// Also look for alerts that others tagged, as the daemon does
    #[arg(long)]
    pub poll: bool,
}

/// `triage list`
#[derive(Args, Debug)]
pub struct TriageList {
    /// How it is printed
    #[command(flatten)]
    pub output: Output,
    /// Only those: pending, claimed, reviewed, failed or skipped
    #[arg(long, value_name = "STATE", value_parser = ["pending", "claimed", "reviewed", "failed", "skipped"])]
    pub state: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub limit: usize,
}

/// `triage again`
#[derive(Args, Debug)]
pub struct TriageAgain {
    /// Which configuration
    #[command(flatten)]
    pub config: ConfigFile,
    /// The alerts' ids in IRIS
    #[arg(required = true, value_name = "ID")]
    pub ids: Vec<String>,
}

/// `triage feedback`
#[derive(Args, Debug)]
pub struct TriageFeedback {
    /// How it is printed
    #[command(flatten)]
    pub output: Output,
    /// Only reviews since then: 7d, or a time such as 2026-11-20T00:00:00Z
    #[arg(long, value_name = "SPAN", value_parser = when)]
    pub since: Option<When>,
    /// First read from IRIS what analysts have said since, as the daemon does every half hour
    #[arg(long)]
    pub refresh: bool,
}

/// `triage eval`
#[derive(Args, Debug)]
pub struct TriageEval {
    /// How it is printed
    #[command(flatten)]
    pub output: Output,
    /// Labelled alerts, one JSON object a line: `id`, `label` (TP or FP), `alert`
    #[arg(value_name = "FILE.jsonl")]
    pub file: PathBuf,
    /// Where each outcome is kept, one a line; what is there already is not asked again
    #[arg(long, value_name = "FILE")]
    pub outcomes: Option<PathBuf>,
    /// Also ask each alert again with a payload planted where an attacker could write
    #[arg(long)]
    pub inject: bool,
    /// Only the first so many
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
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
