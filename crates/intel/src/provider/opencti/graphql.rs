//! Asking one OpenCTI: the dialect, the errors inside an answer, and answers that hold both errors and data.
//!
//! An answer is taken apart without being understood as a whole: each root field, each element of a list is read by itself, so that one
//! broken object (a lone surrogate, a number too large, a nesting too deep) costs nothing but itself.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::{
    http::Client,
    queries,
    refusal::{Need, Refusal},
    version::Dialect,
};
use crate::provider::{ErrorKind, ProviderError, fields};

/// What is known of the server and of the token's user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) version: String,
    pub(crate) user: String,
    /// Names of capabilities; empty where the server does not say.
    pub(crate) capabilities: Vec<String>,
}

impl Server {
    /// Whether the user has a capability, or one below it (`KNOWLEDGE_KNUPDATE` includes `KNOWLEDGE`), or all.
    pub(crate) fn may(&self, capability: &str) -> bool {
        self.capabilities
            .iter()
            .any(|has| has == "BYPASS" || has.starts_with(capability))
    }
}

/// A client that knows the server's dialect.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client: Client,
    need: Need,
    dialect: RwLock<Option<Dialect>>,
}

impl Session {
    pub(crate) fn new(client: Client, need: Need) -> Self {
        Self {
            client,
            need,
            dialect: RwLock::new(None),
        }
    }

    /// Asks for version and rights, and settles the dialect by the version.
    pub(crate) async fn probe(&self) -> Result<Server, ProviderError> {
        let answer = self.ask(queries::PROBE, json!({}), None).await?;
        let me: Value = answer.value("me")?;
        let about: Value = answer.value("about")?;
        let version = fields::word(&about, "version").unwrap_or_else(|| "unknown".to_owned());
        self.settle(Dialect::of(&version));
        Ok(Server {
            version,
            user: fields::word(&me, "user_email")
                .or_else(|| fields::word(&me, "name"))
                .unwrap_or_default(),
            capabilities: fields::words(&me, "capabilities", "name"),
        })
    }

    /// Asks in the server's dialect; where it is unknown or wrong, in one after the other. A server that understands none says so.
    pub(crate) async fn ask_in_dialect(
        &self,
        document: fn(Dialect) -> &'static str,
        variables: impl Fn(Dialect) -> Value,
        limit: Option<Duration>,
    ) -> Result<Answer, ProviderError> {
        let settled = self.dialect();
        let first = settled.unwrap_or(Dialect::C);
        let mut refused = None;
        let others = Dialect::ALL.into_iter().filter(|other| *other != first);
        for dialect in std::iter::once(first).chain(others) {
            let answer = self.ask(document(dialect), variables(dialect), limit).await;
            let error = match answer {
                Ok(answer) => match answer.incompatible() {
                    Some(error) => error,
                    None => {
                        if settled != Some(dialect) {
                            self.settle(dialect);
                        }
                        return Ok(answer);
                    }
                },
                Err(error) if error.kind() == ErrorKind::Incompatible => error,
                Err(error) => return Err(error),
            };
            // The first refusal is the one in the server's own dialect, as far as it is known.
            refused.get_or_insert(error);
        }
        Err(refused.unwrap_or_else(|| unreadable("nothing")))
    }

    /// Asks once.
    pub(crate) async fn ask(
        &self,
        document: &str,
        variables: Value,
        limit: Option<Duration>,
    ) -> Result<Answer, ProviderError> {
        let body = json!({"query": document, "variables": variables}).to_string();
        let bytes = self.client.graphql(body, limit).await?;
        let answer = Answer::read(&bytes, self.need)?;
        if answer.refuses_token() {
            self.client.refresh_token();
        }
        Ok(answer)
    }

    fn dialect(&self) -> Option<Dialect> {
        *self.dialect.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, dialect: Dialect) {
        *self.dialect.write().unwrap_or_else(PoisonError::into_inner) = Some(dialect);
    }
}

/// An answer: root fields, each with its data or its errors.
#[derive(Debug)]
pub(crate) struct Answer {
    roots: HashMap<String, Box<RawValue>>,
    refusals: Vec<Refusal>,
    need: Need,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    errors: Option<&'a RawValue>,
}

