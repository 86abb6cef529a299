//! What scans and look-ups find.

use super::{FILES, USERS};
use crate::folding::family::{Family, blind, same};

pub(in crate::folding) static VULNERABILITY: Family = Family {
    name: "vulnerability",
    key: &[
        blind(&["data.vulnerability.cve"]),
        same(&["data.vulnerability.package.name"]),
        blind(&["data.vulnerability.status"]),
    ],
    collected: &[("versions", &["data.vulnerability.package.version"])],
    has_rest: false,
};

pub(in crate::folding) static SCA: Family = Family {
    name: "configuration check",
    key: &[
        same(&["data.sca.type"]),
        same(&["data.sca.policy_id", "data.sca.policy"]),
        same(&["data.sca.check.id", "data.sca.check.title"]),
        blind(&["data.sca.check.result", "data.sca.check.status"]),
    ],
    collected: &[("scores", &["data.sca.score"])],
    has_rest: false,
};

pub(in crate::folding) static ROOTCHECK: Family = Family {
    name: "rootcheck",
    key: &[same(&["data.title"]), same(&["data.file"])],
    collected: &[],
    has_rest: false,
};

pub(in crate::folding) static OSQUERY: Family = Family {
    name: "osquery",
    key: &[same(&["data.osquery.name"]), same(&["data.osquery.action"])],
    collected: &[
        (FILES, &["data.osquery.columns.path"]),
        (
            USERS,
            &["data.osquery.columns.username", "data.osquery.columns.user"],
        ),
        ("names", &["data.osquery.columns.name"]),
    ],
    has_rest: false,
};

pub(in crate::folding) static VIRUSTOTAL: Family = Family {
    name: "VirusTotal",
    key: &[
        same(&[
            "data.virustotal.source.file",
            "data.virustotal_ip.source.ip",
        ]),
        blind(&[
            "data.virustotal.source.sha1",
            "data.virustotal.sha1",
            "data.virustotal.source.md5",
        ]),
        same(&["data.virustotal.malicious", "data.virustotal_ip.verdict"]),
        same(&["data.virustotal.error"]),
    ],
    collected: &[("detections", &["data.virustotal.positives"])],
    has_rest: false,
};
