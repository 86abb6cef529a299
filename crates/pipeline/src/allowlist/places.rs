//! Where in an alert each key of an allowlist entry looks. The table of `docs/silences.md` is held against this by a test.

/// A field, and whether upper and lower case are one in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) path: &'static str,
    pub(super) case: Case,
}

/// Whether upper and lower case are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    /// They are: Windows, names of hosts.
    Blind,
    /// They are where the pattern holds a backslash, so means a path of Windows. The field may hold paths of either system.
    ByPattern,
    /// They are not.
    Exact,
}

const fn blind(path: &'static str) -> Place {
    let case = Case::Blind;
    Place { path, case }
}

const fn by_pattern(path: &'static str) -> Place {
    let case = Case::ByPattern;
    Place { path, case }
}

const fn exact(path: &'static str) -> Place {
    let case = Case::Exact;
    Place { path, case }
}

/// The program that acted. Not its parent: an entry for an updater must not hide what it starts.
pub(super) const PROCESSES: &[Place] = &[
    blind("data.win.eventdata.image"),
    blind("data.win.eventdata.newProcessName"),
    blind("data.win.eventdata.processName"),
    blind("data.win.eventdata.sourceImage"),
    blind("data.sysmon.image"),
    exact("data.eventdata.image"),
    exact("data.audit.exe"),
    by_pattern("syscheck.audit.process.name"),
];

/// How it was called.
pub(super) const COMMAND_LINES: &[Place] = &[
    blind("data.win.eventdata.commandLine"),
    exact("data.eventdata.commandLine"),
    exact("data.command"),
];

/// The file something was done to.
pub(super) const TARGET_FILES: &[Place] = &[
    blind("data.win.eventdata.targetFilename"),
    blind("data.win.eventdata.objectName"),
    exact("data.eventdata.targetFilename"),
    by_pattern("syscheck.path"),
    exact("data.audit.file.name"),
    by_pattern("data.virustotal.source.file"),
    by_pattern("data.file"),
];

/// Hashes, alone or as `SHA1=…,MD5=…`.
pub(super) const HASHES: &[Place] = &[
    blind("data.win.eventdata.hashes"),
    blind("data.win.eventdata.hash"),
    blind("data.eventdata.hashes"),
    blind("data.sysmon.hash"),
    blind("syscheck.md5_after"),
    blind("syscheck.sha1_after"),
    blind("syscheck.sha256_after"),
    blind("data.virustotal.source.md5"),
    blind("data.virustotal.source.sha1"),
];

/// Names that were looked up or called.
pub(super) const DOMAINS: &[Place] = &[
    blind("data.win.eventdata.queryName"),
    blind("data.win.eventdata.destinationHostname"),
    blind("data.eventdata.queryName"),
    blind("data.eventdata.destinationHostname"),
    blind("data.dns.rrname"),
    blind("data.dns.query.rrname"),
    blind("data.http.hostname"),
    blind("data.tls.sni"),
    blind("data.query"),
    blind("data.ClientRequestHost"),
];

/// Addresses at either end.
pub(super) const NETWORKS: &[&str] = &[
    "data.srcip",
    "data.dstip",
    "data.src_ip",
    "data.dst_ip",
    "data.dest_ip",
    "data.win.eventdata.ipAddress",
    "data.win.eventdata.sourceIp",
    "data.win.eventdata.destinationIp",
    "data.eventdata.sourceIp",
    "data.eventdata.destinationIp",
    "data.id.orig_h",
    "data.id.resp_h",
    "data.remote_ip",
    "data.aws.remote_ip",
    "data.aws.sourceIPAddress",
    "data.office365.ClientIP",
    "data.gcp.protoPayload.requestMetadata.callerIp",
    "data.ClientIP",
];

/// Which agent. Names in any case.
pub(super) const AGENTS: &[Place] = &[exact("agent.id"), blind("agent.name")];

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = include_str!("../../../../docs/silences.md");

    #[test]
    fn the_documents_table_of_fields_is_this_one() {
        let paths = |places: &[Place]| places.iter().map(|place| place.path).collect::<Vec<_>>();
        for (key, paths) in [
            ("processes", paths(PROCESSES)),
            ("command_lines", paths(COMMAND_LINES)),
            ("target_files", paths(TARGET_FILES)),
            ("hashes", paths(HASHES)),
            ("networks", NETWORKS.to_vec()),
            ("domains", paths(DOMAINS)),
            ("agents", paths(AGENTS)),
        ] {
            let row = format!("| `{key}` | `{}` |\n", paths.join("`, `"));
            assert!(
                DOCUMENT.contains(&row),
                "docs/silences.md should hold:\n{row}"
            );
        }
    }
}
