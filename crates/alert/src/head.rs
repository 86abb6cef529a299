//! The fields of an alert that decisions, titles and descriptions are made of (facts/wazuh.md §3).

use crate::{Malformed, lenient::Fields, surrogates::repaired};

/// What the alert says about itself. Every field may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// `<epoch seconds>.<byte offset>`, unique per node.
    pub id: Option<String>,
    /// As written: `2026-11-21T08:26:17.096+0000`, not RFC 3339.
    pub timestamp: Option<String>,
    /// `rule.level`, 0 where missing.
    pub level: u32,
    /// `rule.id`.
    pub rule_id: Option<String>,
    /// `rule.description`.
    pub rule_description: Option<String>,
    /// `rule.groups`, spaces kept (stock rules have groups with a leading space).
    pub rule_groups: Vec<String>,
    /// `rule.mitre`.
    pub mitre: Mitre,
    /// `agent`; empty for agentless alerts.
    pub agent: Agent,
    /// `manager.name`.
    pub manager: Option<String>,
    /// `cluster.node`.
    pub cluster_node: Option<String>,
    /// `location`: where the event was read.
    pub location: Option<String>,
    /// `decoder.name`.
    pub decoder: Option<String>,
    /// `full_log`: the event as it was logged.
    pub full_log: Option<String>,
}

/// `rule.mitre`. `tactics` is deduplicated by Wazuh and so not parallel to `ids`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mitre {
    /// `T1548.003`.
    pub ids: Vec<String>,
    /// `Privilege Escalation`.
    pub tactics: Vec<String>,
    /// `Sudo and Sudo Caching`.
    pub techniques: Vec<String>,
}

/// `agent`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agent {
    /// `001`; `000` is the manager.
    pub id: Option<String>,
    /// The agent's name.
    pub name: Option<String>,
    /// Missing where the agent registered with `any`.
    pub ip: Option<String>,
    /// `agent.labels`, nested ones with dotted names.
    pub labels: Vec<(String, String)>,
    /// `agent.groups` or `agent.group`. Wazuh 4.x does not write it; findings of 5.0 do (facts/wazuh.md §5).
    pub groups: Vec<String>,
}

impl Head {
    pub(crate) fn parse(text: &str) -> Result<Self, Malformed> {
        match Self::parse_strictly(text) {
            Err(Malformed::NotJson(_)) => Self::parse_strictly(&repaired(text)),
            parsed => parsed,
        }
    }

    fn parse_strictly(text: &str) -> Result<Self, Malformed> {
        let trimmed = text.trim_start();
        if trimmed.is_empty() {
            return Err(Malformed::Empty);
        }
        let alert = match Fields::parse(text) {
            Ok(alert) => alert,
            Err(error) if trimmed.starts_with('{') => {
                return Err(Malformed::NotJson(error.to_string()));
            }
            Err(error) => {
                return Err(match serde_json::from_str::<serde::de::IgnoredAny>(text) {
                    Ok(_) => Malformed::NotAnObject,
                    Err(_) => Malformed::NotJson(error.to_string()),
                });
            }
        };
        let rule = alert.object("rule");
        let mitre = rule.object("mitre");
        let agent = alert.object("agent");
        let mut agent_groups = agent.list("groups");
        agent_groups.extend(agent.list("group"));
        Ok(Self {
            id: alert.text("id"),
            timestamp: alert.text("timestamp"),
            level: rule.level("level").unwrap_or(0),
            rule_id: rule.text("id"),
            rule_description: rule.text("description"),
            rule_groups: rule.list("groups"),
            mitre: Mitre {
                ids: mitre.list("id"),
                tactics: mitre.list("tactic"),
                techniques: mitre.list("technique"),
            },
            agent: Agent {
                id: agent.text("id"),
                name: agent.text("name"),
                ip: agent.text("ip"),
                labels: agent.leaves("labels"),
                groups: agent_groups,
            },
            manager: alert.object("manager").text("name"),
            cluster_node: alert.object("cluster").text("node"),
            location: alert.text("location"),
            decoder: alert.object("decoder").text("name"),
            full_log: alert.text("full_log"),
        })
    }

    /// The node that wrote the alert: cluster node, else manager, else `unknown`.
    pub fn node(&self) -> &str {
        self.cluster_node
            .as_deref()
            .or(self.manager.as_deref())
            .unwrap_or("unknown")
    }
}
