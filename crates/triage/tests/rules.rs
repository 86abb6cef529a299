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

#[test]
fn below_a_name_of_a_secret_nothing_is_left_however_the_name_is_written() {
    const SECRET: &str = "Hunter2Xy!";
    let redactor = Redactor::built_in().unwrap();
    for name in [
        "password_1",
        "password1",
        "secret-2",
        "password'1",
        "password\n",
        " password\t",
        "pass\u{200b}word",
        "\u{202e}password",
        "\u{ff50}\u{ff41}\u{ff53}\u{ff53}\u{ff57}\u{ff4f}\u{ff52}\u{ff44}",
        "db_password\u{ad}",
        "api\u{2060}key",
        "p.assword",
        "passwords",
        "secrets",
        "tokens",
        "api_keys",
        "accessTokens_2",
        "$password",
        "<password>",
    ] {
        for value in [
            json!(SECRET),
            json!([SECRET, "x"]),
            json!([[SECRET]]),
            json!({"a": {"b": SECRET}}),
            json!([{"a": SECRET}]),
            json!({"<|im_end|>": SECRET}),
            json!({"": [{"\n": SECRET}]}),
        ] {
            let alert = json!({ name: value });
            let redacted = redactor.redact_alert(&alert);
            assert!(
                !redacted.value.to_string().contains(SECRET),
                "{alert}: {}",
                redacted.value
            );
            assert_eq!(redactor.redact_alert(&redacted.value).value, redacted.value);
        }
    }
    let kept = json!({
        "tokenPrivileges": "SeDebugPrivilege", "max_tokens": 4096, "failed_passwords": "3", "PasswordLastSet": "today", "keys": ["a"], "bypass1": "x",
        "authorization": {"action": "Microsoft.Storage/read", "scope": "/subscriptions/1"}, "password": {"expired": true, "kept": null},
    });
    assert_eq!(redactor.redact_alert(&kept).value, kept);
}

#[test]
fn arguments_side_by_side_are_read_as_one_line() {
    let redactor = Redactor::built_in().unwrap();
    for (words, kept) in [
        (vec!["password:", "Hunter2Xy!"], "password:"),
        (vec!["PASSWORD", "=", "\"Hunter2Xy!\""], "PASSWORD"),
        (vec!["'password'", "=>", "'Hunter2Xy!'"], "=>"),
        (
            vec!["<add", "key=\"password\"", "value=\"Hunter2Xy!\"/>"],
            "<add",
        ),
        (
            vec!["net", "u^se", "x:", "/user:bob", "Hunter2Xy!"],
            "/user:bob",
        ),
        (
            vec!["python3", "psexec.py", "dom/bob:Hunter2Xy!@10.0.0.1"],
            "dom/bob:",
        ),
        (
            vec!["secretsdump.py", "'dom/bob:Hunter2Xy!'@h", "x"],
            "dom/bob:",
        ),
        (vec!["n^et", "user", "bob", "Hunt^er2Xy!"], "bob"),
        (vec!["smbclient", "//h/s", "Hunter2Xy!", "-U", "bob"], "-U"),
        (vec!["\u{ff50}wd=Hunter2Xy!", "x"], "x"),
    ] {
        let split = words
            .iter()
            .enumerate()
            .map(|(index, word)| (format!("a{index}"), json!(word)));
        let split = serde_json::Value::Object(split.collect());
        for alert in [json!(words), split] {
            let redacted = redactor.redact_alert(&alert).value.to_string();
            assert!(
                !redacted.contains("er2Xy!") && redacted.contains(kept),
                "{alert}: {redacted}"
            );
        }
    }
    let kept = json!(["password", "changed:", "by", "bob"]);
    assert_eq!(redactor.redact_alert(&kept).value, kept);
    let kept = json!({"user": "bob", "list": ["smbclient", "-U", "bob", "//h/s", "-L", "//h"]});
    assert_eq!(redactor.redact_alert(&kept).value, kept);
}

#[test]
fn what_is_written_so_that_it_is_not_found_is_found() {
    let redactor = Redactor::built_in().unwrap();
    for (text, expected) in [
        (
            "pass\u{200b}word=Hunter2Xy! x",
            "pass\u{200b}word=[REDACTED:password] x",
        ),
        (
            "password=Hunt\u{200b}er2Xy! x",
            "password=[REDACTED:password] x",
        ),
        (
            "a ghp_abcdefghij\u{200b}klmnopqrstuvwxyz0123456789 b",
            "a [REDACTED:token] b",
        ),
        (
            "\u{ff50}\u{ff41}\u{ff53}\u{ff53}\u{ff57}\u{ff4f}\u{ff52}\u{ff44}=Hunter2Xy!",
            "\u{ff50}\u{ff41}\u{ff53}\u{ff53}\u{ff57}\u{ff4f}\u{ff52}\u{ff44}=[REDACTED:password]",
        ),
        (
            "net u^se x: /user:bob Hunter2Xy!",
            "net u^se x: /user:bob [REDACTED:password]",
        ),
        (
            "secretsdump.py 'dom/bob:Hunter2Xy!'@h",
            "secretsdump.py 'dom/bob:[REDACTED:password]'@h",
        ),
        (
            "smbclient //h/s Hunter2Xy! -U bob",
            "smbclient //h/s [REDACTED:password] -U bob",
        ),
        (
            "smbclient //h/s -U bob -c ls",
            "smbclient //h/s -U bob -c ls",
        ),
        (
            "type=EXECVE argc=3 a0=\"PASSWORD\" a1=\"=\" a2=\"Hunter2Xy!\"",
            "type=EXECVE argc=3 a0=\"PASSWORD\" a1=\"=\" a2=\"[REDACTED:password]\"",
        ),
        (
            "passwords=[\"Hunter2Xy!\",\"b1\"]",
            "passwords=[\"[REDACTED:password]\",\"[REDACTED:password]\"]",
        ),
        ("password_1=Hunter2Xy!", "password_1=[REDACTED:password]"),
        (
            "tokens=512 failed passwords: three",
            "tokens=512 failed passwords: three",
        ),
        (
            "a regex ^a^b$ and caf\u{e9}\u{200b} stay",
            "a regex ^a^b$ and caf\u{e9}\u{200b} stay",
        ),
    ] {
        assert_eq!(redactor.redact_text(text).text, expected);
    }
    let coded = "powershell -en^c bgBlAHQAIAB1AHMAZQByACAAYgBvAGIAIABIAHUAbgB0AGUAcgAyAFgAeQAhACAALwBhAGQAZAA=";
    for text in [coded.to_owned(), coded.replace('^', "\u{200b}")] {
        let redacted = redactor.redact_text(&text).text;
        assert!(
            redacted.ends_with("[decoded: net user bob [REDACTED:password] /add]"),
            "{redacted}"
        );
    }
    // What a name and its value are divided by in an audit record is no value.
    let redacted = redactor
        .redact_text("type=EXECVE a0=\"password:\" a1=\"Hunter2Xy!\" a2=\"x\"")
        .text;
    assert!(!redacted.contains("Hunter2Xy!"), "{redacted}");
}
