//! What holds for any text: redacting twice is redacting once, lines stay lines, growth is bounded, indicators survive.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::LazyLock;

use alertbridge_triage::Redactor;
use proptest::prelude::*;
use serde_json::Value;

static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| Redactor::built_in().unwrap());

/// A placeholder is at most 24 bytes, the shortest thing it stands for is one.
const MOST_GROWTH: usize = 24;

/// Pieces that mean something to the rules, in any order.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("password".to_owned()),
        Just("=".to_owned()),
        Just(": ".to_owned()),
        Just("\"".to_owned()),
        Just("'".to_owned()),
        Just("\\\"".to_owned()),
        Just("\\r\\n".to_owned()),
        Just("\n".to_owned()),
        Just("&quot;".to_owned()),
        Just("%3D".to_owned()),
        Just("%2".to_owned()),
        Just("-p".to_owned()),
        Just(" ".to_owned()),
        Just("mysql ".to_owned()),
        Just("net use ".to_owned()),
        Just("net user ".to_owned()),
        Just("[REDACTED:".to_owned()),
        Just("[REDACTED:password]".to_owned()),
        Just("]".to_owned()),
        Just("[decoded: ".to_owned()),
        Just("-enc ".to_owned()),
        Just("aABpACAAbABvAG4AZwBlAHIA".to_owned()),
        Just("|".to_owned()),
        Just("echo ".to_owned()),
        Just("chpasswd".to_owned()),
        Just("proctitle=".to_owned()),
        Just("6D7973716C00".to_owned()),
        Just("-----BEGIN RSA PRIVATE KEY-----".to_owned()),
        Just("-----END ".to_owned()),
        Just("://a:b@".to_owned()),
        Just("Authorization: Basic ".to_owned()),
        Just("eyJabcdefghij.abcdefgh".to_owned()),
        Just("token".to_owned()),
        Just("{".to_owned()),
        Just("}".to_owned()),
        Just("[\"".to_owned()),
        Just("Cookie: ".to_owned()),
        Just("\\".to_owned()),
        Just("curl -u ".to_owned()),
        Just("/v api_key /d ".to_owned()),
        Just("\u{1F511}".to_owned()),
        Just("\u{2028}".to_owned()),
        Just("\u{200b}".to_owned()),
        Just("\u{fb01}".to_owned()),
        Just("\u{ff50}\u{ff57}\u{ff44}".to_owned()),
        Just("\0".to_owned()),
        Just("^".to_owned()),
        Just(" a0=\"".to_owned()),
        Just("psexec.py ".to_owned()),
        Just("a/b:c'@d".to_owned()),
        Just("s".to_owned()),
        Just("_1".to_owned()),
        "[a-zA-Z0-9$:/@.,;-]{1,8}",
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn redacting_twice_is_redacting_once_and_the_last_look_finds_nothing(text in hostile()) {
        let once = REDACTOR.redact_text(&text).text;
        prop_assert_eq!(&REDACTOR.redact_text(&once).text, &once);
        prop_assert_eq!(REDACTOR.scan(&once), vec![]);
        prop_assert!(once.len() <= MOST_GROWTH * text.len() + MOST_GROWTH);
    }

    #[test]
    fn a_title_is_one_short_line_and_redacted(text in hostile()) {
        let title = REDACTOR.redact_title(&text);
        prop_assert!(title.len() <= 1024 && !title.contains(char::is_control));
        prop_assert_eq!(REDACTOR.scan(&title), vec![]);
    }

    #[test]
    fn no_value_is_taken_from_another_line(name in "(password|token|api_key|--password|-p|net user bob|mysql -p|PASS|Cookie:)", end in "(\n|\r\n|\r)", next in "[a-z]{3,12}") {
        let text = format!("{name}{end}{next}{end}{name}={end}{next}");
        let redacted = REDACTOR.redact_text(&text).text;
        prop_assert_eq!(redacted.matches(&next).count(), text.matches(&next).count(), "{}", redacted);
    }

    #[test]
    fn an_alert_of_any_form_is_redacted_without_a_panic(text in hostile(), key in hostile(), depth in 0_usize..200) {
        let mut alert = serde_json::json!({ &key: text, "password": {"value": text}, "a0": key, "a1": text });
        for _ in 0..depth {
            alert = Value::Array(vec![alert, Value::Null]);
        }
        let once = REDACTOR.redact_alert(&alert);
        prop_assert_eq!(REDACTOR.redact_alert(&once.value).value, once.value);
    }

    #[test]
    fn indicators_survive_beside_secrets(
        ip in "(8|31|203)\\.[1-9][0-9]?\\.[0-9]{1,2}\\.[1-9]", domain in "[a-z]{4,12}\\.(com|net|top)", md5 in "[0-9a-f]{32}",
        sha256 in "[0-9A-F]{64}", path in "C:\\\\\\\\Users\\\\\\\\[a-z]{3,8}\\\\\\\\[a-z]{3,8}\\.exe", user in "[a-z]{4,8}",
        cve in "CVE-20[12][0-9]-[0-9]{4,5}", secret in "[A-Z][a-z]{5}[0-9]{4}!",
    ) {
        let texts = [
            format!("user={user} src={ip} {domain} password={secret} MD5={md5},SHA256={sha256} {path} {cve}"),
            format!("{path} -o http://{user}:{secret}@{domain}/x --dst {ip} --hash {md5} {sha256} {cve}"),
            format!(r#"{{"user":"{user}","password":"{secret}","ip":"{ip}","d":"{domain}","h":["{md5}","{sha256}"],"c":"{cve}","p":"{path}"}}"#),
            format!("cmd /c net use \\\\{domain}\\c$ /user:{user} {secret} & {path} {ip} {md5} {sha256} {cve}"),
        ];
        for text in texts {
            let redacted = REDACTOR.redact_text(&text).text;
            prop_assert!(!redacted.contains(&secret), "{redacted}");
            for kept in [&ip, &domain, &md5, &sha256, &path, &user, &cve] {
                prop_assert!(redacted.contains(kept.as_str()), "{} is gone: {}", kept, redacted);
            }
        }
    }
}

