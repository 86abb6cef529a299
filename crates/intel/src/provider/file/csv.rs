//! CSV with a header. Columns are found by name, in any order; unknown ones are passed over.
//!
//! `value` or `pattern` is needed; `type`, `name`, `score`, `confidence`, `labels` (separated by `;`, `|` or white space), `tlp`, `valid_from`,
//! `valid_until`, `description`, `reference` and `source` may be there. Separators `,`, `;` and tabulators are told by the header. A record
//! of more than 64 KiB is taken for a quote that was never closed, and reading goes on behind the line that opens it.

use csv::{ReaderBuilder, StringRecord};
use jiff::{Timestamp, civil};
use serde_json::{Value, json};

use super::{Reading, value};
use crate::{
    ExternalReference, Indicator,
    provider::{ErrorKind, ProviderError, fields},
};

/// Longest record in bytes; a quote that is never closed would swallow the rest of the file.
const LONGEST: usize = 64 * 1024;

/// What columns are called.
const COLUMNS: [(&str, &[&str]); 13] = [
    (
        "value",
        &[
            "value",
            "indicator",
            "ioc",
            "observable",
            "observable_value",
            "ioc_value",
        ],
    ),
    ("pattern", &["pattern", "stix_pattern"]),
    (
        "type",
        &[
            "type",
            "ioc_type",
            "kind",
            "main_observable_type",
            "entity_type",
        ],
    ),
    ("name", &["name", "title"]),
    ("score", &["score", "x_opencti_score"]),
    ("confidence", &["confidence"]),
    ("labels", &["labels", "label", "tags", "tag"]),
    ("tlp", &["tlp", "marking", "markings"]),
    ("valid_from", &["valid_from", "first_seen"]),
    ("valid_until", &["valid_until", "expires", "expiration"]),
    ("description", &["description", "comment"]),
    ("reference", &["reference", "url_reference", "link"]),
    ("source", &["source", "author", "created_by"]),
];

/// Whether a line is a header with a column for values or patterns.
pub(super) fn is_header(line: &str) -> bool {
    let columns = header(line).1;
    columns.contains(&Some("value")) || columns.contains(&Some("pattern"))
}

/// The separator, and what each column is.
fn header(line: &str) -> (char, Vec<Option<&'static str>>) {
    let of = |separator: char| -> Vec<Option<&'static str>> {
        line.split(separator).map(column).collect()
    };
    let known = |separator: &char| of(*separator).iter().flatten().count();
    // The last one of equals is the comma.
    let separator = ['\t', ';', ','].into_iter().max_by_key(known);
    let separator = separator.unwrap_or(',');
    (separator, of(separator))
}

fn column(name: &str) -> Option<&'static str> {
    let name = name.trim().trim_matches('"').trim().to_ascii_lowercase();
    let name = name.replace([' ', '-'], "_");
    let known = COLUMNS
        .iter()
        .find(|(_, names)| names.contains(&name.as_str()));
    known.map(|(column, _)| *column)
}

/// Reads a file with a header.
///
/// # Errors
/// [`ProviderError`] where there is no header.
pub(super) fn read(text: &str) -> Result<Reading, ProviderError> {
    let (mut offset, mut number) = (0, 1);
    let columns = loop {
        let Some(line) = text[offset..].split_inclusive('\n').next() else {
            return Err(no_header());
        };
        offset += line.len();
        number += 1;
        let plain = line.trim();
        if plain.is_empty() || plain.starts_with('#') {
            continue;
        }
        if !is_header(plain) {
            return Err(no_header());
        }
        break header(plain);
    };
    let mut reading = Reading::default();
    while offset < text.len() {
        // Comes back where a quote is not closed, behind the line that opens it.
        let read = records(&text[offset..], number, &columns, &mut reading);
        offset += read.bytes;
        number += read.lines;
    }
    Ok(reading)
}

/// How far a reader came.
struct Read {
    bytes: usize,
    lines: u64,
}

fn records(
    text: &str,
    first: u64,
    (separator, columns): &(char, Vec<Option<&str>>),
    reading: &mut Reading,
) -> Read {
    let mut reader = ReaderBuilder::new()
        // One of three ASCII characters.
        .delimiter(u8::try_from(*separator).unwrap_or(b','))
        .comment(Some(b'#'))
        .flexible(true)
        .has_headers(false)
        .from_reader(text.as_bytes());
    let mut record = StringRecord::new();
    loop {
        let (start, line) = (reader.position().byte(), reader.position().line());
        let number = first + line - 1;
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            // The text is UTF-8 and rows may differ in length: nothing else can be wrong with it.
            Err(error) => {
                reading.fault(number, error.to_string());
                break;
            }
        }
        let number = record.position().map_or(number, |at| first + at.line() - 1);
        if record.as_slice().len() > LONGEST {
            reading.fault(number, "a quote is not closed");
            let start = usize::try_from(record.position().map_or(start, csv::Position::byte));
            let start = start.unwrap_or(text.len());
            let line = text[start..].split_inclusive('\n').next().unwrap_or("");
            return Read {
                bytes: start + line.len(),
                lines: number + 1 - first,
            };
        }
        if record.iter().all(|field| field.trim().is_empty()) {
            continue;
        }
        match indicator(columns, &record) {
            Ok(indicator) => reading.indicators.push(indicator),
            Err(what) => reading.fault(number, what),
        }
    }
    Read {
        bytes: text.len(),
        lines: 0,
    }
}

