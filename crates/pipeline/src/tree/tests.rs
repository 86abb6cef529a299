//! What stands at a path, by walking and by the table.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn texts(json: &str, path: &str, letters: Letters) -> Vec<String> {
    let mut texts = Vec::new();
    Tree::new(json).walk(0, Some(path), letters, 0, &mut |seen| {
        texts.push(match seen {
            Seen::Text(text) => text.to_owned(),
            Seen::Object => "{…}".to_owned(),
        });
        false
    });
    texts
}

#[test]
fn keys_with_dots_are_found_and_the_first_reading_that_holds_something_counts() {
    let json = r#"{"a":{"b":null},"a.b":{"c":1},"a.b.c":2}"#;
    assert_eq!(texts(json, "a.b.c", Letters::Exact), ["1"]);
    assert_eq!(texts(json, "a.b", Letters::Exact), ["{…}"]);
    assert_eq!(texts(json, "A.B.C", Letters::Exact), [""; 0]);
    assert_eq!(texts(json, "A.b.C", Letters::AnyCase), ["1"]);
}

#[test]
fn what_the_keys_rule_out_at_a_glance_is_not_there() {
    let keys = [
        "", "a", "Image", "éa", "a.b", "a..b", "@t", "srcip", "SRCIP2",
    ];
    for key in keys {
        let json = json!({ key: { "x": 1 } }).to_string();
        for path in keys.map(|key| format!("{key}.x")) {
            let is_same = path == format!("{key}.x");
            assert_eq!(
                !texts(&json, &path, Letters::Exact).is_empty(),
                is_same,
                "{key} {path}"
            );
            assert!(
                !is_same
                    || !texts(&json, &path.to_uppercase(), Letters::AnyCase).is_empty()
                    || !path.is_ascii()
            );
        }
    }
}

#[test]
fn a_list_stands_for_its_items_also_on_the_way() {
    let json = r#"{"r":[{"id":"x"},{"id":[true,"y",[7]]},{"id":""},5]}"#;
    assert_eq!(texts(json, "r.id", Letters::Exact), ["x", "true", "y", "7"]);
    assert_eq!(texts(json, "r", Letters::Exact).len(), 4);
}

#[test]
fn what_serde_refuses_elsewhere_does_not_hide_a_field() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let json = format!(
        r#"{{"a":{{"deep":{deep},"big":1e999,"\ud800":1,"low":"x\ud800y","srcip":"10.0.0.1"}}}}"#
    );
    assert_eq!(texts(&json, "a.srcip", Letters::Exact), ["10.0.0.1"]);
    assert_eq!(texts(&json, "a.big", Letters::Exact), ["1e999"]);
    assert!(texts(&json, "a.low", Letters::Exact)[0].starts_with('x'));
    assert_eq!(texts(&json, "a.deep", Letters::Exact), [""; 0]);
}

/// What the table finds, and how it ended.
fn found(tree: &Tree<'_>, path: &str) -> Vec<String> {
    let mut found = Vec::new();
    let search = tree.search(Path::new(path), &mut |seen| {
        found.push(match seen {
            Seen::Text(text) => text.to_owned(),
            Seen::Object => "{…}".to_owned(),
        });
        false
    });
    assert_eq!(search == Search::Missing, found.is_empty());
    found
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        Just(json!("")),
        "[a-z\"\\\\é]{1,3}".prop_map(|text| json!(text)),
        any::<i8>().prop_map(|number| json!(number)),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        let key = prop_oneof![
            8 => "[aAb]{1,2}",
            2 => "[aAb.]{0,4}",
            1 => "[\"aé]{1,2}",
        ];
        prop_oneof![
            1 => proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            4 => proptest::collection::vec((key, inner), 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_table_finds_what_walking_finds(value in value(), paths in proptest::collection::vec("[aAb.]{1,6}|[ab](\\.[ab]){0,3}|é", 1..20)) {
        for text in [value.to_string(), format!("{value:#}")] {
            let tree = Tree::new(&text);
            for path in &paths {
                let walked = match texts(&text, path, Letters::Exact) {
                    none if none.is_empty() => texts(&text, path, Letters::AnyCase),
                    found => found,
                };
                prop_assert_eq!(found(&tree, path), walked, "{}", path);
            }
        }
    }

    #[test]
    fn no_text_panics_and_no_part_lies_outside_of_it(text in "[\\[\\]{}:,\"\\\\ a0né]{0,40}") {
        let tree = Tree::new(&text);
        for path in ["a", "0", "a.a", "é", ""] {
            found(&tree, path);
        }
        tree.leaves("a", 12, &mut |_, _| false);
    }
}

#[test]
fn paths_made_to_crowd_the_table_are_found_by_walking() {
    let fields: Vec<String> = (0..2_000)
        .map(|n| format!("\"k{n}\":{{\"x.y\":{n}}}"))
        .collect();
    let text = format!("{{{}}}", fields.join(","));
    let mut tree = Tree::new(&text);
    tree.places = Places::crowded();
    assert_eq!(found(&tree, "k77.x.y"), ["77"]);
    assert_eq!(found(&tree, "K77.X.y"), ["77"]);
    assert_eq!(found(&tree, "k77.x"), [""; 0]);
}
