//! The language of matchers: what is written is what is read back, nothing panics, and an error says where and what.
#![expect(clippy::unwrap_used, reason = "a failed step ends the test")]

use alertbridge_pipeline::{GateConfig, Matcher, Matchers};
use proptest::prelude::*;

/// Texts with everything that the language uses for itself.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::string::string_regex("[a-z0-9.*\\\\ ,=!~<>{}\"\n#:/-]{0,12}").unwrap(),
        any::<String>(),
    ]
}

fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", escaped.replace('\n', "\\n"))
}

fn matcher() -> impl Strategy<Value = Matcher> {
    let field = prop_oneof![
        Just("rule.id".to_owned()),
        Just("data.win.eventdata.image".to_owned()),
        Just("0day".to_owned()),
        text().prop_filter("a field", |path| !path.is_empty() && path.len() <= 256),
    ];
    let network = prop_oneof![
        Just("10.0.0.0/8"),
        Just("10.1.2.3"),
        Just("fe80::/10"),
        Just("::ffff:10.0.0.1"),
    ];
    let test = prop_oneof![
        text().prop_map(|text| format!("= {}", quoted(&text))),
        text().prop_map(|text| format!("!= {}", quoted(&text))),
        Just(r#"=~ "web-\\d+|a\"b""#.to_owned()),
        Just("!~ web-.*".to_owned()),
        (any::<f64>(), 0_usize..4)
            .prop_filter("finite", |(number, _)| number.is_finite())
            .prop_map(|(number, operator)| format!(
                "{} {number:?}",
                ["<", "<=", ">", ">="][operator]
            )),
        proptest::collection::vec(network.clone(), 1..4)
            .prop_map(|networks| format!("in {}", networks.join(", "))),
        network.prop_map(|network| format!("not in {network}")),
        Just("exists".to_owned()),
        Just("!exists".to_owned()),
    ];
    (field, test).prop_map(|(field, test)| format!("{} {test}", quoted(&field)).parse().unwrap())
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_the_same(matchers in proptest::collection::vec(matcher(), 1..5)) {
        for matcher in &matchers {
            prop_assert_eq!(&matcher.to_string().parse::<Matcher>().unwrap(), matcher);
        }
        let set = Matchers::new(matchers).unwrap();
        prop_assert_eq!(set.to_string().parse::<Matchers>().unwrap(), set);
    }

    #[test]
    fn no_text_panics_the_parser_and_what_it_takes_it_can_write(
        text in prop_oneof![
            any::<String>(),
            "[ab.=!~<>{},\" \\\\()*+1-9n/:inexsto]{0,40}",
            "(rule\\.id ?(=|!=|=~|<=|in|not in|exists) ?(\"[^\"]*\"?|[a-z0-9./]+)?[, ]*){0,4}",
        ]
    ) {
        match text.parse::<Matchers>() {
            Ok(set) => prop_assert_eq!(set.to_string().parse::<Matchers>().unwrap(), set),
            Err(error) => prop_assert!(error.column <= text.chars().count() + 1),
        }
    }
}

#[test]
fn alertmanagers_own_forms_are_read() {
    for (text, same) in [
        (
            r#"{rule.id="5710", agent.name=~"web.*"}"#,
            "{rule.id = 5710 agent.name =~ web.*}",
        ),
        (
            r#"rule.id="5710",agent.name!="lab","#,
            "rule.id = 5710 agent.name != lab",
        ),
        (r#"{ "rule.id" = 5710 }"#, "rule.id=5710"),
        (
            "data.srcip in 10.0.0.0/8,192.168.0.0/16,rule.id=1",
            r#"{data.srcip in "10.0.0.0/8, 192.168.0.0/16", rule.id = "1"}"#,
        ),
        (
            "data.srcip !in ::1 , fe80::/10",
            "data.srcip not in ::1,fe80::/10",
        ),
        ("rule.mitre.id !exists", "rule.mitre.id not exists"),
        (r#"agent.name =~ "web\d""#, r"agent.name =~ web\d"),
        (
            "in in 10.0.0.1 exists exists",
            "{\"in\" in 10.0.0.1, \"exists\" exists}",
        ),
    ] {
        let read: Matchers = text
            .parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(read, same.parse().unwrap(), "{text}");
    }
}

#[test]
fn an_error_names_the_column_and_what_was_expected() {
    for (text, says) in [
        (
            "",
            "column 1: expected a matcher such as `rule.id = 5710`, found none",
        ),
        (
            "{}",
            "column 2: expected a matcher such as `rule.id = 5710`, found none",
        ),
        (
            "rule.id == 5710",
            "column 9: expected one `=` where `==` stands",
        ),
        (
            "rule.id",
            "column 8: expected =, !=, =~, !~, <, <=, >, >=, in, not in, exists or not exists, found the end (a value with blanks needs double quotes)",
        ),
        (
            "full_log = two words",
            "column 21: expected =, !=, =~, !~, <, <=, >, >=, in, not in, exists or not exists, found the end (a value with blanks needs double quotes)",
        ),
        (
            "rule.id =",
            "column 10: expected a value, found the end; write \"\" for an empty one",
        ),
        (
            "rule.id = \"5710",
            "column 11: expected a closing double quote before the end of the text",
        ),
        (
            "{rule.id = 5710",
            "column 16: expected `}` before the end of the text",
        ),
        (
            "{rule.id = 1} x",
            "column 15: expected a comma, a blank or the end of the matchers, found 'x'",
        ),
        (
            ", rule.id = 1",
            "column 1: expected a field such as rule.id (other names need double quotes), found ','",
        ),
        (
            "rule.level >= high",
            "column 15: expected a number, found \"high\"; texts compare with =, !=, =~ and !~",
        ),
        (
            "rule.level >= inf",
            "column 15: expected a number, found \"inf\"; texts compare with =, !=, =~ and !~",
        ),
        (
            "agent.name =~ web-(",
            "column 15: bad regular expression: unclosed group (at its character 5)",
        ),
        (
            "agent.name =~ a{2}",
            "column 16: expected a value in double quotes, because it holds '{'",
        ),
        (
            "ä = b data.srcip in 10.0.0.1/8",
            "column 21: 10.0.0.1/8 has bits behind its prefix: write 10.0.0.0/8 or only the address",
        ),
        (
            "data.srcip in 10.0.0.0/8, 10.0.0.0/40",
            "column 27: expected an address (10.1.2.3) or a network (10.0.0.0/8), found \"10.0.0.0/40\"",
        ),
        ("\"\" = a", "column 1: expected a field of 1 to 256 bytes"),
    ] {
        let error = text.parse::<Matchers>().unwrap_err().to_string();
        assert_eq!(error, format!("matcher, {says}"), "{text}");
    }
    let two = "a = b, c = d".parse::<Matcher>().unwrap_err().to_string();
    assert_eq!(
        two,
        "matcher, column 1: expected a single matcher, found a second one"
    );
}

#[test]
fn a_text_or_pattern_of_hostile_size_is_refused() {
    let long = format!("full_log = \"{}\"", "a".repeat(20_000));
    let error = long.parse::<Matchers>().unwrap_err().to_string();
    assert!(
        error.contains("at most 16 KiB, found 20013 bytes"),
        "{error}"
    );
    let error = "a =~ \"((a{1000}){1000}){1000}\""
        .parse::<Matchers>()
        .unwrap_err()
        .to_string();
    assert!(error.contains("too large when compiled"), "{error}");
    let error = format!("a =~ \"{}\"", "(".repeat(5000))
        .parse::<Matchers>()
        .unwrap_err()
        .to_string();
    assert!(error.contains("more than 4,096 characters"), "{error}");
}

#[test]
fn a_bad_matcher_in_the_configuration_is_shown_with_its_line() {
    let text = "minimum_level = 3\nany_of = [\n  \"rule.level >= 8\",\n  \"rule.id == 5710\",\n]\n";
    let error = toml::from_str::<GateConfig>(text).unwrap_err().to_string();
    assert!(error.contains("line 4, column 3"), "{error}");
    assert!(
        error.contains("matcher, column 9: expected one `=`"),
        "{error}"
    );

    let unknown = toml::from_str::<GateConfig>("minimum_leve = 3\n")
        .unwrap_err()
        .to_string();
    assert!(
        unknown.contains("expected one of `minimum_level`, `any_of`"),
        "{unknown}"
    );
    let number = toml::from_str::<GateConfig>("all_of = [8]\n")
        .unwrap_err()
        .to_string();
    assert!(
        number.contains("expected matchers as a text, such as \"rule.level >= 8\""),
        "{number}"
    );
}
