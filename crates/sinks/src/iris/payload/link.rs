//! The link that opens this very alert in the Wazuh dashboard.
//!
//! The dashboard is OpenSearch Dashboards; its page Discover reads filter, time and index pattern from the address's fragment.
//! The form changed with OpenSearch Dashboards 2.10, which Wazuh 4.8 brought: `/app/discover#/?_g=…&_a=…` before,
//! `/app/data-explorer/discover#?_a=…&_g=…&_q=…` since (opensearch-project/OpenSearch-Dashboards issues #5248 and #6766; an old
//! link still opens the new page but loses its time). Neither form was tried on a running dashboard here.
//! The index pattern's id is its title in a Wazuh installation, `wazuh-alerts-*`.
//!
//! IRIS puts the link into `href="…"` without escaping and shows it only where it begins with `http` (facts/iris.md §9): so there
//! is no quote, no angle bracket and no space in it, and values from the alert are percent-encoded. A value that could end the
//! quoting inside the fragment (Rison, and the query in it) gives no link at all.

use jiff::{SignedDuration, Timestamp};

use super::fields;
use crate::{SinkError, iris::safe_text::Changes};

/// Since Wazuh 4.8.
const SINCE_4_8: &str = "/app/data-explorer/discover#?_a=(discover:(columns:!(_source),isDirty:!f,sort:!()),\
    metadata:(indexPattern:%27wazuh-alerts-*%27,view:discover))\
    &_g=(filters:!(),refreshInterval:(pause:!t,value:0),time:(from:%27{timestamp_from}%27,to:%27{timestamp_to}%27))\
    &_q=(filters:!(),query:(language:kuery,query:%27{query}%27))";
/// Up to Wazuh 4.7.
const SINCE_4_0: &str = "/app/discover#/?_g=(filters:!(),refreshInterval:(pause:!t,value:0),\
    time:(from:%27{timestamp_from}%27,to:%27{timestamp_to}%27))\
    &_a=(columns:!(_source),filters:!(),index:%27wazuh-alerts-*%27,interval:auto,\
    query:(language:kuery,query:%27{query}%27),sort:!())";

/// The names a link's template may use.
const NAMES: [&str; 6] = [
    "agent_id",
    "id",
    "manager",
    "query",
    "timestamp_from",
    "timestamp_to",
];
/// How far around the alert the page looks.
const AROUND: SignedDuration = SignedDuration::from_mins(1);

/// A checked template.
#[derive(Clone, Debug)]
pub(crate) struct LinkTemplate(String);

impl LinkTemplate {
    /// The template for a dashboard at `base`; none where there is no dashboard.
    ///
    /// # Errors
    /// [`SinkError::Value`] where the result would be no web address or uses an unknown placeholder.
    pub(crate) fn new(base: Option<&str>, form: &str) -> Result<Option<Self>, SinkError> {
        let form = match form {
            "wazuh-4.8" => SINCE_4_8,
            "wazuh-4.0" => SINCE_4_0,
            own => own,
        };
        fields::check("dashboard_link", form, &NAMES)?;
        let template = match base {
            _ if is_web(form) => form.to_owned(),
            None => return Ok(None),
            Some(base) if !is_web(base) => {
                return Err(SinkError::value(
                    "dashboard_url",
                    "must begin with https:// or http://",
                ));
            }
            Some(_) if !form.starts_with('/') => {
                return Err(SinkError::value(
                    "dashboard_link",
                    "must be `wazuh-4.8`, `wazuh-4.0`, or a template that begins with /, https:// or http://",
                ));
            }
            Some(base) => format!("{}{form}", base.trim_end_matches('/')),
        };
        Ok(Some(Self(template)))
    }

