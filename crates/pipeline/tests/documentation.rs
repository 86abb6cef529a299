//! What `docs/matchers.md` shows is what the program takes and says.

use alertbridge_pipeline::{Gate, Matchers};

const DOCUMENT: &str = include_str!("../../../docs/matchers.md");

/// The fenced blocks of one language.
fn blocks(language: &str) -> Vec<&'static str> {
    let mut blocks = Vec::new();
    for block in DOCUMENT.split("\n```").skip(1).step_by(2) {
        if let Some(content) = block.strip_prefix(language) {
            blocks.push(content.trim_start_matches('\n'));
        }
    }
    blocks
}

#[test]
fn every_matcher_and_gate_of_the_document_is_taken() {
    let matchers = blocks("text");
    assert!(!matchers.is_empty());
    for line in matchers.iter().flat_map(|block| block.lines()) {
        line.parse::<Matchers>()
            .unwrap_or_else(|error| panic!("{line}: {error}"));
    }
    let gates: Vec<Gate> = blocks("toml")
        .iter()
        .map(|block| toml::from_str(block).unwrap_or_else(|error| panic!("{block}: {error}")))
        .collect();
    assert_eq!(gates.len(), 3);
    assert_eq!(gates[1], gates[2], "the preset and its long form");
}

#[test]
fn the_error_of_the_document_is_the_one_that_is_shown() {
    let file = "minimum_level = 3\n\nany_of = [\"rule.id == 5710\"]\n";
    let error = toml::from_str::<Gate>(file).unwrap_err().to_string();
    assert_eq!(blocks("console"), [error.trim_end()]);
}
