//! Values that may be written in two ways in the configuration.
//!
//! Visitors instead of untagged enums, because their messages tell the operator what is expected.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

/// One text or a list of texts, any of which may match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words(pub Vec<String>);

impl Words {
    pub(crate) fn any(&self, test: impl Fn(&str) -> bool) -> bool {
        self.0.iter().any(|word| test(word))
    }
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WordsVisitor;
        impl<'de> Visitor<'de> for WordsVisitor {
            type Value = Words;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Words, E> {
                Ok(Words(vec![text.to_owned()]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Words, A::Error> {
                let mut words = Vec::new();
                while let Some(word) = list.next_element()? {
                    words.push(word);
                }
                Ok(Words(words))
            }
        }
        deserializer.deserialize_any(WordsVisitor)
    }
}

/// A customer of IRIS, by id or by name. A text of digits is an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Customer {
    /// `alert_customer_id`.
    Id(i64),
    /// The customer's name; resolving it needs the permission customers_read (facts/iris.md §2).
    Name(String),
}

impl Customer {
    /// The customer a text stands for; the inverse of `to_string`.
    pub(crate) fn of(text: &str) -> Self {
        match text.trim().parse() {
            Ok(id) => Self::Id(id),
            Err(_) => Self::Name(text.trim().to_owned()),
        }
    }
}

impl fmt::Display for Customer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "{id}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl Default for Customer {
    fn default() -> Self {
        Self::Id(1)
    }
}

impl<'de> Deserialize<'de> for Customer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CustomerVisitor;
        impl Visitor<'_> for CustomerVisitor {
            type Value = Customer;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a customer's id or name")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Customer, E> {
                if text.trim().is_empty() {
                    return Err(E::custom("a customer's name can't be empty"));
                }
                Ok(Customer::of(text))
            }
            fn visit_i64<E: Error>(self, id: i64) -> Result<Customer, E> {
                Ok(Customer::Id(id))
            }
            fn visit_u64<E: Error>(self, id: u64) -> Result<Customer, E> {
                i64::try_from(id).map(Customer::Id).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(CustomerVisitor)
    }
}
