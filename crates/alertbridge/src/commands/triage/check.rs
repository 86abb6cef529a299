//! `alertbridge triage check`: whether the model's server will do, found out by one whole question.

use std::time::{Duration, Instant};

use alertbridge_alert::Alert;
use alertbridge_triage::model::{FailureClass, ModelError};
use serde::Serialize;

use super::{reviewer, section};
use crate::{
    cli, clock,
    commands::print_json,
    exit::Exit,
    failure::Failure,
    output,
    table::printable,
    triage::{Asked, Material, Reviewer},
};

/// An alert such as many come: a failed login, made up.
const SAMPLE: &str = r#"{"timestamp":"2026-01-01T00:00:00.000+0000","rule":{"level":10,"description":"sshd: brute force trying to get access to the system. Authentication failed.","id":"5763","mitre":{"id":["T1110"],"tactic":["Credential Access"],"technique":["Brute Force"]},"frequency":8,"firedtimes":2,"groups":["syslog","sshd","authentication_failures"]},"agent":{"id":"004","name":"web-1","ip":"10.0.0.14"},"manager":{"name":"wazuh"},"id":"1.1","full_log":"Jan  1 00:00:00 web-1 sshd[3121]: Failed password for invalid user admin from 203.0.113.7 port 50122 ssh2","decoder":{"parent":"sshd","name":"sshd"},"data":{"srcip":"203.0.113.7","srcport":"50122","srcuser":"admin"},"location":"/var/log/auth.log"}"#;

/// What was found.
#[derive(Serialize)]
struct Checked {
    model: String,
    url: String,
    version: Option<String>,
    digest: Option<String>,
    context_tokens: u32,
    model_context_tokens: Option<u64>,
    loaded: Option<bool>,
    pseudonyms: bool,
    load_seconds: f64,
    question_seconds: f64,
    prompt_tokens: u64,
    answer_tokens: u64,
    repaired: bool,
    verdict: String,
    alerts_per_hour: f64,
    warnings: Vec<String>,
}

/// Runs the command.
pub fn run(arguments: &cli::Output) -> Result<Exit, Failure> {
    let (config, section) = section(&arguments.config)?;
    let reviewer = reviewer(&config, &section)?;
    let runtime = super::super::super::runtime()?;
    let facts = runtime
        .block_on(reviewer.model().look())
        .map_err(|error| failure(&error))?;
    let context = facts.usable_context(section.model.context_tokens);
    reviewer.fit(context);
    let load = runtime
        .block_on(reviewer.model().preload())
        .map_err(|error| failure(&error))?;
    let (asked, verdict, took) = runtime.block_on(one_question(&reviewer))?;
    let mut warnings = facts.hints.clone();
    if asked.questions > 1 {
        warnings.push("the first answer did not keep to the form and had to be mended; a model that does so often is slow and fails more".to_owned());
    }
    let checked = Checked {
        model: reviewer.model().name().to_owned(),
        url: section.model.url.clone(),
        version: facts.version.clone(),
        digest: asked.digest.clone(),
        context_tokens: context,
        model_context_tokens: facts.model_context,
        loaded: facts.loaded,
        pseudonyms: section.uses_pseudonyms(),
        load_seconds: load.as_secs_f64(),
        question_seconds: took.as_secs_f64(),
        prompt_tokens: asked.prompt_tokens,
        answer_tokens: asked.answer_tokens,
        repaired: asked.questions > 1,
        verdict,
        alerts_per_hour: 3600.0 / took.as_secs_f64().max(0.001),
        warnings,
    };
    if arguments.json {
        print_json(&checked)?;
    } else {
        output::print(text(&checked))?;
    }
    Ok(Exit::Success)
}

/// The whole way but the writing: a form that is kept, evidence that is there.
async fn one_question(reviewer: &Reviewer) -> Result<(Asked, String, Duration), Failure> {
    let alert = Alert::parse(SAMPLE.as_bytes().to_vec()).map_err(Failure::fault)?;
    let mut material = Material::of_alert(&alert);
    // Never answered from the server's cache of whole prompts.
    material.facts.push(alertbridge_triage::Fact {
        label: "checked at".to_owned(),
        text: clock::now().to_string(),
        passing: true,
    });
    let prompt = reviewer
        .prompt(&material, false)
        .map_err(|error| Failure::new(Exit::Config, error))?;
    let begun = Instant::now();
    let asked = reviewer
        .ask(&prompt, 1)
        .await
        .map_err(|error| failure(&error))?;
    let took = begun.elapsed();
    let provenance = reviewer.provenance(Some(&prompt), Some(&asked), 0);
    let (_, kept) = reviewer.judge(asked.answer.clone(), &prompt, &material, provenance);
    Ok((asked, kept.verdict, took))
}

fn failure(error: &ModelError) -> Failure {
    let exit = match error.class {
        FailureClass::Auth => Exit::Permission,
        FailureClass::ModelMissing | FailureClass::CloudRefused => Exit::Config,
        _ => Exit::Unavailable,
    };
    Failure::new(exit, format!("{}: {}", error.class.as_str(), error.text))
}

fn text(checked: &Checked) -> String {
    let known = |text: &Option<String>| {
        text.as_deref()
            .map_or_else(|| "not told".to_owned(), printable)
    };
    let mut lines = vec![
        format!(
            "server   {} (version {})",
            printable(&checked.url),
            known(&checked.version)
        ),
        format!(
            "model    {} ({})",
            printable(&checked.model),
            known(&checked.digest)
        ),
        format!(
            "context  {} tokens are used{}",
            checked.context_tokens,
            checked
                .model_context_tokens
                .map_or_else(String::new, |most| format!(", the model has {most}"))
        ),
        format!(
            "names    {}",
            if checked.pseudonyms {
                "are replaced before anything is sent"
            } else {
                "are sent as they are; secrets never are"
            }
        ),
        format!("loading  {:.1} s", checked.load_seconds),
        format!(
            "question {:.1} s for {} tokens and an answer of {}: verdict {}, form kept{}",
            checked.question_seconds,
            checked.prompt_tokens,
            checked.answer_tokens,
            checked.verdict,
            if checked.repaired {
                " at the second try"
            } else {
                ""
            }
        ),
        format!(
            "\nabout {:.0} alerts an hour with one worker; a larger alert takes longer",
            checked.alerts_per_hour
        ),
    ];
    lines.extend(
        checked
            .warnings
            .iter()
            .map(|warning| format!("warning: {}", printable(warning))),
    );
    lines.push(String::new());
    lines.join("\n")
}
