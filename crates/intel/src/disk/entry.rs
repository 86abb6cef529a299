//! One change as it stands in a segment: what the index must know of it, and the indicator itself.
//!
//! ```text
//! u32 length of the body │ u32 CRC-32 of the body │ body:
//!   u8 1 upsert, 2 delete │ u64 fingerprint of provider and id │ u8 length, provider
//!   upsert only: u8 flags │ u16 number of values │ each: u64 fingerprint, u8 prefix │ indicator as JSON, to the end
//! ```
//! `flags`: the low four bits are the [`Reason`] it can't match (0: it can), bit 4 says that it must be tried on each alert, bit
//! 5 that a part of it can't match. `prefix`: 0 for a value, 1 to 32 for an IPv4 network's prefix length, 33 to 160 for an
//! IPv6 network's one + 32.

use ipnet::IpNet;

use super::bytes::Reader;
use crate::{
    Indicator,
    fingerprint::FingerprintKey,
    pattern::{Anchor, Compiled, Reason},
};

/// Bit of `flags`: no value leads to it, it is tried on each alert.
pub(crate) const SCAN: u8 = 0x10;
/// Bit of `flags`: a side of an OR was left out.
pub(crate) const PARTIAL: u8 = 0x20;
/// Before the body.
pub(crate) const HEAD: usize = 8;
/// Indicators with more JSON are not taken in.
pub(crate) const LARGEST: usize = 1 << 20;

const UPSERT: u8 = 1;
const DELETE: u8 = 2;

/// What the index knows of an indicator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EntryHead {
    pub(crate) id: u64,
    pub(crate) provider: String,
    /// `None`: it is deleted.
    pub(crate) upsert: Option<Upsert>,
}

/// The flags and values of an indicator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Upsert {
    pub(crate) flags: u8,
    pub(crate) values: Vec<(u64, u8)>,
}

/// The reason in `flags`.
pub(crate) fn reason_of(flags: u8) -> Option<Reason> {
    Reason::from_number(flags & 0x0f)
}

/// The number of a prefix length in an entry and in the set of prefix lengths.
fn prefix_number(net: &IpNet) -> u8 {
    match net {
        IpNet::V4(net) => net.prefix_len(),
        IpNet::V6(net) => net.prefix_len() + 32,
    }
}

/// A change in bytes, ready to be appended.
#[derive(Clone, Debug)]
pub(crate) struct Encoded {
    pub(crate) head: EntryHead,
    pub(crate) bytes: Vec<u8>,
}

impl Encoded {
    /// `None` where the indicator can't be kept: no provider or id, or one too long, or more than [`LARGEST`].
    pub(crate) fn upsert(key: FingerprintKey, indicator: &Indicator) -> Option<Self> {
        acceptable(&indicator.provider, &indicator.id)?;
        let json = serde_json::to_vec(indicator).ok()?;
        if json.len() > LARGEST {
            return None;
        }
        let upsert = match Compiled::of(indicator) {
            Ok(compiled) => {
                let mut values: Vec<(u64, u8)> = compiled
                    .anchors
                    .iter()
                    .map(|anchor| match anchor {
                        Anchor::Key(value) => (key.of_key(value), 0),
                        Anchor::Network(net) => (key.of_network(net), prefix_number(net)),
                    })
                    .collect();
                values.sort_unstable();
                values.dedup();
                let scan = if compiled.scan != 0 { SCAN } else { 0 };
                let partial = if compiled.partial.is_some() {
                    PARTIAL
                } else {
                    0
                };
                Upsert {
                    flags: scan | partial,
                    values,
                }
            }
            Err(reason) => Upsert {
                flags: reason as u8,
                values: Vec::new(),
            },
        };
        let head = EntryHead {
            id: key.of_id(&indicator.provider, &indicator.id),
            provider: indicator.provider.clone(),
            upsert: Some(upsert),
        };
        Some(Self::new(head, &json))
    }

    pub(crate) fn delete(key: FingerprintKey, provider: &str, id: &str) -> Option<Self> {
        acceptable(provider, id)?;
        let head = EntryHead {
            id: key.of_id(provider, id),
            provider: provider.to_owned(),
            upsert: None,
        };
        Some(Self::new(head, &[]))
    }

