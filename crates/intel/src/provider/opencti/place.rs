//! Where the sync stands, as it is kept in the store's cursors.
//!
//! Both are JSON with a version. One of another version, of another server, or one that can't be read is no place: the whole list is read
//! anew. The store moves a place only together with the changes before it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

const VERSION: u32 = 1;

/// The place behind a complete list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    version: u32,
    /// The server's address: ids of another one mean nothing here.
    server: String,
    /// The latest `updated_at` that a question (not the stream) has brought.
    pub(crate) updated_at: Option<Timestamp>,
    /// The live stream and the id of the last event taken in.
    pub(crate) stream: Option<StreamPlace>,
    /// When the list of ids was last compared.
    pub(crate) reconciled_at: Timestamp,
    /// Indicators that the last list of ids named and that are not here: they can't be read.
    #[serde(default)]
    pub(crate) missing: u64,
}

/// A place in a live stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StreamPlace {
    pub(crate) id: String,
    pub(crate) event: String,
}

/// The place inside a list that is being read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FullPlace {
    version: u32,
    server: String,
    /// The server's cursor of the next page. It holds sort values, not a server's state: it survives restarts of both sides.
    pub(crate) after: Option<String>,
    pub(crate) updated_at: Option<Timestamp>,
    /// The list goes on behind this `updated_at`, because an object before it can't be given; `after` counts from here.
    #[serde(default)]
    pub(crate) since: Option<Timestamp>,
    /// Where the stream stood before the first page was read.
    pub(crate) stream: Option<StreamPlace>,
    pub(crate) started: Timestamp,
    /// Indicators before this place.
    pub(crate) done: u64,
}

impl Place {
    /// The place behind a list that was read to its end.
    pub(crate) fn behind(full: &FullPlace) -> Self {
        Self {
            version: VERSION,
            server: full.server.clone(),
            updated_at: full.updated_at,
            stream: full.stream.clone(),
            // What was deleted after the list was begun may still be in it.
            reconciled_at: full.started,
            missing: 0,
        }
    }

    pub(crate) fn read(text: &str, server: &str) -> Option<Self> {
        parsed::<Self>(text).filter(|place| place.version == VERSION && place.server == server)
    }

    pub(crate) fn text(&self) -> String {
        written(self)
    }
}

impl FullPlace {
    pub(crate) fn start(server: &str, started: Timestamp, stream: Option<StreamPlace>) -> Self {
        Self {
            version: VERSION,
            server: server.to_owned(),
            after: None,
            updated_at: None,
            since: None,
            stream,
            started,
            done: 0,
        }
    }

    pub(crate) fn read(text: &str, server: &str) -> Option<Self> {
        parsed::<Self>(text).filter(|place| place.version == VERSION && place.server == server)
    }

    pub(crate) fn text(&self) -> String {
        written(self)
    }
}

fn parsed<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}

fn written<T: Serialize>(place: &T) -> String {
    // Texts, numbers and times can always be written.
    serde_json::to_string(place).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_back_and_one_of_another_server_or_version_is_none() {
        let mut full = FullPlace::start("https://a", Timestamp::UNIX_EPOCH, None);
        full.after = Some("WzE2OTM0".to_owned());
        assert_eq!(
            FullPlace::read(&full.text(), "https://a"),
            Some(full.clone())
        );
        assert_eq!(FullPlace::read(&full.text(), "https://b"), None);
        let place = Place::behind(&full);
        assert_eq!(Place::read(&place.text(), "https://a"), Some(place.clone()));
        let newer = place.text().replace("\"version\":1", "\"version\":2");
        assert_eq!(Place::read(&newer, "https://a"), None);
        assert_eq!(Place::read("", "https://a"), None);
        assert_eq!(Place::read(&full.text(), "https://a"), None);
    }
}
