//! What `docs/silences.md` and `docs/folding.md` show is what the program takes, and the defaults they name are its own.
#![expect(clippy::unwrap_used, reason = "a failed step ends the test")]

use alertbridge_pipeline::{QuietConfig, QuietRules};

const SILENCES: &str = include_str!("../../../docs/silences.md");
const FOLDING: &str = include_str!("../../../docs/folding.md");

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    quiet: QuietConfig,
}

fn configs(document: &str) -> Vec<QuietConfig> {
    let mut configs = Vec::new();
    for block in document.split("\n```").skip(1).step_by(2) {
        if let Some(text) = block.strip_prefix("toml\n") {
            configs.push(toml::from_str::<File>(text).unwrap().quiet);
        }
    }
    configs
}

#[test]
fn every_example_of_the_documents_is_taken() {
    let examples = [configs(SILENCES), configs(FOLDING)].concat();
    assert_eq!(examples.len(), 3);
    for example in examples {
        QuietRules::try_from(example).unwrap();
    }
}

#[test]
fn the_defaults_of_the_documents_are_the_programs() {
    let [mut folding] = <[QuietConfig; 1]>::try_from(configs(FOLDING)).unwrap();
    assert_eq!(folding.folding.group_by.len(), 2);
    folding.folding.group_by.clear();
    assert_eq!(folding, QuietConfig::default());
    assert_eq!(
        toml::from_str::<QuietConfig>("").unwrap(),
        QuietConfig::default()
    );
}
