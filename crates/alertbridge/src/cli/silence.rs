//! The command lines of `silence` and `noise`. The doc comments are the help texts.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::SignedDuration;

use super::{
    Output, When,
    when::{span, when},
};

/// `silence`
#[derive(Debug, Subcommand)]
pub enum Silence {
    /// Silence alerts for a time: they are kept and counted, and handed to nobody
    Add(Box<SilenceAdd>),
    /// List the silences that are active or to come
    List(SilenceList),
    /// End silences now
    Expire(SilenceExpire),
    /// Take silences from a file, also from amtool's JSON
    Import(SilenceImport),
    /// Print the silences that are active or to come as JSON, for `import`
    Export(Output),
    /// Show what a silence would have silenced
    Preview(SilencePreview),
}

/// `silence add`
#[derive(Args, Debug)]
pub struct SilenceAdd {
    /// How it is printed
    #[command(flatten)]
    pub output: Output,
    /// Which alerts: 'rule.id = 5710', '{rule.id = 5710, agent.name =~ "web-.*"}'
    pub matchers: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub comment: String,
    /// Who makes it; you, if not given
    #[arg(long, value_name = "NAME")]
    pub created_by: Option<String>,
    /// From when: a time such as 2026-11-20T00:00:00Z, or in how long, such as 2h; now, if not given
    #[arg(long, value_name = "TIME", value_parser = when)]
    pub starts_at: Option<When>,
    /// Until when: a time, or in how long
    #[arg(long, value_name = "TIME", value_parser = when, required_unless_present = "duration")]
    pub ends_at: Option<When>,
    /// For how long from its start: 30m, 2h, 7d
    #[arg(long, value_name = "SPAN", value_parser = span, conflicts_with = "ends_at")]
    pub duration: Option<SignedDuration>,
}

/// `silence list`
#[derive(Args, Debug)]
pub struct SilenceList {
    /// How it is printed
    #[command(flatten)]
    pub output: Output,
    /// Also those that ended within the last 30 days
    #[arg(long)]
    pub all: bool,
}

/// `silence expire`
#[derive(Args, Debug)]
pub struct SilenceExpire {
    /// How it is printed
    #[command(flatten)]
    pub output: Output,
    /// Their ids, as `list` prints them
    #[arg(required = true, value_name = "ID")]
    pub ids: Vec<String>,
}

/// `silence import`
#[derive(Args, Debug)]
pub struct SilenceImport {
    /// How it is printed
    #[command(flatten)]
    pub output: Output,
    /// The file; - for standard input
    pub file: PathBuf,
}

/// `silence preview`
#[derive(Args, Debug)]
pub struct SilencePreview {
    /// How it is printed
    #[command(flatten)]
    pub output: Output,
    /// Which alerts
    pub matchers: String,
    /// Of the alerts since then: 24h, 7d, or a time such as 2026-11-20T00:00:00Z
    #[arg(long, value_name = "SPAN", value_parser = when, default_value = "7d")]
    pub since: When,
}

/// `noise`
#[derive(Args, Debug)]
pub struct Noise {
    /// How it is printed
    #[command(flatten)]
    pub output: Output,
    /// Of the alerts since then: 24h, 7d, or a time such as 2026-11-20T00:00:00Z
    #[arg(long, value_name = "SPAN", value_parser = when, default_value = "7d")]
    pub since: When,
    /// So many rows a table
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub limit: u16,
}