impl Answer {
    pub(crate) fn read(bytes: &[u8], need: Need) -> Result<Self, ProviderError> {
        let text = String::from_utf8_lossy(bytes);
        let envelope: Envelope<'_> = serde_json::from_str(&text)
            .map_err(|error| unreadable(&format!("no JSON of its kind: {error}")))?;
        let errors = envelope
            .errors
            .and_then(|raw| object(raw).ok())
            .unwrap_or_default();
        let roots = match envelope.data.map(RawValue::get) {
            None | Some("null") => HashMap::new(),
            Some(data) => serde_json::from_str(data)
                .map_err(|error| unreadable(&format!("`data` can't be read: {error}")))?,
        };
        let refusals = Refusal::all(&errors);
        if roots.is_empty() && refusals.is_empty() {
            return Err(unreadable("neither data nor an error"));
        }
        Ok(Self {
            roots,
            refusals,
            need,
        })
    }

    /// The data of a root field.
    ///
    /// # Errors
    /// The server's error for it where it is null, whatever the other roots hold.
    pub(crate) fn root(&self, root: &str) -> Result<&RawValue, ProviderError> {
        if let Some(raw) = self.roots.get(root)
            && raw.get() != "null"
        {
            return Ok(raw);
        }
        let refusal = self
            .refusals
            .iter()
            .find(|refusal| refusal.concerns(root))
            .or_else(|| self.refusals.first());
        Err(match refusal {
            Some(refusal) => refusal.error(self.need),
            None => unreadable(&format!("`{root}` is missing")),
        })
    }

    /// The data of a root field as a tree.
    pub(crate) fn value(&self, root: &str) -> Result<Value, ProviderError> {
        object(self.root(root)?).map_err(|error| unreadable(&error.to_string()))
    }

    /// The elements of a connection, whole or broken, and its page information.
    pub(crate) fn page(&self, root: &str) -> Result<Page, ProviderError> {
        Page::read(self.root(root)?)
    }

    fn refuses_token(&self) -> bool {
        self.refusals
            .iter()
            .any(|refusal| refusal.error(self.need).kind() == ErrorKind::Token)
    }

    /// The server's refusal of the whole query, where it did not understand it.
    fn incompatible(&self) -> Option<ProviderError> {
        let nothing = self.roots.values().all(|raw| raw.get() == "null");
        let errors = self.refusals.iter().map(|refusal| refusal.error(self.need));
        errors
            .filter(|_| nothing)
            .find(|error| error.kind() == ErrorKind::Incompatible)
    }
}

/// One page of a connection.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// What could be read of the nodes.
    pub(crate) nodes: Vec<Value>,
    /// Nodes that could not be read.
    pub(crate) broken: u64,
    /// Where the next page begins.
    pub(crate) end_cursor: Option<String>,
    /// How many there are in all, says the server.
    pub(crate) global_count: Option<u64>,
}

#[derive(Deserialize)]
struct Connection<'a> {
    #[serde(borrow, default)]
    edges: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default, rename = "pageInfo")]
    page_info: Option<&'a RawValue>,
}

impl Page {
    fn read(raw: &RawValue) -> Result<Self, ProviderError> {
        let connection: Connection<'_> =
            serde_json::from_str(raw.get()).map_err(|error| unreadable(&error.to_string()))?;
        let mut page = Self::default();
        for edge in connection.edges.unwrap_or_default() {
            match object(edge) {
                Ok(Value::Object(mut edge)) if edge.get("node").is_some_and(Value::is_object) => {
                    page.nodes.extend(edge.remove("node"));
                }
                _ => page.broken += 1,
            }
        }
        let info = connection
            .page_info
            .and_then(|raw| object(raw).ok())
            .unwrap_or_default();
        page.end_cursor = info
            .get("endCursor")
            .and_then(Value::as_str)
            .filter(|cursor| !cursor.is_empty() && cursor.len() <= 64 * 1024)
            .map(str::to_owned);
        page.global_count = info.get("globalCount").and_then(Value::as_u64);
        Ok(page)
    }

