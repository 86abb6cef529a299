//! The one message between hook and daemon: a frame there, one byte back.
//!
//! | bytes | content |
//! |---|---|
//! | 0–2 | `ABH` |
//! | 3 | version, 1 |
//! | 4–7 | length of the body, unsigned, little-endian, 1 to [`BODY_LIMIT`] |
//! | 8… | the alert file as it was, byte for byte |
//!
//! The answer is one byte, [`Answer`]. A connection carries one frame. Closing without an answer, or any other byte,
//! means "not stored". A newer version must be refused by an older reader: the hook then spools.
//!
//! ```
//! use alertbridge_hook::frame::{body_length, header};
//!
//! let bytes = header(2735)?;
//! assert_eq!(&bytes[..4], b"ABH\x01");
//! assert_eq!(body_length(bytes)?, 2735);
//! # Ok::<(), alertbridge_hook::frame::HeaderError>(())
//! ```

/// Bytes before the body.
pub const HEADER_LENGTH: usize = 8;

/// Longest body, in bytes (32 MiB). integratord itself delivers no alert of 64 KiB or more (facts/wazuh.md §1.1).
pub const BODY_LIMIT: usize = 32 * 1024 * 1024;

const MAGIC_AND_VERSION: [u8; 4] = [b'A', b'B', b'H', 1];

/// What the daemon says to a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The daemon can't keep it now: the hook must.
    Refused,
    /// The alert is durable in the ledger.
    Stored,
}

impl Answer {
    /// The byte on the socket.
    pub fn to_byte(self) -> u8 {
        match self {
            Answer::Refused => b'R',
            Answer::Stored => b'S',
        }
    }

    /// The answer a byte stands for; `None` for a byte that is no answer.
    pub fn from_byte(byte: u8) -> Option<Answer> {
        match byte {
            b'R' => Some(Answer::Refused),
            b'S' => Some(Answer::Stored),
            _ => None,
        }
    }
}

/// Why eight bytes are not the beginning of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderError {
    /// A body of no bytes: there is no such alert.
    Empty,
    /// Not from a hook, or from a hook of another version: install hook and daemon from the same release.
    Foreign,
    /// Longer than [`BODY_LIMIT`]; the length it names, in bytes.
    TooLong(u32),
}

impl std::fmt::Display for HeaderError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            HeaderError::Empty => formatter.write_str("the frame has no body"),
            HeaderError::Foreign => formatter.write_str(
                "not a frame of this version: install hook and daemon from the same release",
            ),
            HeaderError::TooLong(length) => {
                write!(
                    formatter,
                    "the frame names a body of {length} bytes, the limit is {BODY_LIMIT}"
                )
            }
        }
    }
}

impl std::error::Error for HeaderError {}

/// The eight bytes before a body of `body_length` bytes.
///
/// # Errors
/// For a length that no reader takes: 0, or more than [`BODY_LIMIT`].
pub fn header(body_length: usize) -> Result<[u8; HEADER_LENGTH], HeaderError> {
    if body_length == 0 {
        return Err(HeaderError::Empty);
    }
    let length = u32::try_from(body_length).unwrap_or(u32::MAX);
    if body_length > BODY_LIMIT {
        return Err(HeaderError::TooLong(length));
    }
    let mut bytes = [0; HEADER_LENGTH];
    bytes[..4].copy_from_slice(&MAGIC_AND_VERSION);
    bytes[4..].copy_from_slice(&length.to_le_bytes());
    Ok(bytes)
}

/// The length of the body that follows these eight bytes, 1 to [`BODY_LIMIT`].
///
/// # Errors
/// Where the bytes are not a frame's header.
pub fn body_length(header: [u8; HEADER_LENGTH]) -> Result<usize, HeaderError> {
    let [a, b, c, d, l0, l1, l2, l3] = header;
    if [a, b, c, d] != MAGIC_AND_VERSION {
        return Err(HeaderError::Foreign);
    }
    let length = u32::from_le_bytes([l0, l1, l2, l3]);
    match usize::try_from(length) {
        Ok(0) => Err(HeaderError::Empty),
        Ok(length) if length <= BODY_LIMIT => Ok(length),
        _ => Err(HeaderError::TooLong(length)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_within_the_limit_comes_back_from_its_header() {
        for length in [1, 2, 255, 256, 65_535, 65_536, BODY_LIMIT - 1, BODY_LIMIT] {
            assert_eq!(header(length).and_then(body_length), Ok(length));
        }
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_by_writer_and_reader() {
        assert_eq!(header(0), Err(HeaderError::Empty));
        assert!(matches!(
            header(BODY_LIMIT + 1),
            Err(HeaderError::TooLong(_))
        ));
        assert_eq!(
            body_length(*b"ABH\x01\x00\x00\x00\x00"),
            Err(HeaderError::Empty)
        );
        let too_long = body_length(*b"ABH\x01\xff\xff\xff\xff");
        assert_eq!(too_long, Err(HeaderError::TooLong(u32::MAX)));
    }

    #[test]
    fn other_magic_and_other_versions_are_foreign() {
        for bytes in [b"ABH\x02\x01\x00\x00\x00", b"GET / HT", b"\0\0\0\0\0\0\0\0"] {
            assert_eq!(body_length(*bytes), Err(HeaderError::Foreign));
        }
    }

    #[test]
    fn only_two_bytes_are_answers() {
        for byte in 0..=u8::MAX {
            if let Some(answer) = Answer::from_byte(byte) {
                assert_eq!(answer.to_byte(), byte);
            }
        }
        let answers = (0..=u8::MAX).filter(|byte| Answer::from_byte(*byte).is_some());
        assert_eq!(answers.count(), 2);
    }
}
