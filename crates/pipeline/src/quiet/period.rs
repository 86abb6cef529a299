//! A length of time in the configuration: `"15m"`, `"1h 30m"`, `"24h"`.

use std::{fmt, time::Duration};

use jiff::SignedDuration;
use serde::de::{self, Deserialize, Deserializer, Visitor};

/// A year. Longer ones are a slip.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// More than nothing and at most a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(Duration);

impl Period {
    pub(super) const fn minutes(minutes: u64) -> Self {
        Self(Duration::from_secs(minutes * 60))
    }

    /// As the standard library has it.
    pub fn duration(self) -> Duration {
        self.0
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Period;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a length of time such as \"15m\", \"24h\" or \"1h 30m\", more than 0 and at most 366 days",
                )
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Period, E> {
                let wrong = || E::invalid_value(de::Unexpected::Str(text), &self);
                let signed: SignedDuration = text.trim().parse().map_err(|_| wrong())?;
                let length = Duration::try_from(signed).map_err(|_| wrong())?;
                if length.is_zero() || length > LONGEST {
                    return Err(wrong());
                }
                Ok(Period(length))
            }
        }
        deserializer.deserialize_str(Text)
    }
}
