//! The event-stream format (WHATWG HTML, "Server-sent events"), as far as a client that handles its own reconnecting needs it.
//!
//! Bytes in, events out, whatever way the bytes are cut. Memory is bounded: an event longer than the limit is passed over up to its
//! end and handed out without its data, so that its id still counts.

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// The last `id:` at the moment of the event; empty where none was given yet.
    pub(crate) id: String,
    /// `create`, `heartbeat`, …; `message` where none was given.
    pub(crate) kind: String,
    /// The lines of `data:`, joined by line ends.
    pub(crate) data: String,
    /// The data was longer than the limit and is left out.
    pub(crate) oversized: bool,
}

/// Reads events from pieces of bytes.
#[derive(Debug)]
pub(crate) struct Parser {
    limit: usize,
    line: Vec<u8>,
    /// The current line is longer than the limit.
    overlong: bool,
    /// The last byte was a carriage return: a line feed now belongs to it.
    after_return: bool,
    first_line: bool,
    last_id: String,
    kind: String,
    data: Vec<u8>,
    has_data: bool,
    oversized: bool,
}

impl Parser {
    /// A parser for events of at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            line: Vec::new(),
            overlong: false,
            after_return: false,
            first_line: true,
            last_id: String::new(),
            kind: String::new(),
            data: Vec::new(),
            has_data: false,
            oversized: false,
        }
    }

    /// Takes in the next bytes and appends the events they complete.
    pub(crate) fn feed(&mut self, bytes: &[u8], events: &mut Vec<Event>) {
        let mut rest = bytes;
        while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let end = rest[at];
            // A line feed right after a carriage return ends no further line.
            let paired = end == b'\n' && at == 0 && self.after_return;
            self.extend(&rest[..at]);
            self.after_return = end == b'\r';
            rest = &rest[at + 1..];
            if !paired {
                events.extend(self.end_line());
            }
        }
        self.after_return &= rest.is_empty();
        self.extend(rest);
    }

    fn extend(&mut self, bytes: &[u8]) {
        if self.line.len() + bytes.len() > self.limit {
            self.overlong = true;
        }
        if !self.overlong {
            self.line.extend_from_slice(bytes);
        }
    }

    fn end_line(&mut self) -> Option<Event> {
        let mut line = std::mem::take(&mut self.line);
        if std::mem::take(&mut self.first_line) && line.starts_with(b"\xef\xbb\xbf") {
            line.drain(..3);
        }
        if std::mem::take(&mut self.overlong) {
            // Only data is ever that long.
            self.oversized = true;
            self.has_data = true;
            return None;
        }
        if line.is_empty() {
            return self.end_event();
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let (field, value) = match colon {
            Some(at) => (&line[..at], &line[at + 1..]),
            None => (&line[..], &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"event" => self.kind = text(value),
            b"data" => {
                self.has_data = true;
                if self.data.len() + value.len() > self.limit {
                    self.oversized = true;
                    self.data = Vec::new();
                } else if !self.oversized {
                    self.data.extend_from_slice(value);
                    self.data.push(b'\n');
                }
            }
            b"id" if !value.contains(&0) && value.len() <= 256 => self.last_id = text(value),
            // Comments, `retry` (the backoff is ours) and unknown fields.
            _ => {}
        }
        None
    }

    fn end_event(&mut self) -> Option<Event> {
        let kind = std::mem::take(&mut self.kind);
        let mut data = std::mem::take(&mut self.data);
        let oversized = std::mem::take(&mut self.oversized);
        if !std::mem::take(&mut self.has_data) {
            return None;
        }
        data.pop();
        Some(Event {
            id: self.last_id.clone(),
            kind: if kind.is_empty() {
                "message".to_owned()
            } else {
                kind
            },
            data: if oversized {
                String::new()
            } else {
                text(&data)
            },
            oversized,
        })
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(limit: usize, pieces: &[&[u8]]) -> Vec<Event> {
        let mut parser = Parser::new(limit);
        let mut events = Vec::new();
        for piece in pieces {
            parser.feed(piece, &mut events);
        }
        events
    }

    fn event(id: &str, kind: &str, data: &str) -> Event {
        Event {
            id: id.to_owned(),
            kind: kind.to_owned(),
            data: data.to_owned(),
            oversized: false,
        }
    }

    #[test]
    fn events_are_read_as_the_standard_says() {
        let text = b"\xef\xbb\xbfevent: connected\ndata: {\"a\":1}\n\n: comment\nretry: 5\nid: 7-0\nevent:create\ndata:x\ndata:  y\n\n\
            data\n\nevent: nothing\n\nid: 8-0\r\ndata: z\r\r";
        assert_eq!(
            parse(1000, &[text]),
            [
                event("", "connected", "{\"a\":1}"),
                event("7-0", "create", "x\n y"),
                event("7-0", "message", ""),
                event("8-0", "message", "z"),
            ]
        );
    }

    #[test]
    fn an_unfinished_event_is_not_handed_out() {
        assert_eq!(parse(1000, &[b"id: 1-0\ndata: x\n"]), []);
        assert_eq!(
            parse(1000, &[b"id: 1-0\ndata: x\n", b"\n"]),
            [event("1-0", "message", "x")]
        );
    }

    #[test]
    fn an_oversized_event_is_passed_over_and_its_id_counts() {
        let mut text = b"id: 1-0\nevent: create\ndata: ".to_vec();
        text.extend(vec![b'x'; 5000]);
        text.extend(b"\n\nid: 2-0\ndata: ok\n\n");
        let events = parse(100, &[&text]);
        assert_eq!(
            (
                events[0].oversized,
                events[0].id.as_str(),
                events[0].data.as_str()
            ),
            (true, "1-0", "")
        );
        assert_eq!(events[1], event("2-0", "message", "ok"));
        let many = "data: 0123456789\n".repeat(50) + "\n";
        let events = parse(100, &[many.as_bytes()]);
        assert_eq!((events.len(), events[0].oversized), (1, true));
    }

    proptest! {
        #[test]
        fn the_way_bytes_are_cut_changes_nothing(
            lines in prop::collection::vec("(id|data|event|x)?:? ?[a-z\u{e4}]{0,5}(\r|\n|\r\n)", 0..30),
            cuts in prop::collection::vec(0_usize..400, 0..12),
        ) {
            let text = lines.concat().into_bytes();
            let whole = parse(64, &[&text]);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.sort_unstable();
            cuts.push(text.len());
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts {
                pieces.push(&text[from..cut]);
                from = cut;
            }
            prop_assert_eq!(parse(64, &pieces), whole);
        }

        #[test]
        fn hostile_bytes_never_panic_and_memory_is_bounded(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let mut parser = Parser::new(32);
            let mut events = Vec::new();
            parser.feed(&bytes, &mut events);
            prop_assert!(parser.line.len() <= 32 && parser.data.len() <= 64);
            prop_assert!(events.iter().all(|event| event.data.len() <= 3 * 64));
        }
    }
}
