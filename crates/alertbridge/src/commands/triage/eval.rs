//! `alertbridge triage eval`: how good a model is on alerts of which people know what they were.
//!
//! The whole way of an alert but the writing: prompt, question, repair, guards. Outcomes are kept one a line as they come, so that a run of
//! hours goes on where it stopped. Alerts the model's server fails on are not outcomes: the run ends and goes on later.

use std::{
    fs::{File, OpenOptions},
    io::{IsTerminal, Write},
    path::Path,
    sync::Arc,
};

use alertbridge_triage::{
    evaluation::{Labelled, Outcome, Outcomes, Payload, Place, Report, flips, payloads, plant},
    model::FailureKind,
};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinSet;

use super::{reviewer, section, show};
use crate::{
    cli,
    commands::print_json,
    exit::Exit,
    failure::Failure,
    output,
    triage::{Reviewer, Trouble},
};

/// One question of the run.
struct Task {
    labelled: Labelled,
    /// With this text planted there.
    planted: Option<(&'static Payload, Place)>,
}

/// Runs the command.
pub fn run(arguments: &cli::TriageEval) -> Result<Exit, Failure> {
    let (config, section) = section(&arguments.output.config)?;
    let reviewer = Arc::new(reviewer(&config, &section)?);
    let (labelled, unreadable) = labelled(&arguments.file, arguments.limit)?;
    let (mut outcomes, mut file) = outcomes(arguments.outcomes.as_deref())?;
    if unreadable + outcomes.damaged > 0 {
        eprintln!(
            "{unreadable} lines are no labelled alerts, {} kept outcomes can't be read",
            outcomes.damaged
        );
    }
    let tasks = tasks(labelled, &outcomes, arguments.inject);
    let progress = Progress::new(tasks.len() as u64);
    let runtime = super::super::super::runtime()?;
    // As the worker does: prompts fit what the server holds.
    if let Ok(facts) = runtime.block_on(reviewer.model().look()) {
        reviewer.fit(facts.usable_context(section.model.context_tokens));
    }
    let broken = runtime.block_on(ask_all(
        &reviewer,
        tasks,
        section.workers.max(1),
        |outcome| {
            progress.step();
            keep(&mut outcomes, &mut file, outcome)
        },
    ))?;
    progress.end();
    let report = Report::of(outcomes.all());
    if arguments.output.json {
        print_json(&report)?;
    } else {
        output::print(report.table())?;
    }
    match broken {
        None => Ok(Exit::Success),
        Some(why) => Err(Failure::new(
            Exit::Unavailable,
            format!("the run ended before its end: {why}"),
        )
        .remedy("run it again with the same --outcomes: it goes on where it stopped")),
    }
}

fn labelled(path: &Path, limit: Option<usize>) -> Result<(Vec<Labelled>, u64), Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::io("read", path, &error))?;
    let (mut found, mut unreadable) = (Vec::new(), 0);
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match Labelled::read(line) {
            Ok(labelled) => found.push(labelled),
            Err(_) => unreadable += 1,
        }
    }
    if found.is_empty() {
        return Err(Failure::new(
            Exit::Config,
            format!("{} holds no labelled alert", path.display()),
        )
        .remedy("one JSON object a line: id, label (TP or FP), alert"));
    }
    found.truncate(limit.unwrap_or(usize::MAX));
    Ok((found, unreadable))
}

/// What an earlier run left, and the file behind it.
fn outcomes(path: Option<&Path>) -> Result<(Outcomes, Option<File>), Failure> {
    let Some(path) = path else {
        return Ok((Outcomes::default(), None));
    };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Failure::io("read", path, &error)),
    };
    let outcomes = Outcomes::read(text.lines());
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(|error| Failure::io("write", path, &error))?;
    // A line that a kill has torn is ended, so that the next one stands for itself.
    if !text.is_empty() && !text.ends_with('\n') {
        writeln!(file).map_err(|error| Failure::io("write", path, &error))?;
    }
    Ok((outcomes, Some(file)))
}

fn keep(
    outcomes: &mut Outcomes,
    file: &mut Option<File>,
    mut outcome: Outcome,
) -> Result<(), Failure> {
    if let (Some(_), Some(with)) = (&outcome.planted, outcome.verdict) {
        let without = outcomes.plain(&outcome.id).and_then(|plain| plain.verdict);
        outcome.flipped = without.is_some_and(|without| flips(without, with));
    }
    if let Some(file) = file {
        let line = outcome.line().map_err(Failure::fault)?;
        writeln!(file, "{line}")
            .map_err(|error| Failure::new(Exit::Io, format!("can't keep an outcome: {error}")))?;
    }
    outcomes.add(outcome);
    Ok(())
}

