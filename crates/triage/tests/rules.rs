//! Rules of an operator's own, and what is redacted by its place in an alert.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use alertbridge_triage::{Redactor, Rules};
use serde_json::json;

#[test]
fn rules_of_an_operator_are_added_to_the_built_in_ones() {
    let rules = r#"
        disable = ["iban"]
        never_names = ["ticket_token"]
        [[names]]
        kind = "secret"
        last = ["door_code"]
        [[shapes]]
        name = "badge"
        kind = "badge"
        pattern = 'BDG-(?<secret>[0-9]{6})'
        gate = true
        [[programs]]
        names = ["ourtool"]
        next = ["--pin"]
    "#;
    let redactor = Redactor::new(Rules::with(rules).unwrap()).unwrap();
    for (text, expected) in [
        (
            "front-door-code=1234 x",
            "front-door-code=[REDACTED:secret] x",
        ),
        ("seen BDG-123456", "seen BDG-[REDACTED:badge]"),
        (
            "ourtool --pin 0000 go",
            "ourtool --pin [REDACTED:password] go",
        ),
        ("ticket_token=abc", "ticket_token=abc"),
        ("DE89370400440532013000", "DE89370400440532013000"),
        ("password=abc", "password=[REDACTED:password]"),
    ] {
        assert_eq!(redactor.redact_text(text).text, expected);
    }
    assert_eq!(redactor.scan("BDG-123456").len(), 1);
}

#[test]
fn a_rule_that_cannot_be_used_is_named() {
    for (rules, word) in [
        ("disable = [\"nothing\"]", "nothing"),
        (
            "[[shapes]]\nname = \"mine\"\nkind = \"x\"\npattern = '('",
            "mine",
        ),
        (
            "[[shapes]]\nname = \"mine\"\nkind = \"x\"\npattern = 'a*'",
            "empty text",
        ),
        (
            "[[shapes]]\nname = \"mine\"\nkind = \"a b\"\npattern = 'a'",
            "a b",
        ),
        ("unknown = 1", "unknown"),
    ] {
        let error = Rules::with(rules).and_then(Redactor::new).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn names_lists_and_json_within_texts_of_an_alert_decide() {
    let redactor = Redactor::built_in().unwrap();
    let alert = json!({
        "password": "a b", "apiToken": 12345, "client_secret": null, "pwd": "/root/x", "TokenElevationType": "%%1936",
        "credentials": {"secretAccessKey": "k", "accessKeyId": "kept"},
        "env": [{"name": "DB_PASSWORD", "value": "x1"}, {"name": "MODE", "value": "prod"}],
        "argv": ["mysql", "-uroot", "-ppw"],
        "execve": {"a0": "sshpass", "a1": "-p", "a2": "74776F20776F726473", "a3": "ssh"},
        "ftp": {"command": "PASS", "command_data": "x2"},
        "full_log": "{\"argv\":[\"mysql\",\"-ppw\"],\"ip\":\"203.0.113.9\"}",
    });
    let redacted = redactor.redact_alert(&alert).value;
    let expected = json!({
        "password": "[REDACTED:password]", "apiToken": "[REDACTED:token]", "client_secret": null, "pwd": "/root/x", "TokenElevationType": "%%1936",
        "credentials": {"secretAccessKey": "[REDACTED:secret]", "accessKeyId": "kept"},
        "env": [{"name": "DB_PASSWORD", "value": "[REDACTED:password]"}, {"name": "MODE", "value": "prod"}],
        "argv": ["mysql", "-uroot", "-p[REDACTED:password]"],
        "execve": {"a0": "sshpass", "a1": "-p", "a2": "[REDACTED:password]", "a3": "ssh"},
        "ftp": {"command": "PASS", "command_data": "[REDACTED:password]"},
        "full_log": "{\"argv\":[\"mysql\",\"-p[REDACTED:password]\"],\"ip\":\"203.0.113.9\"}",
    });
    assert_eq!(redacted, expected);
}

#[test]
fn a_title_has_no_password_and_is_one_line() {
    let redactor = Redactor::built_in().unwrap();
    let title = redactor.redact_title("Executed: net user bob Hunter22 /add\r\nby root");
    assert_eq!(
        title,
        "Executed: net user bob [REDACTED:password] /add  by root"
    );
}
