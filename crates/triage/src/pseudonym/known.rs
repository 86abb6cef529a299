//! Names that everybody has, and the fields that hold names.

/// Accounts and domains that say nothing about who it was, in lower case.
const EVERYBODY: &[&str] = &[
    "system",
    "local service",
    "network service",
    "anonymous logon",
    "anonymous",
    "administrator",
    "administrators",
    "admin",
    "guest",
    "guests",
    "defaultaccount",
    "wdagutilityaccount",
    "krbtgt",
    "everyone",
    "users",
    "authenticated users",
    "interactive",
    "self",
    "creator owner",
    "trustedinstaller",
    "nt authority",
    "nt-autorit\u{e4}t",
    "nt-authority",
    "autorite nt",
    "autorit\u{e9} nt",
    "nt service",
    "nt virtual machine",
    "iis apppool",
    "builtin",
    "vordefiniert",
    "window manager",
    "font driver host",
    "workgroup",
    "localhost",
    "localdomain",
    "localhost.localdomain",
    "local",
    "unknown",
    "none",
    "null",
    "(null)",
    "n/a",
    "na",
    "any",
    "all",
    "default",
    "default user",
    "public",
    "all users",
    "defaultappool",
    "root",
    "daemon",
    "bin",
    "sys",
    "sync",
    "games",
    "man",
    "lp",
    "mail",
    "news",
    "uucp",
    "proxy",
    "www-data",
    "backup",
    "list",
    "irc",
    "gnats",
    "nobody",
    "nogroup",
    "sshd",
    "ntp",
    "dnsmasq",
    "messagebus",
    "syslog",
    "uuidd",
    "tcpdump",
    "landscape",
    "pollinate",
    "lxd",
    "polkitd",
    "rtkit",
    "avahi",
    "colord",
    "gdm",
    "lightdm",
    "postfix",
    "dovecot",
    "named",
    "bind",
    "rpc",
    "rpcuser",
    "tss",
    "chrony",
    "postgres",
    "mysql",
    "mariadb",
    "mongodb",
    "redis",
    "elasticsearch",
    "apache",
    "apache2",
    "nginx",
    "http",
    "httpd",
    "tomcat",
    "jenkins",
    "git",
    "ftp",
    "nfsnobody",
    "ossec",
    "wazuh",
    "wazuh-indexer",
    "wazuh-dashboard",
    "operator",
    "halt",
    "shutdown",
    "adm",
    "true",
    "false",
    "yes",
    "no",
    "user",
    "username",
    "invalid",
    "sa",
    "oracle",
    "-",
    "--",
    "?",
    "*",
    ".",
    "0",
    "domain",
];
/// Beginnings of such accounts.
const EVERYBODY_BEGINS: [&str; 4] = ["systemd-", "dwm-", "umfd-", "_apt"];

/// Last parts of paths whose value is a user, in lower case.
const USERS: &[&str] = &[
    "user",
    "username",
    "user_name",
    "srcuser",
    "dstuser",
    "subjectusername",
    "targetusername",
    "parentuser",
    "sourceuser",
    "targetuser",
    "samaccountname",
    "account",
    "accountname",
    "acct",
    "userid",
    "owner",
    "uname",
    "uname_before",
    "uname_after",
    "uname_old",
    "loginuser",
    "login",
    "logname",
    "logonname",
    "ruser",
    "euser",
    "suser",
    "duser",
    "actor",
    "principal",
    "userprincipalname",
    "targetoutboundusername",
    "login_user",
    "clientuser",
    "clientusername",
    "requester",
    "initiatedby",
    "oldtargetusername",
    "newtargetusername",
    "membername",
    "displayname",
    "actoremail",
    "principalemail",
    "who",
];
/// ... is a host.
const HOSTS: &[&str] = &[
    "computer",
    "computername",
    "hostname",
    "host",
    "workstationname",
    "workstation",
    "sourcehostname",
    "clientname",
    "dnshostname",
    "servername",
    "targetservername",
    "machinename",
    "devicename",
    "agent_name",
    "agentname",
    "host_name",
    "src_host",
    "dvchost",
    "devicehostname",
    "sourcehost",
    "sourceworkstation",
];
/// Whole paths of hosts.
const HOST_PATHS: [&str; 3] = ["agent.name", "manager.name", "predecoder.hostname"];
/// ... is a Windows domain.
const DOMAINS: &[&str] = &[
    "subjectdomainname",
    "targetdomainname",
    "userdomain",
    "targetoutbounddomainname",
    "samdomain",
    "domainname",
    "user_domain",
    "ntdomain",
];
/// ... may be an internal host, or one of the internet.
const PERHAPS_HOSTS: [&str; 4] = ["destinationhostname", "dsthost", "dst_host", "targethost"];

/// Endings of domains that no one reaches from outside.
const INTERNAL: [&str; 12] = [
    "local",
    "lan",
    "internal",
    "intranet",
    "corp",
    "home",
    "localdomain",
    "private",
    "intra",
    "ad",
    "domain",
    "home.arpa",
];

/// Which name a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    User,
    Host,
    PerhapsHost,
    Domain,
    Nothing,
}

/// Which name the field at this path holds.
pub(super) fn holds(path: &str) -> Holds {
    let path = path.to_ascii_lowercase();
    let part = path.rsplit('.').next().unwrap_or(&path);
    let is = |names: &[&str]| names.contains(&part);
    if HOST_PATHS
        .iter()
        .any(|whole| path == *whole || path.strip_prefix("data.") == Some(whole))
        || is(HOSTS)
    {
        // In a web request `http.hostname` is the site that was called.
        return if path.contains("http.") || path.contains("tls.") {
            Holds::PerhapsHost
        } else {
            Holds::Host
        };
    }
    match () {
        () if is(USERS) => Holds::User,
        () if is(DOMAINS) => Holds::Domain,
        () if is(&PERHAPS_HOSTS) => Holds::PerhapsHost,
        () => Holds::Nothing,
    }
}

/// Whether everybody has this name.
pub(super) fn is_everybody(name: &str) -> bool {
    let lower = name.trim().to_lowercase();
    EVERYBODY.contains(&&*lower)
        || EVERYBODY_BEGINS
            .iter()
            .any(|begin| lower.starts_with(begin))
}

/// Whether a domain is one of ours for sure.
pub(super) fn is_internal(domain: &str) -> bool {
    let lower = domain.trim_end_matches('.').to_ascii_lowercase();
    INTERNAL.iter().any(|end| {
        lower
            .strip_suffix(end)
            .is_some_and(|rest| rest.ends_with('.'))
    })
}
