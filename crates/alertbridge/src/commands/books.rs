//! `alertbridge books`: the promise, as a table.

use alertbridge_ledger::{Books, HourRow, Ledger, SinkRow, SourceRow};

use super::{answer, print_json, reader};
use crate::{cli, clock, config::Config, exit::Exit, failure::Failure, output, table::Table};

/// Prints the books; [`Exit::Unbalanced`] where they do not balance.
pub fn run(arguments: &cli::Books) -> Result<Exit, Failure> {
    let config = Config::load(&arguments.output.config.config)?;
    let ledger = reader(&config)?;
    let since = arguments.since.map(|since| since.before(clock::now()));
    let books = answer(ledger.books(since))?;
    if arguments.output.json {
        print_json(&books)?;
    } else {
        output::print(format_args!("{}", text(&books, arguments.hours)))?;
    }
    Ok(if books.faults.is_empty() {
        Exit::Success
    } else {
        Exit::Unbalanced
    })
}

/// The tables for a person.
pub fn text(books: &Books, by_hour: bool) -> String {
    let mut text = String::new();
    let mut sources = source_table();
    let mut sinks = sink_table();
    if by_hour {
        for HourRow {
            hour,
            sources: rows,
            sinks: sink_rows,
        } in &books.hours
        {
            let hour = hour.strftime("%Y-%m-%d %H:00").to_string();
            rows.iter()
                .for_each(|row| add_source(&mut sources, &format!("{hour}  {}", row.source), row));
            sink_rows
                .iter()
                .for_each(|row| add_sink(&mut sinks, &format!("{hour}  {}", row.sink), row));
        }
    }
    books
        .sources
        .iter()
        .for_each(|row| add_source(&mut sources, &row.source, row));
    books
        .sinks
        .iter()
        .for_each(|row| add_sink(&mut sinks, &row.sink, row));
    text.push_str(&sources.text());
    text.push('\n');
    text.push_str(&sinks.text());
    text.push('\n');
    if books.faults.is_empty() {
        text.push_str("the books balance\n");
    } else {
        text.push_str("THE BOOKS DO NOT BALANCE\n");
        for fault in &books.faults {
            text.push_str("  ");
            text.push_str(fault);
            text.push('\n');
        }
    }
    text
}

fn source_table() -> Table {
    Table::new(&[
        "source",
        "received",
        "malformed",
        "duplicate",
        "filtered",
        "silenced",
        "folded",
        "routed",
        "collisions",
    ])
}

fn add_source(table: &mut Table, name: &str, row: &SourceRow) {
    let numbers = [
        row.received,
        row.malformed,
        row.duplicate,
        row.filtered,
        row.silenced,
        row.folded,
        row.routed,
        row.collisions,
    ];
    table.row(name, &numbers);
}

fn sink_table() -> Table {
    Table::new(&["sink", "routed", "delivered", "adopted", "dead", "pending"])
}

fn add_sink(table: &mut Table, name: &str, row: &SinkRow) {
    table.row(
        name,
        &[
            row.routed,
            row.delivered,
            row.adopted,
            row.dead,
            row.pending,
        ],
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_name_every_outcome_and_the_fault() {
        let books = Books {
            sources: vec![SourceRow {
                source: "follower".into(),
                received: 1200,
                filtered: 1000,
                duplicate: 5,
                routed: 195,
                ..SourceRow::default()
            }],
            sinks: vec![SinkRow {
                sink: "iris".into(),
                routed: 195,
                delivered: 194,
                pending: 1,
                ..SinkRow::default()
            }],
            faults: vec!["source follower: received 1200, accounted for 1199".into()],
            ..Books::default()
        };
        insta::assert_snapshot!(text(&books, false));
    }
}
