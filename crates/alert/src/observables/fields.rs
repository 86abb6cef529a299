//! What a field holds, told by its name: the table of `docs/observables.md`.
//!
//! The same thing has another name with each decoder, so names are compared in lower case without separators: `dest_ip`,
//! `destIp` and `DestIP` are one. Addresses, URLs and e-mail addresses are recognised in any field by their form; a domain,
//! a hash or a file is not, so their fields are named here.

/// What is looked for in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Sysmon's `queryResults`: `type:  5 cdn.example;::ffff:203.0.113.7;`.
    Answers,
    /// A domain name, or an address in its place.
    Domain,
    /// A file's path or name.
    File,
    /// Hashes of a file.
    Hash,
    /// Nothing: what it holds is not of the event.
    Never,
    /// An address, a URL or an e-mail address, by its form.
    Plain,
    /// Anything, anywhere within: a command line, a script, a list of recipients.
    Text,
    /// A URL, a path of one with more inside, or `host:port`.
    Url,
}

/// A name in lower case without separators.
pub(super) fn plain(name: &str, into: &mut String) {
    into.clear();
    into.extend(
        name.chars()
            .take(64)
            .filter(|c| c.is_ascii_alphanumeric())
            .map(|c| c.to_ascii_lowercase()),
    );
}

/// Parts of an alert that are not looked at: what we or other services wrote about something else, and the same event again.
pub(super) fn is_skipped(depth: usize, parent: &str, key: &str) -> bool {
    match key {
        // Our own findings; a scanner's texts with links to advisories; checks of a benchmark.
        "opencti" | "misp" | "vulnerability" | "sca" | "cis" => depth == 1,
        // The computer's own name, and the whole event once more as text.
        "system" => parent == "win",
        // Hashes of TLS handshakes look like MD5; the instance that is attacked is the operator's.
        "ja3" | "ja3s" | "ja4" | "hassh" | "instancedetails" => true,
        _ => false,
    }
}

/// What is looked for under a name.
pub(super) fn class(parent: &str, key: &str) -> Class {
    if is_never(key) {
        return Class::Never;
    }
    match key {
        "queryresults" => Class::Answers,
        "answer"
        | "answers"
        | "destinationhostname"
        | "dhost"
        | "dnsname"
        | "domain"
        | "fqdn"
        | "host"
        | "hostname"
        | "httphost"
        | "qname"
        | "queryname"
        | "rdata"
        | "registereddomain"
        | "remotedomain"
        | "remotehost"
        | "remotehostname"
        | "rrname"
        | "servername"
        | "shost"
        | "sni"
        | "sourcehostname" => Class::Domain,
        "query" if parent != "eventdata" => Class::Domain,
        "name" if parent == "question" => Class::Domain,
        "data" if parent == "answers" => Class::Domain,
        "fullpath" | "exe" | "executable" | "file" | "filename" | "filepath" | "image"
        | "imageloaded" | "newprocessname" | "originalfilename" | "parentimage"
        | "parentprocessname" | "processname" | "processpath" | "sourceimage"
        | "targetfilename" | "targetimage" | "targetpath" => Class::File,
        "name" if parent == "file" => Class::File,
        "path"
            if matches!(
                parent,
                "syscheck" | "file" | "columns" | "process" | "eventdata"
            ) =>
        {
            Class::File
        }
        "args"
        | "argv"
        | "arguments"
        | "cmd"
        | "cmdline"
        | "command"
        | "commandline"
        | "contents"
        | "contextinfo"
        | "hostapplication"
        | "imagepath"
        | "initiatingprocesscommandline"
        | "parentcommandline"
        | "parentcmdline"
        | "payload"
        | "processcommandline"
        | "proctitle"
        | "scriptblocktext"
        | "servicefilename"
        | "taskcontent"
        | "ui" => Class::Text,
        "bcc" | "cc" | "from" | "mailfrom" | "rcptto" | "recipient" | "recipients" | "replyto"
        | "sender" | "to" => Class::Text,
        // Sysmon 13 and 19–21: a registry value, a WMI query, a consumer's command.
        "destination" | "details" | "query" if parent == "eventdata" => Class::Text,
        _ if parent == "execve" => Class::Text,
        "href" | "httprefer" | "httpreferer" | "httpreferrer" | "link" | "referer" | "referrer"
        | "refererurl" | "referrerurl" | "request" | "requesturi" | "requesturl" | "uri"
        | "url" => Class::Url,
        "full" | "original" if parent == "url" => Class::Url,
        _ if is_hash(key) => Class::Hash,
        _ => Class::Plain,
    }
}

fn is_hash(key: &str) -> bool {
    ["hash", "md5", "sha1", "sha256", "sha512"]
        .iter()
        .any(|word| key.contains(word))
}

fn is_never(key: &str) -> bool {
    // What a file was before it changed is not what it is now; a version may look like an address.
    key.ends_with("before")
        || key.contains("version")
        || key.contains("useragent")
        // Links to a console are the vendor's, not the attacker's.
        || key.ends_with("weburl")
        || matches!(
            key,
            "alertid" | "communityid" | "computer" | "fingerprint" | "imphash" | "netmask"
                | "permalink" | "reference" | "references" | "ssdeep" | "subnet" | "tlsh"
        )
}
