//! What a field is worth to a reader, by its path: the order in which fields are sent, and how much of each
//! (`facts/ai.md §3.4`).

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::PromptSettings;

/// The worth of a field. Greater comes later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Worth {
    /// Told before the data.
    Told(usize),
    /// Tells what happened.
    Core(usize, Size),
    /// The rest, smallest first.
    Other,
    /// The log line itself: only what the fields do not say.
    Log,
    /// Never of use: identities of processes and logons, lists of standards, technical numbers.
    Never,
}

/// Which limit a field has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Size {
    Core,
    Script,
    Difference,
}

impl Worth {
    /// Bytes at most. `foreign`: not of Wazuh's form, so nothing is known about what its fields are worth.
    pub fn limit(self, settings: &PromptSettings, foreign: bool) -> usize {
        match self {
            Self::Told(_) => settings.fact_bytes,
            Self::Core(_, Size::Core) => settings.core_bytes,
            Self::Core(_, Size::Script) => settings.script_bytes,
            Self::Core(_, Size::Difference) => settings.difference_bytes,
            Self::Other | Self::Never if foreign => settings.core_bytes,
            Self::Other | Self::Never => settings.other_bytes,
            Self::Log => settings.log_bytes,
        }
    }
}

const TOLD: [&str; 16] = [
    "rule.id",
    "rule.level",
    "rule.description",
    "rule.groups",
    "rule.mitre.id",
    "rule.mitre.technique",
    "rule.mitre.tactic",
    "rule.firedtimes",
    "rule.frequency",
    "agent.name",
    "agent.ip",
    "agent.id",
    "timestamp",
    "decoder.name",
    "location",
    "title",
];

/// Without `data.`, in lower case.
const CORE: &[&str] = &[
    "win.system.eventid",
    "win.system.channel",
    "win.system.computer",
    "win.eventdata.image",
    "win.eventdata.commandline",
    "win.eventdata.parentimage",
    "win.eventdata.parentcommandline",
    "win.eventdata.user",
    "win.eventdata.parentuser",
    "win.eventdata.integritylevel",
    "win.eventdata.hashes",
    "win.eventdata.targetfilename",
    "win.eventdata.targetobject",
    "win.eventdata.details",
    "win.eventdata.destinationip",
    "win.eventdata.destinationport",
    "win.eventdata.destinationhostname",
    "win.eventdata.queryname",
    "win.eventdata.queryresults",
    "win.eventdata.sourceimage",
    "win.eventdata.targetimage",
    "win.eventdata.grantedaccess",
    "win.eventdata.calltrace",
    "win.eventdata.imageloaded",
    "win.eventdata.signed",
    "win.eventdata.signature",
    "win.eventdata.originalfilename",
    "win.eventdata.currentdirectory",
    "win.eventdata.pipename",
    "win.eventdata.subjectusername",
    "win.eventdata.subjectdomainname",
    "win.eventdata.targetusername",
    "win.eventdata.targetdomainname",
    "win.eventdata.logontype",
    "win.eventdata.ipaddress",
    "win.eventdata.workstationname",
    "win.eventdata.authenticationpackagename",
    "win.eventdata.status",
    "win.eventdata.substatus",
    "win.eventdata.servicename",
    "win.eventdata.imagepath",
    "win.eventdata.taskname",
    "win.eventdata.taskcontent",
    "win.eventdata.sharename",
    "win.eventdata.relativetargetname",
    "win.eventdata.privilegelist",
    "win.eventdata.threat name",
    "srcip",
    "srcport",
    "dstip",
    "dstport",
    "srcuser",
    "dstuser",
    "url",
    "http.user_agent",
    "protocol",
    "status",
    "action",
    "command",
    "src_ip",
    "src_port",
    "dest_ip",
    "dest_port",
    "proto",
    "app_proto",
    "alert.signature",
    "alert.category",
    "alert.severity",
    "http.hostname",
    "http.url",
    "http.http_user_agent",
    "http.http_method",
    "http.status",
    "dns.query.rrname",
    "dns.rrname",
    "tls.sni",
    "tls.subject",
    "ssh.client.software_version",
    "fileinfo.filename",
    "audit.exe",
    "audit.command",
    "audit.execve",
    "audit.cwd",
    "audit.auid",
    "audit.key",
    "audit.success",
    "audit.file.name",
    "syscheck.path",
    "syscheck.event",
    "syscheck.value_name",
    "syscheck.sha256_after",
    "syscheck.uname_after",
    "syscheck.changed_attributes",
    "vulnerability.cve",
    "vulnerability.severity",
    "vulnerability.package.name",
    "vulnerability.package.version",
    "vulnerability.score.base",
    "vulnerability.title",
    "virustotal.positives",
    "virustotal.total",
    "virustotal.permalink",
    "virustotal.source.file",
    "title",
    "description",
];

/// The last parts of paths that matter in clouds' alerts, below these roots.
const CLOUDS: [&str; 4] = ["aws.", "azure.", "office365.", "gcp."];
const CLOUD_PARTS: [&str; 22] = [
    "eventname",
    "eventsource",
    "arn",
    "sourceipaddress",
    "errorcode",
    "errormessage",
    "operation",
    "userid",
    "clientip",
    "actoripaddress",
    "useragent",
    "title",
    "type",
    "severity",
    "description",
    "resultstatus",
    "operationname",
    "calleripaddress",
    "principalemail",
    "methodname",
    "callerip",
    "username",
];