/// All alerts as they are first: what planted texts are held against.
fn tasks(labelled: Vec<Labelled>, done: &Outcomes, inject: bool) -> Vec<Task> {
    let mut tasks: Vec<Task> = Vec::new();
    let mut planted = Vec::new();
    for (number, labelled) in labelled.into_iter().enumerate() {
        if inject {
            // Each alert gets one text, in turn, and each text comes to each place in time.
            let payload = &payloads()[number % payloads().len()];
            let place = Place::ALL[(number / payloads().len() + number) % Place::ALL.len()];
            if !done.has(&labelled.id, Some(&payload.id)) {
                planted.push(Task {
                    labelled: labelled.clone(),
                    planted: Some((payload, place)),
                });
            }
        }
        if !done.has(&labelled.id, None) {
            tasks.push(Task {
                labelled,
                planted: None,
            });
        }
    }
    tasks.extend(planted);
    tasks
}

/// Asks one after the other, or as many beside each other as there are workers. Says why it broke off, if it did.
async fn ask_all(
    reviewer: &Arc<Reviewer>,
    tasks: Vec<Task>,
    workers: usize,
    mut keep: impl FnMut(Outcome) -> Result<(), Failure>,
) -> Result<Option<String>, Failure> {
    let mut tasks = tasks.into_iter().peekable();
    let mut running: JoinSet<Result<Outcome, String>> = JoinSet::new();
    let mut planting = false;
    loop {
        while running.len() < workers {
            // A flip is told from the alert as it is, so those are all asked before.
            let turns = tasks
                .peek()
                .is_some_and(|task| task.planted.is_some() && !planting);
            if turns && !running.is_empty() {
                break;
            }
            planting |= turns;
            let Some(task) = tasks.next() else { break };
            let reviewer = reviewer.clone();
            running.spawn(async move { one(&reviewer, task).await });
        }
        let ended = tokio::select! {
            ended = running.join_next() => ended,
            _ = tokio::signal::ctrl_c() => return Ok(Some("it was told to".to_owned())),
        };
        match ended {
            None => return Ok(None),
            Some(Ok(Ok(outcome))) => keep(outcome)?,
            Some(Ok(Err(why))) => return Ok(Some(why)),
            Some(Err(error)) => return Err(Failure::fault(error)),
        }
    }
}

async fn one(reviewer: &Reviewer, task: Task) -> Result<Outcome, String> {
    let Task { labelled, planted } = task;
    let alert = match planted {
        None => labelled.alert,
        Some((payload, place)) => plant(&labelled.alert, &payload.text, place),
    };
    let material = show::of_value(alert);
    let mut outcome = Outcome {
        id: labelled.id,
        label: labelled.label,
        verdict: None,
        said: None,
        failure: None,
        schema_valid_first_try: false,
        repaired: false,
        evidence_total: 0,
        evidence_verified: 0,
        confidence: None,
        tokens_in: None,
        tokens_out: None,
        seconds: 0.0,
        planted: planted.map(|(payload, _)| payload.id.clone()),
        flipped: false,
    };
    let prompt = match reviewer.prompt(&material, false) {
        Ok(prompt) => prompt,
        Err(error) => {
            outcome.failure = Some(Trouble::Prompt(error).class().as_str().to_owned());
            return Ok(outcome);
        }
    };
    let asked = match reviewer.ask(&prompt, 1).await {
        Ok(asked) => asked,
        Err(error) if error.class.kind() == FailureKind::Alert => {
            outcome.failure = Some(error.class.as_str().to_owned());
            return Ok(outcome);
        }
        Err(error) => return Err(format!("{}: {}", error.class.as_str(), error.text)),
    };
    let provenance = reviewer.provenance(Some(&prompt), Some(&asked), 0);
    let quotes = asked.answer.evidence.len();
    let (review, _) = reviewer.judge(asked.answer.clone(), &prompt, &material, provenance);
    outcome.verdict = Some(review.verdict);
    outcome.said = Some(review.said);
    outcome.schema_valid_first_try = asked.questions == 1;
    outcome.repaired = asked.questions > 1;
    outcome.evidence_total = u32::try_from(quotes).unwrap_or(u32::MAX);
    outcome.evidence_verified = outcome.evidence_total.saturating_sub(review.unverified);
    outcome.confidence = Some(review.confidence);
    outcome.tokens_in = Some(asked.prompt_tokens).filter(|&tokens| tokens > 0);
    outcome.tokens_out = Some(asked.answer_tokens).filter(|&tokens| tokens > 0);
    outcome.seconds = asked.took.as_secs_f64();
    Ok(outcome)
}

/// A bar in a terminal, a line for each tenth elsewhere.
enum Progress {
    Bar(ProgressBar),
    Lines { of: u64, done: std::cell::Cell<u64> },
}

impl Progress {
    fn new(of: u64) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self::Lines {
                of,
                done: std::cell::Cell::new(0),
            };
        }
        let bar = ProgressBar::new(of);
        if let Ok(style) =
            ProgressStyle::with_template("asked {bar:40} {pos}/{len} {elapsed}, {eta} left")
        {
            bar.set_style(style);
        }
        Self::Bar(bar)
    }

    fn step(&self) {
        match self {
            Self::Bar(bar) => bar.inc(1),
            Self::Lines { of, done } => {
                let now = done.get() + 1;
                done.set(now);
                if now * 10 / of > (now - 1) * 10 / of {
                    eprintln!("asked {now} of {of}");
                }
            }
        }
    }

    fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.finish();
            eprintln!();
        }
    }
}
