//! Rules that choose something by what an alert says about itself: customers and classifications.

use std::net::IpAddr;

use alertbridge_alert::Head;
use ipnet::IpNet;
use serde::Deserialize;

use super::{Customer, Words};

/// Chooses a customer. All conditions that are given must hold; of a list, one value must.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CustomerRule {
    /// The customer to choose: id or name. Required.
    pub customer: Option<Customer>,
    /// An agent label, `name=value`; nested labels have dotted names.
    pub agent_label: Option<Words>,
    /// A group of the agent. Wazuh 4.x does not write groups into alerts (facts/wazuh.md §3): use labels there.
    pub agent_group: Option<Words>,
    /// The agent's name; `*` stands for any text, `?` for one character; upper and lower case are the same.
    pub agent_name: Option<Words>,
    /// Networks the agent's address may be in, `10.1.0.0/16`, or single addresses.
    pub agent_ip: Option<Words>,
    /// The manager's name, `*` and `?` as above.
    pub manager: Option<Words>,
    /// A group of the rule.
    pub rule_group: Option<Words>,
}

impl CustomerRule {
    /// Whether the rule has any condition at all.
    pub(crate) fn is_empty(&self) -> bool {
        [
            &self.agent_label,
            &self.agent_group,
            &self.agent_name,
            &self.agent_ip,
            &self.manager,
            &self.rule_group,
        ]
        .into_iter()
        .all(Option::is_none)
    }

    pub(crate) fn matches(&self, head: &Head) -> bool {
        let given = |words: &Option<Words>, test: &dyn Fn(&str) -> bool| {
            words.as_ref().is_none_or(|words| words.any(test))
        };
        given(&self.agent_label, &|word| label(word, head))
            && given(&self.agent_group, &|word| {
                head.agent.groups.iter().any(|group| group == word)
            })
            && given(&self.agent_name, &|word| {
                matches_text(word, head.agent.name.as_deref())
            })
            && given(&self.agent_ip, &|word| {
                in_network(word, head.agent.ip.as_deref())
            })
            && given(&self.manager, &|word| {
                matches_text(word, head.manager.as_deref())
            })
            && given(&self.rule_group, &|word| has_group(word, head))
    }
}

/// Chooses a classification.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassificationRule {
    /// A group of the rule, or a list of groups.
    pub rule_group: Words,
    /// The classification's name, `intrusion-attempts:login-attempts`.
    pub classification: String,
}

impl ClassificationRule {
    pub(crate) fn matches(&self, head: &Head) -> bool {
        self.rule_group.any(|word| has_group(word, head))
    }
}

/// Stock rules have groups that begin with a space (facts/wazuh.md §3).
fn has_group(word: &str, head: &Head) -> bool {
    head.rule_groups
        .iter()
        .any(|group| group.trim() == word.trim())
}

fn label(word: &str, head: &Head) -> bool {
    let Some((name, value)) = word.split_once('=') else {
        return false;
    };
    head.agent
        .labels
        .iter()
        .any(|(label, text)| label == name.trim() && text == value.trim())
}

fn matches_text(pattern: &str, text: Option<&str>) -> bool {
    text.is_some_and(|text| glob(pattern, text))
}

/// A network, or a single address.
pub(crate) fn network(word: &str) -> Option<IpNet> {
    let word = word.trim();
    word.parse()
        .ok()
        .or_else(|| word.parse::<IpAddr>().ok().map(IpNet::from))
}

fn in_network(word: &str, address: Option<&str>) -> bool {
    let (Some(network), Some(Ok(address))) = (
        network(word),
        address.map(|text| text.trim().parse::<IpAddr>()),
    ) else {
        return false;
    };
    network.contains(&address.to_canonical())
}

/// `*` stands for any text, `?` for one character. Linear but for the last star, so no pattern is slow.
fn glob(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().flat_map(char::to_lowercase).collect();
    let text: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p + 1, t));
                p += 1;
            }
            Some(wanted) if *wanted == '?' || *wanted == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                // The last star takes one character more.
                Some((after, taken)) => {
                    p = after;
                    t = taken + 1;
                    star = Some((after, t));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use alertbridge_alert::Alert;

    use super::*;

    fn rule(json: &str) -> CustomerRule {
        serde_json::from_str(json).unwrap()
    }

    fn head(json: &str) -> Head {
        Alert::parse(json.as_bytes()).unwrap().head().clone()
    }

    #[test]
    fn all_given_conditions_must_hold_and_any_value_of_a_list_does() {
        let alert = head(
            r#"{"agent":{"name":"WEB-01","ip":"10.1.2.3","labels":{"customer":"acme"}},"manager":{"name":"m1"},
                "rule":{"groups":[" WEF","windows"]}}"#,
        );
        assert!(
            rule(r#"{"agent_name":["db*","web-0?"],"agent_ip":"10.1.0.0/16"}"#).matches(&alert)
        );
        assert!(!rule(r#"{"agent_name":"web*","agent_ip":"10.2.0.0/16"}"#).matches(&alert));
        assert!(
            rule(r#"{"agent_label":"customer=acme","manager":"m1","rule_group":"WEF"}"#)
                .matches(&alert)
        );
        assert!(!rule(r#"{"agent_group":"default"}"#).matches(&alert));
    }

    #[test]
    fn an_agentless_alert_matches_no_rule_about_agents() {
        let alert = head(r#"{"rule":{"groups":["web"]}}"#);
        assert!(!rule(r#"{"agent_name":"*"}"#).matches(&alert));
        assert!(rule(r#"{"rule_group":["ids","web"]}"#).matches(&alert));
    }

    #[test]
    fn globs_match_whole_texts() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*c", "abc", true),
            ("a*c", "abcd", false),
            ("*a*b*", "xxaxxbxx", true),
            ("??", "é1", true),
            ("", "a", false),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_hostile_name_does_not_make_a_pattern_slow() {
        let text = "a".repeat(20_000);
        assert!(!glob("*a*a*a*a*a*a*b", &text));
    }
}
