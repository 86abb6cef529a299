//! What titles, tags and links are made of: an alert's fields under short names, and templates over them.

use std::cell::Cell;

use alertbridge_alert::Alert;
use serde_json::Value;

use crate::{
    SinkError,
    iris::{redaction::Redaction, safe_text::Changes},
};

/// The names that a template may use.
pub(crate) const NAMES: [&str; 16] = [
    "agent_id",
    "agent_ip",
    "agent_name",
    "artifact",
    "decoder",
    "event_id",
    "extension",
    "id",
    "level",
    "location",
    "manager",
    "mitre_id",
    "node",
    "rule_description",
    "rule_group",
    "rule_id",
];

/// Endings that the async-ai script makes a tag of.
const EXTENSIONS: [&str; 7] = ["exe", "dll", "ps1", "vbs", "bat", "sh", "py"];
/// More than any alert has; bounds what a hostile list makes.
const MOST_TEXTS: usize = 64;
/// The longest artifact in characters (facts/peers.md §3.1).
const ARTIFACT_LIMIT: usize = 60;

/// An alert with its tree, read once per delivery.
pub(crate) struct Fields<'a> {
    pub(crate) alert: &'a Alert,
    pub(crate) tree: &'a Value,
    redaction: &'a Redaction,
    /// Whether a secret was taken out of the artifact.
    artifact_redacted: Cell<bool>,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(alert: &'a Alert, tree: &'a Value, redaction: &'a Redaction) -> Self {
        Self {
            alert,
            tree,
            redaction,
            artifact_redacted: Cell::new(false),
        }
    }

    /// Without redaction.
    #[cfg(test)]
    pub(crate) fn plain(alert: &'a Alert, tree: &'a Value) -> Self {
        static NONE: Redaction = Redaction::NONE;
        Self::new(alert, tree, &NONE)
    }
}

impl Fields<'_> {
    /// What a title shows in the place of a text. Counts one for all of it.
    pub(crate) fn shown_title(&self, text: &str, changes: &mut Changes) -> String {
        let mut redacted = Changes::default();
        let shown = self.redaction.title(text, &mut redacted);
        if redacted.is_empty() && self.artifact_redacted.get() {
            redacted.add("title_redacted");
        }
        changes.add_all(&redacted);
        shown
    }

    /// What a description shows in the place of a value.
    pub(crate) fn shown_text(&self, text: &str, changes: &mut Changes) -> String {
        self.redaction.text(text, changes)
    }

    /// The values under a name; none where the alert has none.
    pub(crate) fn values(&self, name: &str) -> Vec<String> {
        let head = self.alert.head();
        let one = |text: &Option<String>| text.iter().cloned().collect::<Vec<_>>();
        match name {
            "agent_id" => one(&head.agent.id),
            "agent_ip" => one(&head.agent.ip),
            "agent_name" => one(&head.agent.name),
            "artifact" => one(&self.artifact().map(|text| {
                // Before it is cut: half a secret has no shape.
                let mut redacted = Changes::default();
                let shown = self.redaction.title(&text, &mut redacted);
                if !redacted.is_empty() {
                    self.artifact_redacted.set(true);
                }
                shown.chars().take(ARTIFACT_LIMIT).collect()
            })),
            "decoder" => one(&head.decoder),
            "event_id" => one(&self.event_id()),
            "extension" => one(&self.extension()),
            "id" => one(&head.id),
            "level" => vec![head.level.to_string()],
            "location" => one(&head.location),
            "manager" => one(&head.manager),
            "mitre_id" => head.mitre.ids.clone(),
            "node" => vec![head.node().to_owned()],
            "rule_description" => one(&head.rule_description),
            "rule_group" => head
                .rule_groups
                .iter()
                .map(|group| group.trim().to_owned())
                .collect(),
            "rule_id" => one(&head.rule_id),
            _ => Vec::new(),
        }
    }

    /// A scalar in the tree: `data.win.system.eventID`.
    pub(crate) fn text(&self, path: &str) -> Option<String> {
        let mut at = self.tree;
        for part in path.split('.') {
            at = at.get(part)?;
        }
        match at {
            Value::String(text) if path.starts_with("data.win.eventdata.") => {
                Some(eventdata(text)).filter(|text| !text.trim().is_empty())
            }
            Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            _ => None,
        }
    }

    /// The first of several paths that holds something.
    pub(crate) fn first(&self, paths: &[&str]) -> Option<String> {
        paths.iter().find_map(|path| self.text(path))
    }

    /// The image that ran.
    pub(crate) fn image(&self) -> Option<String> {
        self.first(&[
            "data.win.eventdata.image",
            "data.win.eventdata.originalFileName",
            "data.audit.exe",
            "data.eventdata.image",
        ])
    }

    /// The command line.
    pub(crate) fn command_line(&self) -> Option<String> {
        self.first(&[
            "data.win.eventdata.commandLine",
            "data.audit.command",
            "data.eventdata.commandLine",
            "data.command",
        ])
    }

    /// The file that was touched.
    pub(crate) fn target_file(&self) -> Option<String> {
        self.first(&[
            "data.win.eventdata.targetFilename",
            "data.audit.file.name",
            "data.audit.path",
            "data.eventdata.targetFilename",
            "syscheck.path",
        ])
    }

    fn artifact(&self) -> Option<String> {
        self.target_file()
            .or_else(|| self.command_line())
            .or_else(|| self.image())
    }

    fn event_id(&self) -> Option<String> {
        let on_linux = || {
            self.tree
                .get("data")?
                .get("audit")
                .map(|_| "Linux-Audit".to_owned())
        };
        self.text("data.win.system.eventID").or_else(on_linux)
    }

    fn extension(&self) -> Option<String> {
        let file = self.target_file().or_else(|| self.image())?;
        let (_, ending) = file.trim_matches('"').rsplit_once('.')?;
        EXTENSIONS
            .iter()
            .find(|known| ending.eq_ignore_ascii_case(known))
            .map(|known| (*known).to_owned())
    }
}

