//! Fingerprints: what the index knows of values and ids.
//!
//! 64 bits of SipHash-1-3 under a random key of the store. The key is what makes them safe: who writes indicators can't choose
//! values that fall together. Two of ten million values do so by chance once in 370,000 stores; for values this costs a read (what
//! is read is compared in full), for ids one of the two indicators would be lost.

use std::hash::{BuildHasher, Hasher, RandomState};

use alertbridge_alert::observables::Kind;
use ipnet::IpNet;
use siphasher::sip::SipHasher13;

use crate::value::{Key, NETWORK, network_bytes, number};

/// The store's secret key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FingerprintKey(pub(crate) u64, pub(crate) u64);

impl FingerprintKey {
    /// A new one, from the system's randomness (which the standard library hands out only so).
    pub(crate) fn random() -> Self {
        let word = || RandomState::new().build_hasher().finish();
        Self(word(), word())
    }

    pub(crate) fn of_key(self, key: &Key) -> u64 {
        self.of_text(key.kind, &key.text)
    }

    /// The text of a key ([`Key::text_of`]).
    pub(crate) fn of_text(self, kind: Kind, text: &str) -> u64 {
        self.of(number(kind), text.as_bytes())
    }

    pub(crate) fn of_network(self, net: &IpNet) -> u64 {
        let (bytes, length) = network_bytes(net);
        self.of(NETWORK, &bytes[..length])
    }

    pub(crate) fn of_id(self, provider: &str, id: &str) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.0, self.1);
        hasher.write(provider.as_bytes());
        hasher.write(&[0]);
        hasher.write(id.as_bytes());
        hasher.finish()
    }

    fn of(self, kind: u8, bytes: &[u8]) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.0, self.1);
        hasher.write(&[kind]);
        hasher.write(bytes);
        hasher.finish()
    }
}

/// Fingerprints are hashes already: tables take them as they are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

/// A table by fingerprint.
pub(crate) type ByFingerprint<V> =
    std::collections::HashMap<u64, V, std::hash::BuildHasherDefault<AsIs>>;
