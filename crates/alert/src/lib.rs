//! One Wazuh alert.
//!
//! An alert is kept as the bytes that came; what we need to decide about it is read into a [`Head`], leniently: an id may be
//! a number, any field may be missing or of another type, bytes may be invalid UTF-8. Pure: no I/O, no clock, no async.
//!
//! ```
//! use alertbridge_alert::Alert;
//!
//! let alert = Alert::parse(br#"{"id":"17.4","rule":{"level":9,"id":5302},"manager":{"name":"m1"}}"#.to_vec()).unwrap();
//! assert_eq!(alert.head().level, 9);
//! assert_eq!(alert.head().rule_id.as_deref(), Some("5302"));
//! assert_eq!(alert.reference().as_str(), "m1:17.4");
//! ```

mod glued;
mod head;
mod ioc;
mod lenient;
mod level;
pub mod observables;
mod reference;
mod surrogates;
mod tree;

use std::{borrow::Cow, sync::Arc};

pub use glued::split_glued;
pub use head::{Agent, Head, Mitre};
pub use ioc::{Observable, ObservableKind};
pub use level::level;
pub use reference::{Fingerprint, Reference};

/// One alert: its bytes as they came, and its head. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Alert {
    raw: Arc<[u8]>,
    head: Arc<Head>,
}

/// Why bytes are not an alert.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Nothing but white space.
    #[error("empty")]
    Empty,
    /// Not JSON; where the parser stopped.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// JSON, but not an object.
    #[error("not a JSON object")]
    NotAnObject,
}

impl Alert {
    /// Reads the head of an alert.
    ///
    /// # Errors
    /// [`Malformed`] where the bytes, with invalid UTF-8 replaced, are not one JSON object.
    pub fn parse(raw: impl Into<Arc<[u8]>>) -> Result<Self, Malformed> {
        let raw: Arc<[u8]> = raw.into();
        let head = Arc::new(Head::parse(&text_of(&raw))?);
        Ok(Self { raw, head })
    }

    /// The bytes as they came.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The bytes as text; invalid UTF-8 is replaced by U+FFFD.
    pub fn text(&self) -> Cow<'_, str> {
        text_of(&self.raw)
    }

    /// The fields decisions are made on.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The identity of the alert, the same whichever way it arrived.
    pub fn reference(&self) -> Reference {
        Reference::of(self)
    }

    /// Tells apart two alerts under one reference.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.head)
    }

    /// The whole alert as a tree. What a tree can't hold (nesting beyond 127 levels, a number beyond a double, a lone
    /// surrogate) is `Null`, text or U+FFFD in it; the rest is there.
    pub fn tree(&self) -> serde_json::Value {
        tree::tree(&self.text())
    }

    /// What is matched against threat intelligence: more than [`observables`](Self::observables), with the direction of
    /// addresses and without what the filter leaves out.
    pub fn intel_observables(
        &self,
        filter: &observables::ObservableFilter,
    ) -> observables::Observables {
        observables::of_tree(&self.tree(), filter)
    }

    /// What an analyst would look up: addresses, hashes, domains, URLs, file names; each with the field it stood in, in a
    /// stable order, without doubles.
    pub fn observables(&self) -> Vec<Observable> {
        ioc::observables(&self.tree())
    }
}

/// Any JSON text as a tree, as [`Alert::tree`] reads an alert: what a tree can't hold costs only itself. `Null` where the text is no
/// JSON. For what others store of an alert, which holds what the alert held (facts/iris.md §4).
///
/// ```
/// let tree = alertbridge_alert::tree_of(r#"{"id":7,"full_log":"a\ud800b"}"#);
/// assert_eq!((&tree["id"], &tree["full_log"]), (&7.into(), &"a\u{fffd}b".into()));
/// ```
pub fn tree_of(json: &str) -> serde_json::Value {
    tree::tree(json)
}

/// Text of alert bytes; a byte order mark is dropped.
fn text_of(raw: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(raw))
}