/// Windows event data as the event had it: Wazuh reads it from XML that was escaped for JSON first, so values keep doubled
/// backslashes and XML entities (facts/wazuh.md §3).
fn eventdata(text: &str) -> String {
    const ESCAPES: [(&str, &str); 7] = [
        ("\\\\", "\\"),
        ("\\\"", "\""),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        // Last: what it uncovers is the event's own text.
        ("&amp;", "&"),
    ];
    ESCAPES
        .iter()
        .fold(text.to_owned(), |text, (escaped, plain)| {
            text.replace(escaped, plain)
        })
}

/// The placeholders in a template, in order.
fn placeholders(template: &str) -> impl Iterator<Item = &str> {
    template
        .split('{')
        .skip(1)
        .filter_map(|part| part.split_once('}').map(|(name, _)| name))
}

/// Refuses a template that uses a name there is not.
///
/// # Errors
/// [`SinkError::Value`] that lists the names.
pub(crate) fn check(key: &str, template: &str, names: &[&str]) -> Result<(), SinkError> {
    match placeholders(template).find(|name| !names.contains(name)) {
        None => Ok(()),
        Some(name) => Err(SinkError::value(
            key,
            format!(
                "there is no placeholder {{{name}}}; there are {}",
                names.join(", ")
            ),
        )),
    }
}

/// The template with its placeholders replaced by what `value` gives.
pub(crate) fn fill(template: &str, mut value: impl FnMut(&str) -> String) -> String {
    let mut text = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let Some((name, behind)) = after.split_once('}') else {
            text.push('{');
            rest = after;
            continue;
        };
        text.push_str(&value(name));
        rest = behind;
    }
    text.push_str(rest);
    text
}

/// One text per value of a template's placeholder (the first one that is a list counts); none where one is empty.
pub(crate) fn expand(template: &str, fields: &Fields<'_>) -> Vec<String> {
    let mut texts = vec![template.to_owned()];
    for name in placeholders(template) {
        let values = fields.values(name);
        let wanted = format!("{{{name}}}");
        texts = texts
            .iter()
            .flat_map(|text| {
                values
                    .iter()
                    .map(|value| text.replacen(&wanted, value, 1))
                    .collect::<Vec<_>>()
            })
            .take(MOST_TEXTS)
            .collect();
    }
    texts
}

/// The template in parts at ` | `; a part whose placeholders are all empty is left out.
pub(crate) fn joined(template: &str, fields: &Fields<'_>) -> String {
    let mut parts = Vec::new();
    for part in template.split(" | ") {
        let mut names = placeholders(part).peekable();
        if names.peek().is_some() && names.all(|name| fields.values(name).is_empty()) {
            continue;
        }
        parts.push(fill(part, |name| fields.values(name).join(" ")));
    }
    parts.join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_without_a_value_are_left_out_and_lists_make_several_tags() {
        let alert =
            Alert::parse(&br#"{"rule":{"id":5,"description":"d","mitre":{"id":["T1","T2"]}}}"#[..])
                .unwrap();
        let tree = alert.tree();
        let fields = Fields::plain(&alert, &tree);
        assert_eq!(
            joined(
                "Wazuh: {rule_description} | {agent_name} | {artifact}",
                &fields
            ),
            "Wazuh: d"
        );
        assert_eq!(
            expand("mitre-{mitre_id}", &fields),
            ["mitre-T1", "mitre-T2"]
        );
        assert_eq!(expand("agent-{agent_name}", &fields), Vec::<String>::new());
        assert_eq!(expand("plain", &fields), ["plain"]);
    }

    #[test]
    fn an_unknown_placeholder_is_named_with_the_choices() {
        let error = check("title", "{rule}", &NAMES).unwrap_err().to_string();
        assert!(
            error.contains("{rule}") && error.contains("rule_description"),
            "{error}"
        );
    }

    #[test]
    fn windows_event_data_is_shown_as_the_event_had_it() {
        let line = r#"cmd /c \"C:\\a b\\x.exe\" &gt; NUL &amp;&amp; dir"#;
        let raw = serde_json::json!({"data": {"win": {"eventdata": {"commandLine": line}}}});
        let alert = Alert::parse(raw.to_string().into_bytes()).unwrap();
        let tree = alert.tree();
        let fields = Fields::plain(&alert, &tree);
        assert_eq!(
            fields.command_line().unwrap(),
            r#"cmd /c "C:\a b\x.exe" > NUL && dir"#
        );
    }

    #[test]
    fn a_value_with_braces_is_not_a_placeholder() {
        let alert =
            Alert::parse(&br#"{"rule":{"id":"{agent_name}"},"agent":{"name":"web"}}"#[..]).unwrap();
        let tree = alert.tree();
        let fields = Fields::plain(&alert, &tree);
        assert_eq!(joined("{rule_id}", &fields), "{agent_name}");
    }
}
