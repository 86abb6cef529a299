//! The schema of the played release, made from `schema.graphql`.
//!
//! Invariant: the text is a constant of this crate; a test makes it for releases on both sides of every border.

use apollo_compiler::Schema;
use apollo_compiler::validation::Valid;

use super::version::OpenCtiVersion;

const TEMPLATE: &str = include_str!("schema.graphql");

/// Why a schema could not be made; only a mistake in `schema.graphql` can bring it up.
#[derive(Debug, thiserror::Error)]
#[error("the schema of OpenCTI {version} is not valid: {text}")]
pub struct SchemaError {
    version: OpenCtiVersion,
    text: String,
}

/// The schema with its text, which `GET /schema` shows.
#[derive(Debug)]
pub(crate) struct PlatformSchema {
    pub(crate) compiled: Valid<Schema>,
    pub(crate) text: String,
}

impl PlatformSchema {
    pub(crate) fn of(version: OpenCtiVersion) -> Result<PlatformSchema, SchemaError> {
        let text = text_for(version);
        match Schema::parse_and_validate(&text, "opencti.graphql") {
            Ok(compiled) => Ok(PlatformSchema { compiled, text }),
            Err(refused) => Err(SchemaError {
                version,
                text: refused.errors.to_string(),
            }),
        }
    }
}

/// The lines that exist in this release, with the members of interfaces written out.
fn text_for(version: OpenCtiVersion) -> String {
    let kept: Vec<&str> = TEMPLATE
        .lines()
        .filter(|line| exists(line, version))
        .map(|line| line.split('#').next().unwrap_or_default().trim_end())
        .filter(|line| !line.is_empty())
        .collect();
    let mut text = String::new();
    for line in &kept {
        match line.strip_prefix('%').and_then(|rest| rest.split_once(' ')) {
            Some((interface, rest)) => text.push_str(&implementation(interface, rest, &kept)),
            None => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

/// `%IDENTITY Name own fields` is a type with the fields of the interface `Identity` and its own.
fn implementation(interface: &str, rest: &str, lines: &[&str]) -> String {
    let interface = match interface {
        "IDENTITY" => "Identity",
        _ => "StixCyberObservable",
    };
    let (name, own) = rest.split_once(' ').unwrap_or((rest, ""));
    let opening = format!("interface {interface} {{");
    let inherited: Vec<&str> = lines
        .iter()
        .skip_while(|line| **line != opening)
        .skip(1)
        .take_while(|line| **line != "}")
        .copied()
        .collect();
    format!(
        "type {name} implements {interface} {{\n{}\n  {own}\n}}",
        inherited.join("\n")
    )
}

fn exists(line: &str, version: OpenCtiVersion) -> bool {
    let border = |mark: &str| {
        let (_, rest) = line.split_once(mark)?;
        rest.split_whitespace()
            .next()?
            .parse::<OpenCtiVersion>()
            .ok()
    };
    border("#+").is_none_or(|since| version >= since)
        && border("#-").is_none_or(|gone| version < gone)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn every_release_on_either_side_of_a_border_has_a_valid_schema() {
        let mut releases: Vec<OpenCtiVersion> = TEMPLATE
            .lines()
            .skip(3)
            .flat_map(|line| line.split("#+").chain(line.split("#-")).skip(1))
            .filter_map(|rest| rest.split_whitespace().next()?.parse().ok())
            .collect();
        releases.extend([
            OpenCtiVersion::V5_1,
            OpenCtiVersion::V5_11,
            OpenCtiVersion::new(5, 12, 23),
            OpenCtiVersion::V6_0_8,
            OpenCtiVersion::V6_9,
            OpenCtiVersion::V7,
        ]);
        releases.sort_unstable();
        releases.dedup();
        assert!(releases.len() > 8, "{releases:?}");
        for release in releases {
            PlatformSchema::of(release).unwrap();
        }
    }
}
