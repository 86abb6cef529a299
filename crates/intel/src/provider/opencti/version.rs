//! OpenCTI's versions and the three dialects of its GraphQL interface (facts/opencti.md §2.1).

/// A version as `about.version` gives it: `6.9.22`, `7.260817.0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    major: u32,
    minor: u32,
    patch: u32,
}

impl Version {
    /// The oldest one that anything was tried with.
    pub(crate) const OLDEST: Self = Self::of(5, 1, 0);
    /// Filter groups.
    const B: Self = Self::of(5, 12, 0);
    /// Labels and markings as plain lists.
    const C: Self = Self::of(5, 12, 24);

    const fn of(major: u32, minor: u32, patch: u32) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }

    /// `None` where the text does not begin with two numbers.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let mut numbers = text.split(|char: char| !char.is_ascii_digit());
        let mut next = || numbers.next()?.parse().ok();
        Some(Self::of(next()?, next()?, next().unwrap_or(0)))
    }
}

/// How filters are written and lists are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// 5.1 to 5.11: `[IndicatorsFiltering]`, connections.
    A,
    /// 5.12.0 to 5.12.23: `FilterGroup`, connections.
    B,
    /// 5.12.24 and later: `FilterGroup`, plain lists.
    C,
}

impl Dialect {
    /// What is tried, in this order, where the version does not tell.
    pub(crate) const ALL: [Self; 3] = [Self::C, Self::B, Self::A];

    /// The dialect of a version; an unreadable version is taken as a new one.
    pub(crate) fn of(version: &str) -> Self {
        match Version::parse(version) {
            Some(version) if version < Version::B => Self::A,
            Some(version) if version < Version::C => Self::B,
            _ => Self::C,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_has_its_dialect() {
        for (version, dialect) in [
            ("5.1.4", Dialect::A),
            ("5.11.14", Dialect::A),
            ("5.12.0", Dialect::B),
            ("5.12.23", Dialect::B),
            ("5.12.24", Dialect::C),
            ("v6.4.0-beta", Dialect::C),
            ("7.260817.0", Dialect::C),
            ("", Dialect::C),
            ("dev", Dialect::C),
            ("99999999999.1", Dialect::C),
        ] {
            assert_eq!(Dialect::of(version), dialect, "{version}");
        }
    }
}
