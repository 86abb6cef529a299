//! Whether an OpenCTI suits the configuration (`alertbridge intel check`). Reads only.

use serde::Serialize;
use serde_json::json;

use super::{
    OpenCti,
    graphql::{Server, Session},
    queries,
    version::Version,
};
use crate::provider::{ErrorKind, ProviderError, fields};

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Whether it is well.
    pub ok: bool,
    /// What was checked, a stable word: `reachable`, `token`, `version`, `knowledge_read`, `indicators`, `clearance`, `stream`.
    pub what: &'static str,
    /// What was found, and what to do where it is not well.
    pub text: String,
}

impl Finding {
    fn of(what: &'static str, found: Result<String, String>) -> Self {
        let ok = found.is_ok();
        Self {
            ok,
            what,
            text: found.unwrap_or_else(|text| text),
        }
    }
}

impl OpenCti {
    /// Checks what can be checked without writing: is the server there, is the token good, what may its user do and see.
    pub async fn check(&self) -> Vec<Finding> {
        let server = match self.session.probe().await {
            Ok(server) => server,
            Err(error) => {
                let token = matches!(error.kind(), ErrorKind::Token | ErrorKind::Account);
                let what = if token { "token" } else { "reachable" };
                return vec![Finding::of(what, Err(error.to_string()))];
            }
        };
        let mut findings = vec![
            Finding::of("reachable", Ok("OpenCTI answers".to_owned())),
            Finding::of(
                "token",
                Ok(format!(
                    "the token is accepted; its user is {}",
                    server.user
                )),
            ),
            Finding::of("version", version(&server)),
            Finding::of("knowledge_read", may_read(&server)),
            Finding::of(
                "indicators",
                self.indicators().await.map_err(|error| error.to_string()),
            ),
        ];
        findings.push(Finding::of(
            "clearance",
            match clearance(&self.session).await {
                Some(hint) => Err(hint),
                None => Ok("nothing says that the token's user sees little".to_owned()),
            },
        ));
        if self.config.stream.is_some() {
            findings.push(Finding::of("stream", may_stream(&server)));
        }
        findings
    }

    async fn indicators(&self) -> Result<String, ProviderError> {
        let answer = self.session.ask(queries::OTHERS, json!({}), None).await?;
        let indicators = answer.value("indicators")?;
        let count = indicators
            .get("pageInfo")
            .and_then(|info| info.get("globalCount")?.as_u64());
        match count {
            Some(0) => Err(ProviderError::operator(ErrorKind::Right, NOTHING_SEEN)),
            Some(count) => Ok(format!("the token's user sees {count} indicators")),
            None => Ok("indicators can be read".to_owned()),
        }
    }
}

/// For a list without any element.
pub(super) const NOTHING_SEEN: &str = "OpenCTI shows the token's user no indicator at all: either there is none, or the user's groups \
    may not see their markings, or the user belongs to no organization";

fn version(server: &Server) -> Result<String, String> {
    let text = &server.version;
    match Version::parse(text) {
        Some(version) if version < Version::OLDEST => Err(format!(
            "OpenCTI {text} is older than 5.1, which nothing was tried with; update it"
        )),
        Some(_) => Ok(format!("OpenCTI {text}")),
        None => Ok(format!(
            "OpenCTI calls its version {text}; it is taken as a new one"
        )),
    }
}

fn may_read(server: &Server) -> Result<String, String> {
    if server.capabilities.is_empty() || server.may("KNOWLEDGE") {
        return Ok("the token's user may read knowledge".to_owned());
    }
    Err(
        "the token's user lacks the capability \"Access knowledge\" (KNOWLEDGE); give it to one of its roles in Settings > Security > \
         Roles"
            .to_owned(),
    )
}

fn may_stream(server: &Server) -> Result<String, String> {
    if server.capabilities.is_empty() || server.may("TAXIIAPI") {
        return Ok("the token's user may read live streams".to_owned());
    }
    Err(
        "the token's user lacks the capability \"Access data sharing\" (TAXIIAPI), which the live stream needs; without it OpenCTI is \
         asked at intervals"
            .to_owned(),
    )
}

/// A hint where the token's user may not see every TLP level: what is marked higher is left out without an error. `None` where all is
/// seen, and where the server can't say (older versions).
pub(super) async fn clearance(session: &Session) -> Option<String> {
    let answer = session
        .ask(queries::CLEARANCE, json!({}), None)
        .await
        .ok()?;
    let seen = fields::words(&answer.value("me").ok()?, "allowed_marking", "definition");
    let tlp: Vec<&str> = seen
        .iter()
        .map(String::as_str)
        .filter(|name| name.starts_with("TLP:"))
        .collect();
    if tlp.contains(&"TLP:RED") {
        return None;
    }
    let seen = if tlp.is_empty() {
        "no TLP marking".to_owned()
    } else {
        format!("{} only", tlp.join(", "))
    };
    Some(format!(
        "the token's user sees {seen}: indicators that are marked higher are left out by OpenCTI without a word. If they are wanted, \
         allow the markings to one of its groups (Settings > Security > Groups)"
    ))
}
