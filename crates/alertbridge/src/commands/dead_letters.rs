//! `alertbridge dead-letters`: what no sink could take, readable and replayable.

use alertbridge_ledger::{DeadLetter, Ledger, SqliteLedger};

use super::{answer, print_json, reader, writer};
use crate::{cli, clock, config::Config, exit::Exit, failure::Failure, output, table::printable};

/// How many are read at a time: each may hold 16 MiB.
const PAGE: usize = 16;

/// Runs the command.
pub fn run(command: &cli::DeadLetters) -> Result<Exit, Failure> {
    match command {
        cli::DeadLetters::List(output) => list(output),
        cli::DeadLetters::Show(letter) => show(letter),
        cli::DeadLetters::Replay(selected) => change(selected, "put back", |ledger, id| {
            answer(ledger.replay(id, clock::now()))
        }),
        cli::DeadLetters::Dismiss(selected) => change(selected, "dismissed", |ledger, id| {
            answer(ledger.dismiss(id, clock::now()))
        }),
    }
}

/// One JSON object a line with `--json`, so that it can be piped however many there are.
fn list(output: &cli::Output) -> Result<Exit, Failure> {
    let ledger = reader(&Config::load(&output.config.config)?)?;
    each(&ledger, |letter| {
        if output.json {
            output::line(format_args!(
                "{}",
                serde_json::to_string(letter).map_err(Failure::fault)?
            ))?;
        } else {
            output::line(format_args!(
                "{}  {}  {}  {}: {}",
                letter.id,
                letter.died_at.strftime("%Y-%m-%d %H:%M:%S"),
                letter.at,
                printable(&letter.reference),
                printable(&letter.why)
            ))?;
        }
        Ok(())
    })?;
    Ok(Exit::Success)
}

fn show(arguments: &cli::DeadLetter) -> Result<Exit, Failure> {
    let ledger = reader(&Config::load(&arguments.output.config.config)?)?;
    let mut found = None;
    each(&ledger, |letter| {
        if letter.id == arguments.id {
            found = Some(letter.clone());
        }
        Ok(())
    })?;
    let Some(letter) = found else {
        return Err(unknown(&arguments.id));
    };
    if arguments.output.json {
        print_json(&letter)?;
    } else {
        output::line(format_args!("id:        {}", letter.id))?;
        output::line(format_args!("at:        {}", letter.at))?;
        output::line(format_args!("reference: {}", printable(&letter.reference)))?;
        output::line(format_args!("received:  {}", letter.received_at))?;
        output::line(format_args!("died:      {}", letter.died_at))?;
        output::line(format_args!("attempts:  {}", letter.attempts))?;
        output::line(format_args!("why:       {}", printable(&letter.why)))?;
        output::line(format_args!("{}", printable(&letter.payload)))?;
    }
    Ok(Exit::Success)
}

fn change(
    selected: &cli::Selected,
    done: &str,
    what: impl Fn(&SqliteLedger, &str) -> Result<bool, Failure>,
) -> Result<Exit, Failure> {
    let config = Config::load(&selected.config.config)?;
    let mut ids = selected.ids.clone();
    if selected.all {
        each(&reader(&config)?, |letter| {
            ids.push(letter.id.clone());
            Ok(())
        })?;
    }
    let ledger = writer(&config)?;
    let (mut changed, mut missed) = (0, 0);
    for id in &ids {
        if what(&ledger, id)? {
            changed += 1;
        } else {
            missed += 1;
            // What no sink ever got can't be sent again.
            eprintln!("{id}: no such dead letter, or a malformed one, which can only be dismissed");
        }
    }
    output::line(format_args!("{done}: {changed}"))?;
    Ok(if missed > 0 && !selected.all {
        Exit::Partial
    } else {
        Exit::Success
    })
}

fn each(
    ledger: &SqliteLedger,
    mut what: impl FnMut(&DeadLetter) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut after = None;
    loop {
        let page = answer(ledger.dead_letters(after, PAGE))?;
        for letter in &page {
            what(letter)?;
        }
        match page.last() {
            Some(last) if page.len() == PAGE => after = Some(last.id.clone()),
            _ => return Ok(()),
        }
    }
}

fn unknown(id: &str) -> Failure {
    Failure::new(
        Exit::Unbalanced,
        format!("there is no unhandled dead letter {id}"),
    )
    .remedy("`alertbridge dead-letters list` prints those there are")
}
