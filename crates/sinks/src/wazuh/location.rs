//! Where analysisd shall say that an event comes from: `opencti`, or `[003] (web01) 10.0.0.3->opencti` for an agent's alert.
//!
//! analysisd takes a location apart at `:`, `)` and `->`: a colon that is not escaped (an IPv6 agent) makes it drop the event without
//! a word, the others make a wrong agent of it (facts/wazuh.md §4).

use std::net::IpAddr;

use alertbridge_alert::Agent;

use crate::iris::safe_text::{Changes, clean, head_of};

/// The name all events have: rules and dashboards look for it.
pub(crate) const NAME: &str = "opencti";

/// `1:<location>:`, what a datagram begins with.
pub(crate) fn head(agent: &Agent, changes: &mut Changes) -> String {
    let id = agent.id.as_deref().unwrap_or_default();
    let is_agent = (1..=20).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_digit())
        && id.bytes().any(|byte| byte != b'0');
    let Some(name) = agent.name.as_deref().filter(|_| is_agent) else {
        return format!("1:{NAME}:");
    };
    let mut unused = Changes::default();
    let plain = clean(head_of(name, 256), &mut unused)
        .replace([')', '\n', '\t'], "_")
        .replace("->", "-_");
    if plain != name {
        changes.add("agent_name_changed");
    }
    let ip = agent
        .ip
        .as_deref()
        .and_then(|ip| ip.trim().parse::<IpAddr>().ok());
    let ip = ip.map_or("any".to_owned(), |ip| ip.to_string());
    let from = format!("[{id}] ({plain}) {ip}")
        .replace('|', "||")
        .replace(':', "|:");
    format!("1:{from}->{NAME}:")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(id: &str, name: &str, ip: Option<&str>) -> String {
        let agent = Agent {
            id: Some(id.to_owned()),
            name: Some(name.to_owned()),
            ip: ip.map(str::to_owned),
            ..Agent::default()
        };
        head(&agent, &mut Changes::default())
    }

    #[test]
    fn every_agent_is_named_so_that_analysisd_reads_it_back() {
        for (id, name, ip, expected) in [
            ("000", "manager", Some("127.0.0.1"), "1:opencti:"),
            ("x", "web", None, "1:opencti:"),
            (
                "003",
                "web01",
                Some("10.0.0.3"),
                "1:[003] (web01) 10.0.0.3->opencti:",
            ),
            ("003", "web01", None, "1:[003] (web01) any->opencti:"),
            ("003", "web01", Some("any"), "1:[003] (web01) any->opencti:"),
            (
                "003",
                "a:b|c",
                Some("fe80::1"),
                "1:[003] (a|:b||c) fe80|:|:1->opencti:",
            ),
            ("003", "a)->b\nc", None, "1:[003] (a_-_b_c) any->opencti:"),
        ] {
            assert_eq!(of(id, name, ip), expected);
        }
        assert_eq!(
            head(&Agent::default(), &mut Changes::default()),
            "1:opencti:"
        );
    }
}
