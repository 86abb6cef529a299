//! The time of an alert, by a look at its bytes: for a first start "from a time" only.

use jiff::Timestamp;
use memchr::memmem;

/// analysisd's form, `2026-11-21T08:26:17.096+0000`: no RFC 3339, the offset has no colon (`facts/wazuh.md` §2).
const FORMAT: &str = "%Y-%m-%dT%H:%M:%S%.f%z";

/// The longest value that is looked at.
const LONGEST: usize = 64;

/// The first `"timestamp":"…"` of a line; `None` where there is none that can be read (such a line is kept, not skipped).
///
/// analysisd writes the alert's own timestamp first, so nested ones come later.
pub(super) fn first_timestamp(line: &[u8]) -> Option<Timestamp> {
    const KEY: &[u8] = b"\"timestamp\"";
    let behind_key = &line[memmem::find(line, KEY)? + KEY.len()..];
    let behind_colon = behind_key
        .trim_ascii_start()
        .strip_prefix(b":")?
        .trim_ascii_start();
    let value = behind_colon.strip_prefix(b"\"")?;
    let value = &value[..value.len().min(LONGEST)];
    let value = &value[..memchr::memchr(b'"', value)?];
    Timestamp::strptime(FORMAT, value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_timestamp_of_a_line_is_read_in_its_own_zone() {
        let expected: Timestamp = "2026-11-21T07:26:17.096Z".parse().unwrap();
        let line =
            br#"{"timestamp":"2026-11-21T08:26:17.096+0100","data":{"timestamp":"1999-01-01"}}"#;
        assert_eq!(first_timestamp(line), Some(expected));
        assert_eq!(
            first_timestamp(br#"{ "timestamp" : "2026-11-21T08:26:17.096+0100" }"#),
            Some(expected)
        );
    }

    #[test]
    fn lines_without_a_readable_timestamp_have_none() {
        for line in [
            &b""[..],
            b"{}",
            b"\"timestamp\"",
            b"{\"timestamp\":17}",
            b"{\"timestamp\":\"yesterday\"}",
            b"{\"timestamp\":\"2026-11-21T08:26:17.096+0100",
            b"{\"timestamp\":\"2026-13-41T08:26:17.096+0100\"}",
            b"\xff\x00{\"timestamp\":\"\xff\"}",
        ] {
            assert_eq!(first_timestamp(line), None);
        }
    }
}