    /// The link to one alert; none (and counted) where the alert's id can't stand in one.
    pub(crate) fn link(
        &self,
        alert: &alertbridge_alert::Alert,
        event_time: Timestamp,
        changes: &mut Changes,
    ) -> Option<String> {
        let head = alert.head();
        let values = [&head.id, &head.manager, &head.agent.id];
        let is_plain = |text: &String| {
            text.len() <= 256 && !text.chars().any(|c| "'\"!\\".contains(c) || c.is_control())
        };
        if head.id.is_none() || !values.into_iter().flatten().all(is_plain) {
            changes.add("link_left_out");
            return None;
        }
        let time = |time: Timestamp| format!("{time:.3}");
        let link = fields::fill(&self.0, |name| {
            let value = match name {
                "agent_id" => head.agent.id.clone(),
                "id" => head.id.clone(),
                "manager" => head.manager.clone(),
                "query" => Some(query(head.id.as_deref(), head.manager.as_deref())),
                "timestamp_from" => event_time.checked_sub(AROUND).ok().map(time),
                "timestamp_to" => event_time.checked_add(AROUND).ok().map(time),
                _ => None,
            };
            percent_encoded(&value.unwrap_or_default())
        });
        Some(harmless(&link))
    }
}

fn is_web(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}

/// Ids are unique per node only, so the manager is part of the query.
fn query(id: Option<&str>, manager: Option<&str>) -> String {
    let id = format!("id: \"{}\"", id.unwrap_or_default());
    match manager {
        Some(manager) => format!("{id} and manager.name: \"{manager}\""),
        None => id,
    }
}

/// Everything but letters, digits and `-._~` percent-encoded.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// The operator's own template may hold what breaks out of an attribute.
fn harmless(link: &str) -> String {
    let mut safe = String::with_capacity(link.len());
    for character in link.chars() {
        if character.is_ascii_graphic() && !"\"'`<>".contains(character) {
            safe.push(character);
        } else {
            safe.push_str(&percent_encoded(character.encode_utf8(&mut [0; 4])));
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use alertbridge_alert::Alert;

    use super::*;

    fn link(base: &str, form: &str, alert: &str) -> Option<String> {
        let alert = Alert::parse(alert.as_bytes()).unwrap();
        let time: Timestamp = "2026-11-21T08:26:17.096Z".parse().unwrap();
        LinkTemplate::new(Some(base), form).unwrap().unwrap().link(
            &alert,
            time,
            &mut Changes::default(),
        )
    }

    const ALERT: &str = r#"{"id":"1795250582.1658","manager":{"name":"vm 1"}}"#;

    #[test]
    fn the_link_names_the_alert_its_minute_and_its_manager() {
        let link = link("https://dashboard/", "wazuh-4.8", ALERT).unwrap();
        assert!(link.starts_with("https://dashboard/app/data-explorer/discover#?_a=("));
        assert!(
            link.contains(
                "from:%272026-11-21T08%3A25%3A17.096Z%27,to:%272026-11-21T08%3A27%3A17.096Z%27"
            ),
            "{link}"
        );
        assert!(
            link.ends_with(
                "query:%27id%3A%20%221795250582.1658%22%20and%20manager.name%3A%20%22vm%201%22%27))"
            ),
            "{link}"
        );
    }

    #[test]
    fn no_value_of_an_alert_breaks_out_of_the_link() {
        assert_eq!(link("https://d", "wazuh-4.0", r#"{"id":"1')\"x"}"#), None);
        let link = link("https://d", "/x/{id}", r#"{"id":"<a> b&c"}"#).unwrap();
        assert_eq!(link, "https://d/x/%3Ca%3E%20b%26c");
    }

    #[test]
    fn only_web_addresses_become_links() {
        assert!(LinkTemplate::new(Some("javascript:alert(1)"), "wazuh-4.8").is_err());
        assert!(LinkTemplate::new(Some("https://d"), "javascript:x").is_err());
        assert!(LinkTemplate::new(Some("https://d"), "/x/{full_log}").is_err());
        assert!(LinkTemplate::new(None, "wazuh-4.8").unwrap().is_none());
    }
}
