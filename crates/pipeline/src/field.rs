//! The name of an alert's field: `rule.id`, `data.win.eventdata.image`.

use std::fmt;

use crate::path::{Path, PathHash};

/// Bytes. Names of real fields are far below; it bounds how deep a search goes.
const LONGEST: usize = 256;

/// A dotted path to a field.
///
/// At each step a key of the very same letters counts, and where the alert has none that leads to a value, keys that differ
/// in (ASCII) case. A key may hold dots itself: `labels.com.docker.service` finds `{"labels":{"com.docker.service":…}}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Field {
    path: Box<str>,
    hash: PathHash,
    pub(crate) head: Option<HeadField>,
}

/// Fields that [`Head`](alertbridge_alert::Head) has read already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum HeadField {
    AgentId,
    AgentIp,
    AgentName,
    ClusterNode,
    Decoder,
    FullLog,
    Location,
    Manager,
    MitreId,
    MitreTactic,
    MitreTechnique,
    RuleDescription,
    RuleGroups,
    RuleId,
    RuleLevel,
}

impl Field {
    /// `None` where the path is empty or longer than 256 bytes.
    pub fn new(path: &str) -> Option<Self> {
        if path.is_empty() || path.len() > LONGEST {
            return None;
        }
        let head = match path {
            "agent.id" => Some(HeadField::AgentId),
            "agent.ip" => Some(HeadField::AgentIp),
            "agent.name" => Some(HeadField::AgentName),
            "cluster.node" => Some(HeadField::ClusterNode),
            "decoder.name" => Some(HeadField::Decoder),
            "full_log" => Some(HeadField::FullLog),
            "location" => Some(HeadField::Location),
            "manager.name" => Some(HeadField::Manager),
            "rule.description" => Some(HeadField::RuleDescription),
            "rule.groups" => Some(HeadField::RuleGroups),
            "rule.id" => Some(HeadField::RuleId),
            "rule.level" => Some(HeadField::RuleLevel),
            "rule.mitre.id" => Some(HeadField::MitreId),
            "rule.mitre.tactic" => Some(HeadField::MitreTactic),
            "rule.mitre.technique" => Some(HeadField::MitreTechnique),
            _ => None,
        };
        Some(Self {
            path: path.into(),
            hash: Path::new(path).hash,
            head,
        })
    }

    /// The path as the operator wrote it.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The path with its hash, to look it up by.
    pub(crate) fn as_path(&self) -> Path<'_> {
        let hash = self.hash;
        Path {
            text: &self.path,
            hash,
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}
