//! `alertbridge iris`: what the server has, and whether it suits the configuration.

use alertbridge_sinks::iris::{self, IdsError, IrisConfig, IrisSink, NamedId};

use super::print_json;
use crate::{cli, config::Config, exit::Exit, failure::Failure, output, table::printable};

/// Runs the command.
pub fn run(command: &cli::Iris) -> Result<Exit, Failure> {
    match command {
        cli::Iris::Ids(output) => ids(output),
        cli::Iris::Check(output) => check(output),
    }
}

fn section(output: &cli::Output) -> Result<IrisConfig, Failure> {
    Config::load(&output.config.config)?
        .sinks
        .iris
        .ok_or_else(|| Failure::new(Exit::Config, "the configuration has no [sinks.iris]"))
}

fn ids(output: &cli::Output) -> Result<Exit, Failure> {
    let config = section(output)?;
    let ids = super::super::runtime()?
        .block_on(iris::ids(&config))
        .map_err(|error| {
            let exit = match &error {
                IdsError::Config(_) => Exit::Config,
                IdsError::Iris(_) => Exit::Unavailable,
            };
            Failure::new(exit, error).remedy("`alertbridge iris check` looks closer")
        })?;
    if output.json {
        print_json(&ids)?;
        return Ok(Exit::Success);
    }
    output::line(format_args!("IRIS {}", printable(&ids.version)))?;
    for (heading, names) in [
        ("severities", &ids.severities),
        ("statuses", &ids.statuses),
        ("resolutions", &ids.resolutions),
        ("TLP", &ids.tlps),
        ("asset types", &ids.asset_types),
        ("classifications", &ids.classifications),
        ("IOC types", &ids.ioc_types),
    ] {
        list(heading, names)?;
    }
    match &ids.customers {
        Some(customers) => list("customers", customers)?,
        None => output::line(format_args!(
            "\ncustomers: the key may not list them (permission customers_read); use ids in the configuration"
        ))?,
    }
    Ok(Exit::Success)
}

fn list(heading: &str, names: &[NamedId]) -> Result<(), Failure> {
    output::line(format_args!("\n{heading}"))?;
    let mut names: Vec<&NamedId> = names.iter().collect();
    names.sort_by_key(|name| name.id);
    for name in names {
        output::line(format_args!("{:>6}  {}", name.id, printable(&name.name)))?;
    }
    Ok(())
}

fn check(output: &cli::Output) -> Result<Exit, Failure> {
    let config = section(output)?;
    let sink = IrisSink::connect(config)
        .map_err(|error| Failure::new(Exit::Config, format!("[sinks.iris]: {error}")))?;
    let findings = super::super::runtime()?.block_on(sink.check());
    if output.json {
        print_json(&findings)?;
    } else {
        for finding in &findings {
            let mark = if finding.ok { "good" } else { "BAD " };
            output::line(format_args!(
                "{mark}  {:<12}  {}",
                finding.what,
                printable(&finding.text)
            ))?;
        }
    }
    // The first that is not well decides: the rest often follows from it.
    Ok(
        match findings
            .iter()
            .find(|finding| !finding.ok)
            .map(|finding| finding.what)
        {
            None => Exit::Success,
            Some("reachable") => Exit::Unavailable,
            Some("key" | "alerts_read" | "alerts_write") => Exit::Permission,
            Some(_) => Exit::Config,
        },
    )
}