fn no_header() -> ProviderError {
    ProviderError::operator(
        ErrorKind::Answer,
        "the file has no header with a column `value` or `pattern`; add one, or set `form` to `lines`",
    )
}

fn indicator(columns: &[Option<&str>], row: &StringRecord) -> Result<Indicator, String> {
    let mut cells = json!({});
    for (column, cell) in columns.iter().zip(row) {
        if let Some(column) = column
            && !cell.trim().is_empty()
        {
            cells[*column] = Value::from(cell.trim());
        }
    }
    let cell = |column: &str| cells.get(column).and_then(Value::as_str);
    let mut indicator = match (cell("pattern"), cell("value")) {
        (Some(pattern), _) => value::indicator(pattern, None)
            .ok()
            .filter(|_| pattern.starts_with('['))
            .ok_or("the pattern is no STIX pattern")?,
        (None, Some(text)) => value::indicator(text, cell("type"))?,
        (None, None) => return Err("no value".to_owned()),
    };
    if let Some(name) = fields::word(&cells, "name") {
        indicator.name = name;
    }
    for key in ["score", "confidence"] {
        if cells.get(key).is_some() && fields::percent(&cells, key).is_none() {
            return Err(format!("`{key}` is no number from 0 to 100"));
        }
    }
    indicator.score = fields::percent(&cells, "score");
    indicator.confidence = fields::percent(&cells, "confidence");
    indicator.valid_from = cell("valid_from").map(moment).transpose()?;
    indicator.valid_until = cell("valid_until").map(moment).transpose()?;
    indicator.description = fields::prose(&cells, "description");
    indicator.created_by = fields::word(&cells, "source");
    let labels = cell("labels").unwrap_or_default();
    let labels = labels.split([';', '|', ',', ' ']).map(str::trim);
    indicator.labels = labels
        .filter(|label| !label.is_empty())
        .filter_map(|label| fields::clean(label, 256))
        .take(64)
        .collect();
    if let Some(tlp) = fields::word(&cells, "tlp") {
        let tlp = tlp.to_ascii_uppercase();
        let tlp = tlp.strip_prefix("TLP:").unwrap_or(&tlp);
        indicator.markings = vec![format!("TLP:{}", tlp.trim())];
    }
    if let Some(url) = fields::prose(&cells, "reference") {
        indicator.external_references = vec![ExternalReference {
            source: indicator.created_by.clone().unwrap_or_default(),
            url: Some(url),
            id: None,
        }];
    }
    Ok(indicator)
}

/// A time with its zone, or a plain date: its beginning in UTC.
fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment);
    }
    let date = text
        .parse::<civil::DateTime>()
        .or_else(|_| text.parse::<civil::Date>().map(|date| date.at(0, 0, 0, 0)));
    date.ok()
        .and_then(|date| date.to_zoned(jiff::tz::TimeZone::UTC).ok())
        .map(|zoned| zoned.timestamp())
        .ok_or_else(|| "a time must be written like 2026-11-21T08:00:00Z or 2026-11-21".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name_in_any_order_and_spelling() {
        let text = "Tags;Score;IOC Type;IOC;Expires;TLP;unknown\r\nc2 rat;80;ip-dst;203.0.113.9;2026-12-01;amber;x\r\n";
        let reading = read(text).unwrap();
        let indicator = &reading.indicators[0];
        assert_eq!(indicator.pattern, "[ipv4-addr:value = '203.0.113.9']");
        assert_eq!((indicator.score, indicator.labels.len()), (Some(80), 2));
        assert_eq!(indicator.markings, ["TLP:AMBER"]);
        assert_eq!(
            indicator.valid_until.unwrap().to_string(),
            "2026-12-01T00:00:00Z"
        );
    }

    #[test]
    fn quotes_hold_separators_quotes_and_line_ends_and_lines_are_counted() {
        let text =
            "value,description\n\"203.0.113.9\",\"a, \"\"b\"\"\nc\"\nbroken,x\nevil.example,\n";
        let reading = read(text).unwrap();
        assert_eq!(
            reading.indicators[0].description.as_deref(),
            Some("a, \"b\"\nc")
        );
        assert_eq!(reading.indicators.len(), 2);
        assert_eq!(reading.faults[0].0, 4);
    }

    #[test]
    fn a_quote_that_is_never_closed_costs_one_line() {
        let text = format!("value\n\"203.0.113.9\n{}", "198.51.100.7\n".repeat(6000));
        let reading = read(&text).unwrap();
        assert_eq!(reading.indicators.len(), 6000);
        assert_eq!(
            (reading.faulty, reading.faults[0].0),
            (1, 2),
            "{:?}",
            reading.faults
        );
    }

    #[test]
    fn a_wrong_cell_is_a_fault_of_its_line_alone() {
        let text = "value,score,valid_until\n203.0.113.9,high,\n203.0.113.8,,soon\n203.0.113.7,50,2026-01-01T00:00:00Z\n";
        let reading = read(text).unwrap();
        assert_eq!((reading.indicators.len(), reading.faulty), (1, 2));
        assert!(read("a,b\n1,2\n").is_err());
        assert!(read("").is_err());
    }

    proptest::proptest! {
        #[test]
        fn hostile_files_never_panic(text in "[a-z\",;\n\r#.0-9]{0,200}") {
            if let Ok(reading) = read(&format!("value,type\n{text}")) {
                proptest::prop_assert!(reading.indicators.len() as u64 + reading.faulty <= text.len() as u64 + 1);
            }
        }
    }
}