const NEVER: &[&str] = &[
    "id",
    "input.type",
    "rule.mail",
    "rule.info",
    "decoder.parent",
    "predecoder.timestamp",
    "@timestamp",
    "@version",
    "win.system.keywords",
    "win.system.opcode",
    "win.system.providerguid",
    "win.system.version",
    "win.system.task",
    "win.system.level",
    "win.system.eventrecordid",
    "win.system.processid",
    "win.system.threadid",
    "win.system.systemtime",
    "win.system.severityvalue",
    "win.eventdata.utctime",
    "win.eventdata.terminalsessionid",
    "audit.id",
];
/// Everything below these.
const NEVER_UNDER: [&str; 10] = [
    "manager.",
    "input.",
    "cluster.",
    "rule.pci_dss",
    "rule.gdpr",
    "rule.hipaa",
    "rule.nist_800_53",
    "rule.tsc",
    "rule.gpg13",
    "rule.cis",
];
const LOGS: [&str; 6] = [
    "full_log",
    "win.system.message",
    "previous_output",
    "previous_log",
    "message",
    "event.original",
];

static KNOWN: LazyLock<HashMap<&'static str, Worth>> = LazyLock::new(|| {
    let core = (0..)
        .zip(CORE)
        .map(|(place, path)| (*path, Worth::Core(place, Size::Core)));
    let told = (0..)
        .zip(TOLD)
        .map(|(place, path)| (path, Worth::Told(place)));
    let never = NEVER.iter().map(|path| (*path, Worth::Never));
    let logs = LOGS.iter().map(|path| (*path, Worth::Log));
    let sizes = [
        (
            "win.eventdata.scriptblocktext",
            Worth::Core(4, Size::Script),
        ),
        (
            "win.eventdata.payload",
            Worth::Core(CORE.len(), Size::Script),
        ),
        ("syscheck.diff", Worth::Core(CORE.len(), Size::Difference)),
    ];
    core.chain(never)
        .chain(logs)
        .chain(told)
        .chain(sizes)
        .collect()
});

static PARTS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    let paths = KNOWN.keys().copied().chain(NEVER_UNDER);
    paths
        .flat_map(|path| path.split('.'))
        .chain(["data", "labels"])
        .collect()
});

/// Whether a key is part of the form of an alert. Such a key is no name, even where a user is called so.
pub(super) fn is_form(key: &str) -> bool {
    PARTS.contains(&*key.to_ascii_lowercase())
}

/// What the field at this path is worth.
pub(super) fn of(path: &str) -> Worth {
    let lower = path.to_ascii_lowercase();
    // `data.id` is a web server's status code, `id` the alert's own number.
    if let Some(worth) = KNOWN
        .get(&*lower)
        .filter(|worth| !matches!(worth, Worth::Core(..)))
    {
        return *worth;
    }
    let below = lower.strip_prefix("data.").unwrap_or(&lower);
    match KNOWN.get(below) {
        Some(Worth::Told(_)) => {}
        Some(Worth::Never) if below != lower && !below.contains('.') => {}
        Some(worth) => return *worth,
        None => {}
    }
    if NEVER_UNDER.iter().any(|root| lower.starts_with(root))
        || below.starts_with("win.") && below.ends_with("guid")
    {
        return Worth::Never;
    }
    if lower.starts_with("agent.labels") {
        return Worth::Told(TOLD.len());
    }
    let part = last(below);
    let after = below.starts_with("audit.execve.")
        || CLOUDS.iter().any(|root| below.starts_with(root)) && CLOUD_PARTS.contains(&part);
    if after {
        Worth::Core(CORE.len(), Size::Core)
    } else {
        Worth::Other
    }
}

/// The last part of a path.
pub(super) fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// Of several hashes of one file the one that is searched for; anything else as it is.
pub(super) fn one_hash<'a>(path: &str, text: &'a str) -> &'a str {
    if !last(path).eq_ignore_ascii_case("hashes") {
        return text;
    }
    text.split(',')
        .find(|hash| {
            hash.trim_start()
                .get(..7)
                .is_some_and(|name| name.eq_ignore_ascii_case("sha256="))
        })
        .map_or(text, str::trim)
}

/// Whether a field says nothing.
pub(super) fn is_empty(text: &str) -> bool {
    text.chars()
        .all(|letter| letter.is_whitespace() || letter == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_worth_what_the_table_says_with_and_without_data() {
        for path in [
            "data.win.eventdata.commandLine",
            "win.eventdata.commandLine",
            "data.srcip",
            "srcip",
            "data.aws.userIdentity.arn",
            "syscheck.path",
        ] {
            assert!(matches!(of(path), Worth::Core(_, Size::Core)), "{path}");
        }
        for path in [
            "id",
            "manager.name",
            "rule.pci_dss",
            "data.win.eventdata.parentProcessGuid",
            "data.win.system.keywords",
        ] {
            assert_eq!(of(path), Worth::Never, "{path}");
        }
        assert_eq!(of("rule.id"), Worth::Told(0));
        assert_eq!(of("data.id"), Worth::Other);
        assert_eq!(of("full_log"), Worth::Log);
        assert!(matches!(
            of("data.win.eventdata.scriptBlockText"),
            Worth::Core(_, Size::Script)
        ));
    }

    #[test]
    fn of_a_files_hashes_one_is_sent() {
        assert_eq!(one_hash("a.hashes", "MD5=1,SHA256=2,IMPHASH=3"), "SHA256=2");
        assert_eq!(one_hash("a.hashes", "MD5=1"), "MD5=1");
        assert_eq!(one_hash("a.b", "MD5=1,SHA256=2"), "MD5=1,SHA256=2");
    }
}
