//! What the configuration takes, what it refuses, and what the environment lays over it.

use super::*;

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(text, [])
}

#[test]
fn an_empty_file_is_the_defaults_and_lacks_only_a_sink() {
    let config = parse("").unwrap();
    assert!(
        !config.sources.follower.gate().passes_level(6)
            && config.sources.follower.gate().passes_level(7)
    );
    assert!(config.sources.hook.gate().passes_level(0));
    assert!(config.check().unwrap_err().contains("[sinks.iris]"));
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_the_nearest_name() {
    let message = parse("[ledger]\npayload_day = 3\n").unwrap_err();
    assert!(message.contains("line 2"), "{message}");
    assert!(
        message.contains("did you mean `payload_days`?"),
        "{message}"
    );
}

#[test]
fn the_environment_overrides_the_file() {
    let environment = [
        ("ALERTBRIDGE__SOURCES__FOLLOWER__MINIMUM_LEVEL", "3"),
        ("ALERTBRIDGE__LEDGER__PATH", "/tmp/x.db"),
        ("ALERTBRIDGE_HOOK_SOCKET", "/not/for/us"),
    ];
    let config = Config::parse(
        "[sources.follower]\nminimum_level = 9\n",
        environment.map(|(name, value)| (name.into(), value.into())),
    )
    .unwrap();
    assert_eq!(config.sources.follower.minimum_level, Some(3));
    assert_eq!(config.ledger.path, PathBuf::from("/tmp/x.db"));
}

#[test]
fn the_python_workers_environment_keeps_its_meaning() {
    let environment = [
        ("IRIS_BASE_URL", "https://iris:8443"),
        ("IRIS_BEARER", "73952864"),
        ("IRIS_VERIFY_SSL", "false"),
        ("OLLAMA_URL", "http://127.0.0.1:11434/api/generate"),
        ("OLLAMA_MODEL", "phi4-mini:latest"),
        ("OLLAMA_TIMEOUT", "90"),
        ("OLLAMA_MAX_CHARS", "4500"),
        ("OLLAMA_FAIL_LIMIT", "5"),
        ("OLLAMA_COOLDOWN_SECONDS", "120"),
        ("AI_WORKER_POLL_SECONDS", "180"),
        ("AI_WORKER_PAGE_SIZE", "30"),
        ("AI_WORKER_MAX_PER_CYCLE", "3"),
        ("AI_TAG_PENDING", "ki-wartet"),
    ];
    let config = Config::parse(
        "[sinks.iris]\nurl = \"https://other\"\nkey_file = \"/k\"\n",
        environment.map(|(name, value)| (name.into(), value.into())),
    )
    .unwrap();
    let iris = config.sinks.iris.unwrap();
    assert_eq!(iris.url, "https://iris:8443");
    assert!(iris.key.is_some() && iris.key_file.is_none());
    assert!(iris.tls.danger_accept_any_certificate);
    let triage = config.triage.unwrap();
    assert_eq!(triage.check(), Ok(()));
    assert_eq!(
        (triage.poll_interval, triage.page_size, triage.max_per_cycle),
        (180, 30, 3)
    );
    assert_eq!((triage.failures, triage.rest), (5, 120));
    assert_eq!(triage.largest_input, 4500);
    assert_eq!(triage.tags.pending, "ki-wartet");
    assert_eq!(triage.model.model, "phi4-mini:latest");
    assert_eq!(triage.model.whole_timeout, 90);
}

fn seed(variables: &[(&str, &str)]) -> Result<Config, String> {
    let variables = variables.iter();
    Config::parse(
        "",
        variables.map(|(name, value)| (name.into(), value.into())),
    )
}

#[test]
fn a_switch_of_the_environment_knows_its_words_and_no_other() {
    for (word, means) in [
        ("1", true),
        ("true", true),
        ("YES", true),
        (" On ", true),
        ("0", false),
        ("False", false),
        ("no", false),
        ("off", false),
    ] {
        let config = seed(&[
            ("AI_PSEUDONYMIZE", word),
            ("AI_ALLOW_CLOUD", word),
            ("IRIS_BASE_URL", "https://iris"),
            ("IRIS_VERIFY_SSL", word),
        ])
        .unwrap();
        let triage = config.triage.unwrap();
        assert_eq!(triage.pseudonyms, Some(means), "{word}");
        assert_eq!(triage.model.allow_cloud, means, "{word}");
        let tls = config.sinks.iris.unwrap().tls;
        assert_eq!(tls.danger_accept_any_certificate, !means, "{word}");
    }
    for name in [
        "AI_PSEUDONYMIZE",
        "AI_ALLOW_CLOUD",
        "IRIS_VERIFY_SSL",
        "OLLAMA_REDACT_SECRETS",
    ] {
        for word in ["enabled", "y", "2", "tru", "ja", "\u{ff11}"] {
            let message = seed(&[(name, word)]).unwrap_err();
            assert!(
                message.contains(name) && message.contains("yes") && message.contains("off"),
                "{message}"
            );
        }
        assert!(
            seed(&[(name, " ")]).is_ok(),
            "empty is as if it were not there"
        );
    }
}

#[test]
fn the_python_workers_one_time_limit_covers_the_first_token_too() {
    for (seconds, first_byte) in [("90", 300), ("300", 300), ("900", 900)] {
        let model = seed(&[("OLLAMA_TIMEOUT", seconds)]).unwrap();
        let model = model.triage.unwrap().model;
        assert_eq!(model.whole_timeout.to_string(), seconds);
        assert_eq!(model.first_byte_timeout, first_byte);
    }
    let file = "[triage.model]\nfirst_byte_timeout = 1000\n";
    let config = Config::parse(file, [("OLLAMA_TIMEOUT".into(), "900".into())]).unwrap();
    assert_eq!(config.triage.unwrap().model.first_byte_timeout, 1000);
}

#[test]
fn redaction_can_not_be_switched_off() {
    let environment = [("OLLAMA_REDACT_SECRETS".into(), "false".into())];
    let message = Config::parse("", environment).unwrap_err();
    assert!(message.contains("OLLAMA_REDACT_SECRETS"), "{message}");
}

#[test]
fn an_unknown_override_is_refused_too() {
    let environment = [("ALERTBRIDGE__LEDGER__PAHT".into(), "x".into())];
    let message = Config::parse("", environment).unwrap_err();
    assert!(message.contains("did you mean `path`?"), "{message}");
}

#[test]
fn a_bad_matcher_is_told_with_its_place() {
    let message =
        parse("[sources.follower.gate]\nany_of = [\"rule.level >= 8\", \"agent.name =~ (\"]\n")
            .unwrap_err();
    assert!(message.contains("line 2"), "{message}");
    let both = "[sources.hook]\nminimum_level = 3\n[sources.hook.gate]\npreset = \"async-ai\"\n[sinks.iris]\nurl = \"https://i\"\n";
    assert!(
        parse(both)
            .unwrap()
            .check()
            .unwrap_err()
            .contains("[sources.hook.gate]")
    );
}

#[test]
fn what_a_start_would_refuse_is_told_before() {
    let sink = "[sinks.iris]\nurl = \"https://i\"\n";
    for (text, says) in [
        ("[log]\nlevel = \"a=b=c,,\"\n", "log.level"),
        ("[ledger]\npath = \"\"\n", "ledger.path"),
        (
            &format!("[sources.hook]\nsocket = \"/{}\"\n", "x".repeat(120)),
            "107",
        ),
    ] {
        let message = parse(&format!("{text}{sink}"))
            .unwrap()
            .check()
            .unwrap_err();
        assert!(message.contains(says), "{message}");
    }
}

#[test]
fn no_fault_repeats_a_secret() {
    for text in [
        "[sinks.iris]\nurl = \"https://i\"\nkey = \"S3CRETKEY\" x\n",
        "[sinks.iris]\nkey = 73952864\n",
        "sinks.iris = { url = \"https://i\", key = \"S3CRETKEY\", kee = 1 }\n",
    ] {
        let message = parse(text).unwrap_err();
        assert!(
            !message.contains("S3CRETKEY") && !message.contains("73952864"),
            "{message}"
        );
        assert!(message.contains("line "), "{message}");
    }
    let environment = [("ALERTBRIDGE__SINKS__IRIS__KEY".into(), "73952864".into())];
    let config = Config::parse("", environment).unwrap();
    assert!(config.sinks.iris.is_some(), "a key of digits is a text");
}

#[test]
fn begin_takes_a_time() {
    let config = parse("[sources.follower]\nbegin = \"2026-11-20T00:00:00Z\"\n").unwrap();
    assert!(matches!(config.sources.follower.begin, Begin::Time(_)));
    assert!(
        parse("[sources.follower]\nbegin = \"yesterday\"\n")
            .unwrap_err()
            .contains("\"end\"")
    );
}

#[test]
fn the_shipped_configuration_loads_with_every_key_it_shows() {
    let text = include_str!("../../../../packaging/alertbridge.toml");
    let config = parse(text).unwrap();
    config.check().unwrap();
    // Every key that is commented out is one there is.
    let uncommented: String = text
        .lines()
        .map(|line| line.strip_prefix("#: ").unwrap_or(line))
        .collect::<Vec<_>>()
        .join("\n");
    parse(&uncommented).unwrap();
}
