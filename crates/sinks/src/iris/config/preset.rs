//! The three sets of field values, and what results from a preset and the keys that were written.
//!
//! `wazuh-blog` is the script of the Wazuh blog (facts/peers.md §4), `async-ai` the one with the asynchronous worker
//! (facts/peers.md §3.1). Both gave ids for severities that mean something else on a fresh 2.4; here they are the names
//! those ids had on the installations up to 2.3 the scripts were written for. Kept out on purpose: status 1 (Unspecified), the
//! reference made of the time of sending, verification switched off.

use serde::Deserialize;

use super::IrisConfig;

/// Whose field values are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Our own.
    #[default]
    Alertbridge,
    /// Those of the "async AI enrichment" script.
    AsyncAi,
    /// Those of the Wazuh blog's script.
    WazuhBlog,
}

/// How the description is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DescriptionForm {
    /// One line per field, with the labels of the Wazuh blog.
    Labels,
    /// Sections with upper-case headings.
    Sections,
}

/// What stands in "source reference".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceReference {
    /// The alert's id as Wazuh wrote it; two nodes may give the same.
    AlertId,
    /// Node and alert id: unique.
    Reference,
}

/// The values that a preset decides, after the written keys were put over it.
#[derive(Clone, Debug)]
pub(crate) struct Mapping {
    /// Lowest rule level and severity, highest level first.
    pub(crate) severities: Vec<(u32, String)>,
    pub(crate) title: String,
    pub(crate) description: DescriptionForm,
    pub(crate) source: String,
    pub(crate) source_ref: SourceReference,
    pub(crate) note: String,
    pub(crate) tags: Vec<String>,
    pub(crate) dashboard_link: String,
    pub(crate) ioc_maximum: usize,
    pub(crate) asset_maximum: usize,
    pub(crate) source_content_limit: usize,
    pub(crate) context: bool,
}

impl Mapping {
    pub(crate) fn of(config: &IrisConfig) -> Self {
        let preset = match config.preset {
            Preset::Alertbridge => Self::alertbridge(),
            Preset::AsyncAi => Self::async_ai(),
            Preset::WazuhBlog => Self::wazuh_blog(),
        };
        let mut severities = match &config.severities {
            Some(names) => names
                .iter()
                .map(|(name, level)| (*level, name.clone()))
                .collect(),
            None => preset.severities,
        };
        severities.sort_by(|one, other| other.cmp(one));
        let mut tags = config.tags.clone().unwrap_or(preset.tags);
        tags.extend(config.extra_tags.iter().cloned());
        Self {
            severities,
            title: config.title.clone().unwrap_or(preset.title),
            description: config.description.unwrap_or(preset.description),
            source: config.source.clone().unwrap_or(preset.source),
            source_ref: config.source_ref.unwrap_or(preset.source_ref),
            note: config.note.clone().unwrap_or(preset.note),
            tags,
            dashboard_link: config
                .dashboard_link
                .clone()
                .unwrap_or(preset.dashboard_link),
            ioc_maximum: config.iocs.maximum.unwrap_or(preset.ioc_maximum),
            asset_maximum: config.assets.maximum.unwrap_or(preset.asset_maximum),
            source_content_limit: config
                .source_content_limit
                .unwrap_or(preset.source_content_limit),
            context: config.context.unwrap_or(preset.context),
        }
    }

    fn alertbridge() -> Self {
        Self {
            severities: severities(&[
                (0, "Informational"),
                (4, "Low"),
                (7, "Medium"),
                (10, "High"),
                (13, "Critical"),
            ]),
            title: "{rule_description}".to_owned(),
            description: DescriptionForm::Labels,
            source: "Wazuh".to_owned(),
            source_ref: SourceReference::Reference,
            note: String::new(),
            tags: words(&[
                "wazuh",
                "rule-{rule_id}",
                "agent-{agent_name}",
                "mitre-{mitre_id}",
            ]),
            dashboard_link: "wazuh-4.8".to_owned(),
            ioc_maximum: 20,
            asset_maximum: 3,
            source_content_limit: 256 * 1024,
            context: true,
        }
    }

    fn wazuh_blog() -> Self {
        Self {
            severities: severities(&[
                (0, "Informational"),
                (5, "Low"),
                (7, "Medium"),
                (10, "High"),
                (13, "Critical"),
            ]),
            source_ref: SourceReference::AlertId,
            tags: words(&["wazuh", "{agent_name}"]),
            dashboard_link: "/app/wz-home".to_owned(),
            ioc_maximum: 0,
            asset_maximum: 0,
            context: false,
            ..Self::alertbridge()
        }
    }

    fn async_ai() -> Self {
        Self {
            severities: severities(&[
                (0, "Unspecified"),
                (4, "Informational"),
                (7, "Low"),
                (10, "Medium"),
                (13, "High"),
            ]),
            title: "Wazuh: {rule_description} | {agent_name} | {artifact}".to_owned(),
            description: DescriptionForm::Sections,
            source: "wazuh".to_owned(),
            note: "Via custom-iris integration".to_owned(),
            tags: words(&[
                "wazuh",
                "rule-{rule_id}",
                "agent-{agent_name}",
                "eid-{event_id}",
                "mitre-{mitre_id}",
                "ext-{extension}",
                "ai-pending",
            ]),
            ioc_maximum: 0,
            asset_maximum: 0,
            source_content_limit: 40_000,
            context: false,
            ..Self::alertbridge()
        }
    }

    /// The severity of a rule level. Where no threshold is low enough, the lowest counts.
    pub(crate) fn severity(&self, level: u32) -> &str {
        let found = self.severities.iter().find(|(lowest, _)| level >= *lowest);
        found
            .or(self.severities.last())
            .map_or("", |(_, name)| name)
    }
}

fn severities(table: &[(u32, &str)]) -> Vec<(u32, String)> {
    table
        .iter()
        .map(|(level, name)| (*level, (*name).to_owned()))
        .collect()
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_level_has_the_severity_the_job_asks_for() {
        let mapping = Mapping::of(&IrisConfig::default());
        for (levels, name) in [
            (0..=3, "Informational"),
            (4..=6, "Low"),
            (7..=9, "Medium"),
            (10..=12, "High"),
            (13..=16, "Critical"),
        ] {
            for level in levels {
                assert_eq!(mapping.severity(level), name, "level {level}");
            }
        }
    }

    #[test]
    fn a_written_key_wins_over_the_preset() {
        let config: IrisConfig = serde_json::from_str(
            r#"{"preset":"wazuh-blog","source":"SOC","severities":{"High":5},"extra_tags":["mine"]}"#,
        )
        .unwrap();
        let mapping = Mapping::of(&config);
        assert_eq!(mapping.source, "SOC");
        assert_eq!(mapping.tags, ["wazuh", "{agent_name}", "mine"]);
        assert_eq!((mapping.severity(3), mapping.severity(9)), ("High", "High"));
    }
}