    /// Elements, read or not.
    pub(crate) fn len(&self) -> u64 {
        self.nodes.len() as u64 + self.broken
    }
}

/// A tree of a piece of JSON; one with lone surrogates is mended first.
fn object(raw: &RawValue) -> Result<Value, serde_json::Error> {
    serde_json::from_str(raw.get())
        .or_else(|_| serde_json::from_str(&fields::without_lone_surrogates(raw.get())))
}

fn unreadable(what: &str) -> ProviderError {
    ProviderError::passing(
        ErrorKind::Answer,
        format!(
            "OpenCTI's answer can't be used ({}); it is tried again",
            fields::clean(what, 200).unwrap_or_default()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Answer, ProviderError> {
        Answer::read(text.as_bytes(), Need::Read)
    }

    #[test]
    fn a_null_root_is_an_error_and_the_other_root_is_used() {
        let answer = read(
            r#"{"data":{"indicators":{"edges":[]},"stixCyberObservables":null},
            "errors":[{"path":["stixCyberObservables"],"extensions":{"code":"DATABASE_ERROR"}}]}"#,
        )
        .unwrap();
        assert!(answer.page("indicators").is_ok());
        let error = answer.page("stixCyberObservables").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy);
        assert!(answer.incompatible().is_none());
    }

    #[test]
    fn one_broken_element_costs_nothing_but_itself() {
        let deep = "[".repeat(500) + &"]".repeat(500);
        let text = format!(
            r#"{{"data":{{"indicators":{{"edges":[{{"node":{{"id":"a"}}}},{{"node":{{"id":"b","name":"\ud83d"}}}},
            {{"node":{{"id":"c","x":{deep}}}}},null,{{"node":null}},{{"node":{{"id":"d","n":1e999}}}},7],
            "pageInfo":{{"endCursor":"z","globalCount":7}}}}}}}}"#
        );
        let page = read(&text).unwrap().page("indicators").unwrap();
        let ids: Vec<&str> = page
            .nodes
            .iter()
            .map(|node| node["id"].as_str().unwrap())
            .collect();
        assert_eq!(ids, ["a", "b"]);
        assert_eq!((page.broken, page.len()), (5, 7));
        assert_eq!(
            (page.end_cursor.as_deref(), page.global_count),
            (Some("z"), Some(7))
        );
    }

    #[test]
    fn answers_that_are_none_are_errors_and_never_panic() {
        for text in [
            "",
            "null",
            "[]",
            "{}",
            "7",
            r#"{"data":null}"#,
            r#"{"data":[]}"#,
            r#"{"data":"x"}"#,
            "{\"data\":{\"a\":1}",
            "\u{0}",
        ] {
            assert_eq!(
                read(text).map(|_| ()).unwrap_err().kind(),
                ErrorKind::Answer,
                "{text}"
            );
        }
        let answer = read(r#"{"data":{"indicators":7}}"#).unwrap();
        assert_eq!(
            answer.page("indicators").unwrap_err().kind(),
            ErrorKind::Answer
        );
        let answer = read(r#"{"errors":"broken","data":{}}"#).unwrap();
        assert_eq!(
            answer.root("indicators").unwrap_err().kind(),
            ErrorKind::Busy
        );
    }

    #[test]
    fn a_capability_includes_those_above_it() {
        let server = |names: &[&str]| Server {
            version: String::new(),
            user: String::new(),
            capabilities: names.iter().map(|name| (*name).to_owned()).collect(),
        };
        assert!(server(&["KNOWLEDGE_KNUPDATE"]).may("KNOWLEDGE"));
        assert!(server(&["BYPASS"]).may("TAXIIAPI"));
        assert!(!server(&["EXPLORE"]).may("KNOWLEDGE"));
    }

    proptest::proptest! {
        #[test]
        fn hostile_answers_never_panic(text in r#"[\{\}\[\]":,a-z0-9\\]{0,80}"#) {
            if let Ok(answer) = read(&text) {
                let _ = answer.page("a");
            }
        }
    }
}
