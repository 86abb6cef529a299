//! The allowlist of the forwarder script with the AI worker, by behaviour (facts/peers.md §3.1): eleven programs and five places.

use super::config::{AllowlistEntryConfig, AllowlistPreset};

const IMAGES: [(&str, &str); 11] = [
    ("svchost", r"*\svchost.exe"),
    ("wmiprvse", r"*\WmiPrvSE.exe"),
    ("search indexer", r"*\SearchIndexer.exe"),
    ("background task host", r"*\backgroundTaskHost.exe"),
    ("defender", r"*\MsMpEng.exe"),
    ("wazuh agent", r"*\ossec-agent\*"),
    ("splunk", r"*\splunkd.exe"),
    ("sccm", r"*\CcmExec.exe"),
    ("sccm folder", r"*\Windows\CCM\*"),
    ("edge update", r"*\MicrosoftEdgeUpdate.exe"),
    ("google update", r"*\GoogleUpdate.exe"),
];

const FILES: [(&str, &[&str]); 5] = [
    ("windows update files", &[r"*\SoftwareDistribution\*"]),
    ("prefetch", &[r"*\Windows\Prefetch\*"]),
    (
        "browser profiles",
        &[
            r"*\Google\Chrome\User Data\*",
            r"*\Microsoft\Edge\User Data\*",
            r"*\Mozilla\Firefox\Profiles\*",
        ],
    ),
    ("event logs", &[r"*\winevt\Logs\*"]),
    ("sccm logs", &[r"*\CCM\Logs\*"]),
];

pub(super) fn entries(preset: AllowlistPreset) -> Vec<AllowlistEntryConfig> {
    let AllowlistPreset::AsyncAi = preset;
    let entry = |what: &str| AllowlistEntryConfig {
        name: format!("async-ai {what}"),
        comment: "ready-made, allowlist_presets = [\"async-ai\"]".to_owned(),
        ..AllowlistEntryConfig::default()
    };
    let images = IMAGES.iter().map(|(what, glob)| AllowlistEntryConfig {
        processes: vec![(*glob).to_owned()],
        ..entry(what)
    });
    let files = FILES.iter().map(|(what, globs)| AllowlistEntryConfig {
        target_files: globs.iter().map(|glob| (*glob).to_owned()).collect(),
        ..entry(what)
    });
    images.chain(files).collect()
}

pub(super) fn warning(preset: AllowlistPreset) -> &'static str {
    let AllowlistPreset::AsyncAi = preset;
    "allowlist_presets = [\"async-ai\"] hides attacks: whoever names a program svchost.exe or MsMpEng.exe, or injects code into \
     one, is not seen any more; write entries with a path, a hash or a rule instead"
}
