//! Which family an alert belongs to: by its fields first, by rule groups where they do not say (facts/wazuh.md §3, §8).
//!
//! Groups alone would not do: a child rule does not inherit those of its parent, and their spelling differs from ruleset to ruleset.

use super::{family::Family, tables};
use crate::{
    path::{Path, at},
    view::AlertView,
};

type Found = Option<&'static Family>;

pub(super) fn family_of(view: &AlertView<'_>) -> &'static Family {
    let found = of_syscheck(view)
        .or_else(|| of_windows(view))
        .or_else(|| of_scans(view))
        .or_else(|| of_cloud(view))
        .or_else(|| of_audit(view))
        .or_else(|| of_traffic(view))
        .or_else(|| of_groups(view))
        .or_else(|| of_connection(view));
    match found {
        Some(family) => family,
        None if view.has(at!("data.win")) => &tables::WINDOWS,
        None => &tables::OTHER,
    }
}

fn of_syscheck(view: &AlertView<'_>) -> Found {
    let path = view.text(at!("syscheck.path"))?;
    let is_registry = path.starts_with("HKEY_") || view.has(at!("syscheck.value_name"));
    Some(if is_registry {
        &tables::REGISTRY
    } else {
        &tables::FILE
    })
}

fn of_windows(view: &AlertView<'_>) -> Found {
    let [event, channel, provider] = if view.has(at!("data.win")) {
        [
            at!("data.win.system.eventID"),
            at!("data.win.system.channel"),
            at!("data.win.system.providerName"),
        ]
    } else if view.has(at!("data.eventdata")) || view.has(at!("data.sysmon")) {
        // Sysmon for Linux has no `win`; the decoder of old Windows agents has `sysmon`.
        [
            at!("data.system.eventID"),
            at!("data.system.channel"),
            at!("data.system.providerName"),
        ]
    } else {
        return None;
    };
    let [event, channel, provider] =
        [event, channel, provider].map(|path| view.text(path).unwrap_or_default());
    let event = event.parse().ok();
    let is_sysmon = contains(channel, "sysmon") || contains(provider, "sysmon");
    match event {
        Some(event) if is_sysmon => of_sysmon(event),
        Some(event)
            if channel.eq_ignore_ascii_case("security")
                || contains(provider, "security-auditing") =>
        {
            of_security(event)
        }
        Some(7030..=7045) if contains(provider, "service control manager") => {
            Some(&tables::SERVICE)
        }
        Some(4103 | 4104) if contains(provider, "powershell") => Some(&tables::SCRIPT),
        // No event id, or nobody to say whose it is.
        Some(_) if !channel.is_empty() || !provider.is_empty() => None,
        _ => of_sysmon(sysmon_event_of_groups(view)?),
    }
}

/// `sysmon_event1`, `sysmon_event_11`, `sysmon_eid7_detections`.
fn sysmon_event_of_groups(view: &AlertView<'_>) -> Option<u32> {
    view.head().rule_groups.iter().find_map(|group| {
        let group = group.trim();
        if group == "sysmon_process-anomalies" {
            return Some(1);
        }
        let rest = group.strip_prefix("sysmon_e")?;
        let digits = rest
            .strip_prefix("vent_")
            .or_else(|| rest.strip_prefix("vent"))
            .or_else(|| rest.strip_prefix("id")?.strip_suffix("_detections"))?;
        digits.parse().ok()
    })
}

fn of_sysmon(event: u32) -> Found {
    Some(match event {
        1 => &tables::PROCESS,
        3 => &tables::NETWORK,
        6 | 7 => &tables::IMAGE_LOAD,
        8 | 10 | 25 => &tables::PROCESS_ACCESS,
        2 | 9 | 11 | 15 | 23 | 26..=29 => &tables::FILE,
        12..=14 => &tables::REGISTRY,
        17 | 18 => &tables::PIPE,
        19..=21 => &tables::WMI,
        22 => &tables::DNS,
        _ => return None,
    })
}

fn of_security(event: u32) -> Found {
    Some(match event {
        4688 => &tables::PROCESS,
        4624 | 4648 | 4778 => &tables::LOGIN,
        4625 | 4740 | 4768..=4777 => &tables::AUTHENTICATION,
        4656 | 4658 | 4660 | 4663 | 4670 => &tables::FILE,
        4657 => &tables::REGISTRY,
        4697..=4702 => &tables::SERVICE,
        4720..=4739 | 4741..=4767 | 4780..=4782 => &tables::ACCOUNT,
        5140 | 5142..=5145 => &tables::SHARE,
        5150..=5159 => &tables::NETWORK,
        _ => return None,
    })
}

fn of_scans(view: &AlertView<'_>) -> Found {
    let is_rootcheck = || {
        let head = view.head();
        head.decoder.as_deref() == Some("rootcheck")
            || head.location.as_deref() == Some("rootcheck")
    };
    if view.has(at!("data.vulnerability.cve")) {
        Some(&tables::VULNERABILITY)
    } else if view.has(at!("data.sca")) {
        Some(&tables::SCA)
    } else if view.has(at!("data.osquery")) {
        Some(&tables::OSQUERY)
    } else if view.has(at!("data.title")) && (is_rootcheck() || has_group(view, "rootcheck")) {
        Some(&tables::ROOTCHECK)
    } else {
        None
    }
}

fn of_cloud(view: &AlertView<'_>) -> Found {
    // Each has its own object in `data`; `data.integration` only says so once more.
    let objects: [(Path<'_>, &'static Family); 10] = [
        (at!("data.aws"), &tables::AWS),
        (at!("data.gcp"), &tables::GCP),
        (at!("data.office365"), &tables::OFFICE365),
        (at!("data.ms-graph"), &tables::MS_GRAPH),
        (at!("data.github"), &tables::GITHUB),
        (at!("data.docker"), &tables::DOCKER),
        (at!("data.virustotal"), &tables::VIRUSTOTAL),
        (at!("data.virustotal_ip"), &tables::VIRUSTOTAL),
        (at!("data.azure_tag"), &tables::AZURE),
        (at!("data.azure_storage_tag"), &tables::AZURE),
    ];
    if let Some((_, family)) = objects.iter().find(|(object, _)| view.has(*object)) {
        return Some(family);
    }
    let is_lake = view.text(at!("data.cloud.provider")) == Some("AWS");
    is_lake.then_some(&tables::AWS)
}

fn of_audit(view: &AlertView<'_>) -> Found {
    if !view.has(at!("data.audit")) {
        return None;
    }
    Some(if view.has(at!("data.audit.execve")) {
        &tables::COMMAND
    } else if view.has(at!("data.audit.file.name")) || view.has(at!("data.audit.directory.name")) {
        &tables::FILE
    } else {
        &tables::AUDIT
    })
}

fn of_traffic(view: &AlertView<'_>) -> Found {
    if view.has(at!("data.alert.signature_id")) || view.has(at!("data.alert.signature")) {
        Some(&tables::IDS)
    } else if view.has(at!("data.dns")) || view.text(at!("data.bro_engine")) == Some("DNS") {
        Some(&tables::DNS)
    } else {
        None
    }
}

fn of_groups(view: &AlertView<'_>) -> Found {
    let has = |wanted: &[&str]| wanted.iter().any(|group| has_group(view, group));
    let decoder = view.head().decoder.as_deref().unwrap_or_default();
    let is_login = has(&["authentication_success"]);
    let failures = [
        "authentication_failed",
        "authentication_failures",
        "invalid_login",
        "win_authentication_failed",
        "multiple_authentication_failures",
    ];
    if has(&failures) || (decoder == "sshd" && !is_login && view.has(at!("data.srcip"))) {
        Some(&tables::AUTHENTICATION)
    } else if is_login {
        Some(&tables::LOGIN)
    } else if has(&["web", "accesslog", "WAF", "web_scan"]) || decoder.starts_with("web-accesslog")
    {
        Some(&tables::WEB)
    } else if has(&["active_response"]) || decoder == "ar_log" || decoder == "ar_log_json" {
        Some(&tables::ACTIVE_RESPONSE)
    } else if view.text(at!("data.id")).is_some() && has(&["ids"]) {
        Some(&tables::IDS)
    } else if view.has(at!("data.command")) {
        Some(&tables::COMMAND)
    } else {
        None
    }
}

/// A firewall's line: where to, and on which port.
fn of_connection(view: &AlertView<'_>) -> Found {
    let ends = [
        (at!("data.dstip"), at!("data.dstport")),
        (at!("data.dst_ip"), at!("data.dst_port")),
        (at!("data.dest_ip"), at!("data.dest_port")),
        (at!("data.id.resp_h"), at!("data.id.resp_p")),
    ];
    let has_both = ends
        .iter()
        .any(|(address, port)| view.has(*address) && view.has(*port));
    has_both.then_some(&tables::NETWORK)
}

fn has_group(view: &AlertView<'_>, wanted: &str) -> bool {
    view.head()
        .rule_groups
        .iter()
        .any(|group| group.trim() == wanted)
}

/// Whether a text holds a word in any case.
fn contains(text: &str, word: &str) -> bool {
    text.as_bytes()
        .windows(word.len())
        .any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
}
