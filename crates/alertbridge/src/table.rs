//! Tables of counts for a terminal: names to the left, numbers to the right.

/// A table whose first column is a name and whose others are numbers.
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with its heading.
    pub fn new(heading: &[&str]) -> Self {
        Self {
            rows: vec![heading.iter().map(|&word| word.to_owned()).collect()],
        }
    }

    /// Adds a row.
    pub fn row(&mut self, name: &str, numbers: &[u64]) {
        let mut row = vec![printable(name)];
        row.extend(numbers.iter().map(u64::to_string));
        self.rows.push(row);
    }

    /// Adds a row whose other cells are texts of our own making.
    pub fn cells(&mut self, name: &str, cells: &[String]) {
        let mut row = vec![printable(name)];
        row.extend_from_slice(cells);
        self.rows.push(row);
    }

    /// The lines.
    pub fn text(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                if column == 0 {
                    text.push_str(&format!("{cell:<width$}"));
                } else {
                    text.push_str(&format!("  {cell:>width$}"));
                }
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        text
    }
}

/// A share for people: `12.5 %`; a dash of nothing.
pub fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".into();
    }
    format!("{:.1} %", part as f64 * 100.0 / whole as f64)
}

/// Text from an alert or a server, fit for a terminal: control characters could move the cursor or change colours, and marks of
/// writing direction could make a line read as another.
pub fn printable(text: &str) -> String {
    let turns = |c| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars()
        .map(|c| {
            if c.is_control() || turns(c) {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}
