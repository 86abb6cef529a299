//! What scans and look-ups find.

use super::{FILES, USERS};
use crate::folding::family::{Family, blind, same};
use crate::path::at;

pub(in crate::folding) static VULNERABILITY: Family = Family {
    name: "vulnerability",
    key: &[
        blind(&[at!("data.vulnerability.cve")]),
        same(&[at!("data.vulnerability.package.name")]),
        blind(&[at!("data.vulnerability.status")]),
    ],
    collected: &[("versions", &[at!("data.vulnerability.package.version")])],
    has_rest: false,
};

pub(in crate::folding) static SCA: Family = Family {
    name: "configuration check",
    key: &[
        same(&[at!("data.sca.type")]),
        same(&[at!("data.sca.policy_id"), at!("data.sca.policy")]),
        same(&[at!("data.sca.check.id"), at!("data.sca.check.title")]),
        blind(&[at!("data.sca.check.result"), at!("data.sca.check.status")]),
    ],
    collected: &[("scores", &[at!("data.sca.score")])],
    has_rest: false,
};

pub(in crate::folding) static ROOTCHECK: Family = Family {
    name: "rootcheck",
    key: &[same(&[at!("data.title")]), same(&[at!("data.file")])],
    collected: &[],
    has_rest: false,
};

pub(in crate::folding) static OSQUERY: Family = Family {
    name: "osquery",
    key: &[
        same(&[at!("data.osquery.name")]),
        same(&[at!("data.osquery.action")]),
    ],
    collected: &[
        (FILES, &[at!("data.osquery.columns.path")]),
        (
            USERS,
            &[
                at!("data.osquery.columns.username"),
                at!("data.osquery.columns.user"),
            ],
        ),
        ("names", &[at!("data.osquery.columns.name")]),
    ],
    has_rest: false,
};

pub(in crate::folding) static VIRUSTOTAL: Family = Family {
    name: "VirusTotal",
    key: &[
        same(&[
            at!("data.virustotal.source.file"),
            at!("data.virustotal_ip.source.ip"),
        ]),
        blind(&[
            at!("data.virustotal.source.sha1"),
            at!("data.virustotal.sha1"),
            at!("data.virustotal.source.md5"),
        ]),
        same(&[
            at!("data.virustotal.malicious"),
            at!("data.virustotal_ip.verdict"),
        ]),
        same(&[at!("data.virustotal.error")]),
    ],
    collected: &[("detections", &[at!("data.virustotal.positives")])],
    has_rest: false,
};
