//! `alertbridge intel sync`: brings the local copy up to date where no daemon does it, with a bar in a terminal and lines elsewhere.

use std::{io::IsTerminal, sync::Arc, time::Duration};

use alertbridge_intel::provider::{Phase, SyncState};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::sync::watch;

use super::{grouped, section, status};
use crate::{
    cli,
    clock::SystemClock,
    exit::Exit,
    failure::Failure,
    intel::{Intelligence, Supply},
    output,
    table::printable,
};

/// One source's state.
type State = (String, watch::Receiver<SyncState>);

/// Runs the command.
pub fn run(arguments: &cli::IntelSync) -> Result<Exit, Failure> {
    let (_, section) = section(&arguments.output)?;
    let fault = |error: String| Failure::new(Exit::Config, error);
    let intelligence =
        Arc::new(Intelligence::new(&section, false, Arc::new(SystemClock)).map_err(fault)?);
    let sources = section.sources().map_err(fault)?;
    intelligence.open().map_err(|why| {
        Failure::new(Exit::Config, why).remedy(
            "a running daemon keeps the indicators up to date by itself; `alertbridge intel status` shows how far it is",
        )
    })?;
    let runtime = super::super::super::runtime()?;
    let ended = runtime.block_on(follow(
        arguments,
        Supply::new(intelligence.clone(), sources),
    ));
    runtime.shutdown_timeout(Duration::from_secs(5));
    drop(intelligence);
    let exit = ended?;
    status::run(&arguments.output)?;
    Ok(exit)
}

async fn follow(arguments: &cli::IntelSync, supply: Supply) -> Result<Exit, Failure> {
    let states = supply.states();
    let (stopping, stop) = watch::channel(false);
    let running = tokio::spawn(supply.run(stop));
    let shown = Shown::new(&states, arguments.output.json);
    let mut interrupted = false;
    loop {
        shown.look(&states)?;
        let read = |(_, state): &State| state.borrow().last_success.is_some();
        // A fault that needs the operator will not pass while nobody looks.
        let stuck = |(_, state): &State| {
            let state = state.borrow();
            state.trouble.as_ref().is_some_and(|one| one.needs_operator)
        };
        if interrupted || (arguments.once && states.iter().all(|one| read(one) || stuck(one))) {
            break;
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(200)) => {}
            _ = tokio::signal::ctrl_c() => interrupted = true,
        }
    }
    shown.end();
    let mut exit = Exit::Success;
    for (name, state) in &states {
        if let Some(trouble) = &state.borrow().trouble {
            eprintln!("{name}: {}", printable(&trouble.why));
            exit = Exit::Unavailable;
        }
    }
    // An error means that it has ended already.
    let _ = stopping.send(true);
    let _ = tokio::time::timeout(Duration::from_secs(20), running).await;
    Ok(exit)
}

/// A bar for each source, or a line for each step.
enum Shown {
    Bars(Vec<ProgressBar>),
    Lines(std::cell::RefCell<Vec<String>>),
    Nothing,
}

impl Shown {
    fn new(states: &[State], json: bool) -> Self {
        if json {
            return Self::Nothing;
        }
        if !std::io::stderr().is_terminal() {
            return Self::Lines(vec![String::new(); states.len()].into());
        }
        let bars = MultiProgress::new();
        let style = ProgressStyle::with_template("{prefix:16} {bar:40} {pos}/{len} {msg}").ok();
        Self::Bars(
            states
                .iter()
                .map(|(name, _)| {
                    let bar = bars.add(ProgressBar::new(0));
                    if let Some(style) = &style {
                        bar.set_style(style.clone());
                    }
                    bar.with_prefix(name.clone())
                })
                .collect(),
        )
    }

    fn look(&self, states: &[State]) -> Result<(), Failure> {
        match self {
            Self::Nothing => {}
            Self::Bars(bars) => {
                for (bar, (_, state)) in bars.iter().zip(states) {
                    let state = state.borrow();
                    bar.set_length(state.total.unwrap_or(state.done));
                    bar.set_position(state.done);
                    bar.set_message(state.phase.as_str());
                }
            }
            Self::Lines(last) => {
                for (last, (name, state)) in last.borrow_mut().iter_mut().zip(states) {
                    let line = line(name, &state.borrow());
                    if *last != line {
                        output::line(&line)?;
                        *last = line;
                    }
                }
            }
        }
        Ok(())
    }

    fn end(&self) {
        if let Self::Bars(bars) = self {
            bars.iter().for_each(ProgressBar::finish);
        }
    }
}

/// What a line says; a tenth of the way makes another one.
fn line(name: &str, state: &SyncState) -> String {
    let far = match (state.phase, state.total) {
        (Phase::Full, Some(total)) if total > 0 => {
            format!(" {}% of {}", state.done * 10 / total * 10, grouped(total))
        }
        _ => String::new(),
    };
    let trouble = state
        .trouble
        .as_ref()
        .map_or(String::new(), |one| format!(": {}", printable(&one.why)));
    format!("{name}: {}{far}{trouble}", state.phase.as_str())
}