    /// Deletes by the fingerprint alone. The provider's name must be an accepted one.
    pub(crate) fn delete_fingerprint(provider: &str, id: u64) -> Self {
        let head = EntryHead {
            id,
            provider: provider.to_owned(),
            upsert: None,
        };
        Self::new(head, &[])
    }

    pub(crate) fn new(head: EntryHead, json: &[u8]) -> Self {
        let mut bytes = vec![0; HEAD];
        bytes.push(if head.upsert.is_some() {
            UPSERT
        } else {
            DELETE
        });
        bytes.extend_from_slice(&head.id.to_le_bytes());
        bytes.push(head.provider.len() as u8);
        bytes.extend_from_slice(head.provider.as_bytes());
        if let Some(upsert) = &head.upsert {
            bytes.push(upsert.flags);
            bytes.extend_from_slice(&(upsert.values.len() as u16).to_le_bytes());
            for (value, prefix) in &upsert.values {
                bytes.extend_from_slice(&value.to_le_bytes());
                bytes.push(*prefix);
            }
            bytes.extend_from_slice(json);
        }
        let length = (bytes.len() - HEAD) as u32;
        let crc = crc32fast::hash(&bytes[HEAD..]);
        bytes[..4].copy_from_slice(&length.to_le_bytes());
        bytes[4..8].copy_from_slice(&crc.to_le_bytes());
        Self { head, bytes }
    }
}

fn acceptable(provider: &str, id: &str) -> Option<()> {
    let provider = !provider.is_empty() && provider.len() <= usize::from(u8::MAX);
    let id = !id.is_empty() && id.len() <= Indicator::LONGEST_ID;
    (provider && id).then_some(())
}

/// The body's length and checksum.
pub(crate) fn head(bytes: &[u8]) -> Option<(usize, u32)> {
    let mut reader = Reader(bytes);
    Some((reader.u32()? as usize, reader.u32()?))
}

/// Reads a body whose checksum was checked: what the index knows, and the JSON.
pub(crate) fn body(bytes: &[u8]) -> Option<(EntryHead, &[u8])> {
    let mut reader = Reader(bytes);
    let kind = reader.u8()?;
    let id = reader.u64()?;
    let length = usize::from(reader.u8()?);
    let provider = std::str::from_utf8(reader.take(length)?).ok()?.to_owned();
    let upsert = match kind {
        UPSERT => {
            let flags = reader.u8()?;
            let count = reader.u16()?;
            let values = (0..count)
                .map(|_| Some((reader.u64()?, reader.u8()?)))
                .collect::<Option<Vec<_>>>()?;
            Some(Upsert { flags, values })
        }
        DELETE => None,
        _ => return None,
    };
    Some((
        EntryHead {
            id,
            provider,
            upsert,
        },
        reader.0,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let key = FingerprintKey(1, 2);
        let indicator = Indicator::stix(
            "p",
            "1",
            "[ipv4-addr:value = '10.0.0.0/8' OR url:value = 'http://a.example/']",
        );
        let encoded = Encoded::upsert(key, &indicator).unwrap();
        let (length, crc) = head(&encoded.bytes).unwrap();
        let bytes = &encoded.bytes[HEAD..];
        assert_eq!((bytes.len(), crc32fast::hash(bytes)), (length, crc));
        let (entry, json) = body(bytes).unwrap();
        assert_eq!(entry, encoded.head);
        assert_eq!(
            serde_json::from_slice::<Indicator>(json).unwrap(),
            indicator
        );
        assert_eq!(entry.upsert.unwrap().values.len(), 2);
    }

    #[test]
    fn indicators_that_cannot_be_kept_are_refused() {
        let key = FingerprintKey(1, 2);
        assert!(Encoded::upsert(key, &Indicator::stix("", "1", "x")).is_none());
        assert!(Encoded::upsert(key, &Indicator::stix("p", "", "x")).is_none());
        assert!(Encoded::upsert(key, &Indicator::stix("p", &"1".repeat(2000), "x")).is_none());
        let mut huge = Indicator::stix("p", "1", "x");
        huge.description = Some("x".repeat(LARGEST));
        assert!(Encoded::upsert(key, &huge).is_none());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..64)) {
            let _ = head(&bytes);
            let _ = body(&bytes);
        }
    }
}
