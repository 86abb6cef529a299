//! Lines out of a stream of bytes, as they come and never more than a limit of them.

/// A line that has no end within the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// Splits what is pushed into lines; what is not finished waits for more.
#[derive(Debug)]
pub(crate) struct Lines {
    /// The bytes of the line that has begun.
    begun: Vec<u8>,
    limit: usize,
}

impl Lines {
    /// No line may be longer than `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            begun: Vec::new(),
            limit,
        }
    }

    /// The lines that are whole by now, without their ends and without empty ones.
    ///
    /// # Errors
    /// [`TooLong`] where a line goes on beyond the limit.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, TooLong> {
        let mut whole = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.begun.len() + part.len() > self.limit {
                return Err(TooLong);
            }
            self.begun.extend_from_slice(part);
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.begun);
                whole.push(line.trim_ascii().to_vec());
            }
        }
        whole.retain(|line| !line.is_empty());
        Ok(whole)
    }

    /// What came after the last line's end.
    pub(crate) fn rest(&mut self) -> Option<Vec<u8>> {
        let rest = std::mem::take(&mut self.begun).trim_ascii().to_vec();
        (!rest.is_empty()).then_some(rest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn however_a_stream_is_cut_its_lines_are_the_same(
            lines in vec("[a-z]{1,20}", 0..20),
            cuts in vec(1..9_usize, 0..60),
            ends_with_a_line_end in any::<bool>(),
        ) {
            let mut text = lines.join("\r\n");
            if ends_with_a_line_end {
                text.push('\n');
            }
            let mut splitter = Lines::new(64);
            let mut found = Vec::new();
            let mut bytes = text.as_bytes();
            let mut cuts = cuts.into_iter();
            while !bytes.is_empty() {
                let at = cuts.next().unwrap_or(bytes.len()).min(bytes.len());
                found.extend(splitter.push(&bytes[..at]).unwrap());
                bytes = &bytes[at..];
            }
            found.extend(splitter.rest());
            let expected: Vec<Vec<u8>> = lines.into_iter().map(String::into_bytes).collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_line_without_an_end_is_given_up_and_not_kept() {
        let mut lines = Lines::new(10);
        assert_eq!(lines.push(b"12345"), Ok(Vec::new()));
        assert_eq!(lines.push(b"678901"), Err(TooLong));
    }
}