#[test]
fn time_grows_with_the_size_and_no_faster() {
    // Each is made to cost the most it can: long lines, quotes that never close, stems without values, leads without ends.
    let shapes = [
        "password=",
        "\"",
        "'",
        "\\\"",
        "%41",
        "&quot;",
        "-----BEGIN RSA PRIVATE KEY-----",
        "eyJ",
        "://a:",
        "net use ",
        "-enc ",
        "[",
        "(",
        "mysql -p",
        "0123456789",
        "a=",
        "AB12",
        "sk-",
        "{\"a\":",
        "token: \\",
        "user::",
        "$6$",
        "Authorization: Digest ",
        "x.py a:",
        "\\u0022",
        "login x password ",
        "exp -a ",
        "doI",
        "[REDACTED:",
        "^a",
        "a0=\"x\" ",
        "\u{ff50}\u{200b}=",
        "smbclient //a/b ",
        "psexec.py a:b@",
        "passwords_1=",
        "a/b:c@",
        "password=&a",
        "name\", \"value",
    ];
    for shape in shapes {
        let time = |size: usize| {
            let text = shape.repeat(size / shape.len());
            let start = std::time::Instant::now();
            std::hint::black_box(REDACTOR.redact_text(&text));
            start.elapsed().as_secs_f64()
        };
        // The best of several: on a busy machine one can take any time.
        let best = |size: usize| (0..4).map(|_| time(size)).fold(f64::MAX, f64::min);
        let (small, large) = (best(1 << 12).max(0.002), best(1 << 15));
        // 8 times the text; quadratic would be 64 times the time.
        assert!(large < small * 40.0, "{shape:?}: {small} s, then {large} s");
    }
}

#[test]
fn what_is_too_large_or_too_deep_is_not_let_through() {
    let huge = format!("password=hunter2 {}", "x".repeat(17 << 20));
    assert_eq!(REDACTOR.redact_text(&huge).text, "[REDACTED:oversize]");
    let mut deep = Value::String("hunter2".to_owned());
    for _ in 0..1000 {
        deep = Value::Array(vec![deep]);
    }
    let redacted = REDACTOR.redact_alert(&deep);
    assert!(!redacted.value.to_string().contains("hunter2"));
    assert_eq!(redacted.found, [("too_deep".to_owned(), 1)]);
}

#[test]
fn registered_secrets_go_wherever_they_stand_and_are_never_printed() {
    let redactor = Redactor::built_in()
        .unwrap()
        .with_secrets(["our-own-bearer", "tiny"])
        .unwrap();
    assert_eq!(
        redactor.redact_text("x our-own-bearer y tiny").text,
        "x [REDACTED:registered] y tiny"
    );
    for text in [
        "OUR-own-Bearer",
        "our%2Down%2dbearer",
        "our%252Down%252Dbearer",
        "our&#45;own&#x2d;bearer",
        "our-own\u{200b}-bearer",
        "b3VyLW93bi1iZWFyZXI=",
        "dXNlcjpvdXItb3duLWJlYXJlcg==",
        "eDpvdXItb3duLWJlYXJlcg",
        "{\\\"k\\\":\\\"our\\u002down-bearer\\\"}",
    ] {
        let redacted = redactor.redact_text(text).text;
        assert!(redacted.contains("[REDACTED:registered]"), "{redacted}");
    }
    assert_eq!(redactor.scan("x our-own-bearer").len(), 1);
    assert!(!format!("{redactor:?}").contains("bearer"));
}
