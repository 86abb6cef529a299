//! Assets: the agent, and the accounts the event is about.

use super::fields::Fields;
use crate::iris::{
    config::{AssetConfig, Mapping},
    safe_text::{ASSET_NAME_LIMIT, Changes, attribute_text, cut},
};

/// One asset, its type still by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asset {
    pub(crate) name: String,
    pub(crate) type_name: String,
    pub(crate) address: Option<String>,
    pub(crate) description: String,
}

/// Where accounts stand, the one that was acted on first.
const USER_FIELDS: [&str; 8] = [
    "data.win.eventdata.targetUserName",
    "data.dstuser",
    "data.win.eventdata.user",
    "data.win.eventdata.subjectUserName",
    "data.srcuser",
    "data.audit.acct",
    "data.eventdata.user",
    "syscheck.audit.user.name",
];

/// The assets of an alert.
pub(crate) fn assets(
    config: &AssetConfig,
    mapping: &Mapping,
    fields: &Fields<'_>,
    changes: &mut Changes,
) -> Vec<Asset> {
    let mut assets: Vec<Asset> = Vec::new();
    let agent = &fields.alert.head().agent;
    if let Some(name) = &agent.name {
        let mut unused = Changes::default();
        assets.push(Asset {
            name: name.clone(),
            type_name: agent_type(config, fields).to_owned(),
            address: agent.ip.as_deref().map(|ip| {
                cut(
                    &attribute_text(ip, &mut unused),
                    64,
                    "asset_cut",
                    &mut unused,
                )
            }),
            description: format!(
                "Wazuh agent {}",
                attribute_text(agent.id.as_deref().unwrap_or("?"), &mut unused)
            ),
        });
    }
    if !config.user_type.is_empty() {
        for path in USER_FIELDS {
            let Some(user) = fields.text(path).filter(|user| is_person(user)) else {
                continue;
            };
            assets.push(Asset {
                name: user,
                type_name: config.user_type.clone(),
                address: None,
                description: path.to_owned(),
            });
        }
    }
    let mut kept: Vec<Asset> = Vec::new();
    for mut asset in assets {
        asset.name = cut(
            &attribute_text(&asset.name, changes),
            ASSET_NAME_LIMIT,
            "asset_cut",
            changes,
        );
        asset.description =
            attribute_text(&fields.shown_text(&asset.description, changes), changes);
        asset.description = cut(&asset.description, ASSET_NAME_LIMIT, "asset_cut", changes);
        let known = kept
            .iter()
            .any(|other| other.name.eq_ignore_ascii_case(&asset.name));
        if !asset.name.is_empty() && !known && kept.len() < mapping.asset_maximum {
            kept.push(asset);
        }
    }
    kept
}

/// Every type the settings can ask for.
pub(crate) fn type_names<'a>(
    config: &'a AssetConfig,
    mapping: &Mapping,
) -> Vec<(&'static str, &'a str)> {
    if mapping.asset_maximum == 0 {
        return Vec::new();
    }
    [
        ("assets.default_type", config.default_type.as_str()),
        ("assets.linux_type", &config.linux_type),
        ("assets.mac_type", &config.mac_type),
        ("assets.windows_type", &config.windows_type),
        ("assets.user_type", &config.user_type),
    ]
    .into_iter()
    .filter(|(_, name)| !name.is_empty())
    .collect()
}

/// By what the alert says of the operating system. Alerts of the manager about other devices (agent 000) say nothing of them.
fn agent_type<'a>(config: &'a AssetConfig, fields: &Fields<'_>) -> &'a str {
    let head = fields.alert.head();
    let group = |wanted: &str| {
        head.rule_groups
            .iter()
            .any(|group| group.trim().eq_ignore_ascii_case(wanted))
    };
    let decoder = head.decoder.as_deref().unwrap_or_default();
    let location = head.location.as_deref().unwrap_or_default();
    let label = head
        .agent
        .labels
        .iter()
        .find(|(name, _)| name == "os")
        .map(|(_, value)| value.to_ascii_lowercase());
    let label = label.as_deref().unwrap_or_default();
    let has_win = fields
        .tree
        .get("data")
        .is_some_and(|data| data.get("win").is_some());
    if label.starts_with("win")
        || has_win
        || group("windows")
        || group("syscheck_registry")
        || location == "EventChannel"
        || location == "WinEventLog"
    {
        &config.windows_type
    } else if label.starts_with("mac")
        || label.starts_with("darwin")
        || group("macos")
        || decoder.starts_with("macos")
    {
        &config.mac_type
    } else if label.starts_with("linux")
        || group("linux")
        || decoder == "auditd"
        || location.starts_with('/')
    {
        &config.linux_type
    } else {
        &config.default_type
    }
}

/// Machine accounts, placeholders and the system itself are not worth an asset.
fn is_person(user: &str) -> bool {
    const NOBODY: [&str; 9] = [
        "-",
        "?",
        "system",
        "local service",
        "network service",
        "anonymous logon",
        "(none)",
        "unknown",
        "unset",
    ];
    let user = user.trim();
    let short = user.rsplit('\\').next().unwrap_or(user);
    !short.is_empty()
        && !short.ends_with('$')
        && !user.to_ascii_lowercase().starts_with("nt authority")
        && !NOBODY.contains(&short.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use alertbridge_alert::Alert;

    use super::*;
    use crate::iris::config::IrisConfig;

    fn of(alert: &str) -> Vec<(String, String)> {
        let config = IrisConfig::default();
        let alert = Alert::parse(alert.as_bytes()).unwrap();
        let tree = alert.tree();
        let fields = Fields::plain(&alert, &tree);
        assets(
            &config.assets,
            &Mapping::of(&config),
            &fields,
            &mut Changes::default(),
        )
        .into_iter()
        .map(|asset| (asset.name, asset.type_name))
        .collect()
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter()
            .map(|(name, kind)| ((*name).to_owned(), (*kind).to_owned()))
            .collect()
    }

    #[test]
    fn the_agents_type_follows_its_operating_system() {
        for (rest, expected) in [
            (r#""rule":{"groups":["windows"]}"#, "Windows - Computer"),
            (r#""rule":{"groups":["linux","sysmon"]}"#, "Linux - Server"),
            (r#""location":"EventChannel""#, "Windows - Computer"),
            (r#""decoder":{"name":"macos-sshd"}"#, "Mac - Computer"),
            (r#""location":"syscheck""#, "Linux - Server"),
        ] {
            let found = of(&format!(r#"{{"agent":{{"name":"a"}},{rest}}}"#));
            assert_eq!(found, pairs(&[("a", expected)]), "{rest}");
        }
    }

    #[test]
    fn users_are_assets_but_machines_and_the_system_are_not() {
        let found = of(
            r#"{"agent":{"name":"a"},"data":{"srcuser":"alice","dstuser":"root","win":{"eventdata":
            {"targetUserName":"HOST$","user":"NT AUTHORITY\\\\SYSTEM"}}}}"#,
        );
        assert_eq!(
            found,
            pairs(&[
                ("a", "Windows - Computer"),
                ("root", "Account"),
                ("alice", "Account")
            ])
        );
    }
}
