//! A dotted path and its hash, by which an alert answers at once that it has no such field.

/// A dotted path to a field. The hash of one written in the program is made when that is compiled: `at!`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Path<'a> {
    pub(crate) text: &'a str,
    pub(crate) hash: PathHash,
}

/// The same for paths that differ in (ASCII) case only. Others may share one: only "differs" is final.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PathHash(u64);

/// The path of a field that the program itself asks for.
macro_rules! at {
    ($text:expr) => {
        const { $crate::path::Path::new($text) }
    };
}
pub(crate) use at;

impl<'a> Path<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        let hash = PathHash(0).below_dotted(text.as_bytes());
        Self { text, hash }
    }
}

impl PathHash {
    /// The hash of the path that a key below this one has. A key may hold dots itself.
    pub(crate) fn below(self, key: &str) -> Self {
        // Keys are short: counting them all is quicker than a search that ends at the first.
        match key.bytes().filter(|byte| *byte == b'.').count() {
            0 => self.join(key.as_bytes()),
            _ => self.below_dotted(key.as_bytes()),
        }
    }

    pub(crate) fn bits(self) -> u64 {
        self.0
    }

    const fn below_dotted(self, mut rest: &[u8]) -> Self {
        let mut hash = self;
        let mut dot = 0;
        while dot < rest.len() {
            if rest[dot] != b'.' {
                dot += 1;
                continue;
            }
            let (name, behind) = rest.split_at(dot);
            hash = hash.join(name);
            rest = behind.split_at(1).1;
            dot = 0;
        }
        hash.join(rest)
    }

    /// Adds one name without dots.
    const fn join(self, mut name: &[u8]) -> Self {
        let mut hash = mix(self.0.rotate_left(7), name.len() as u64);
        while let Some((word, rest)) = name.split_first_chunk() {
            hash = mix(hash, u64::from_le_bytes(*word));
            name = rest;
        }
        let mut tail = 0;
        while let [first, rest @ ..] = name {
            tail = tail << 8 | *first as u64;
            name = rest;
        }
        Self(mix(hash, tail))
    }
}

const fn mix(hash: u64, word: u64) -> u64 {
    /// The bit in which upper and lower case differ.
    const CASE: u64 = 0x2020_2020_2020_2020;
    // 2^64 divided by the golden ratio.
    let hash = (hash ^ (word | CASE)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_hashes_as_the_keys_on_the_way_however_they_are_cut_and_in_any_case() {
        let whole = Path::new("data.win.eventdata.commandLine").hash;
        let root = PathHash::default();
        assert_eq!(
            root.below("data")
                .below("win.eventdata")
                .below("COMMANDline"),
            whole
        );
        assert_eq!(root.below("data.win").below("eventdata.commandLine"), whole);
        assert_ne!(
            root.below("data")
                .below("wineventdata")
                .below("commandLine"),
            whole
        );
        assert_eq!(root.below("").below("x"), Path::new(".x").hash);
        assert_ne!(Path::new("a.").hash, Path::new("a").hash);
    }
}
