//! What OpenCTI says inside an answer: errors come with HTTP 200 (facts/opencti.md §1).
//!
//! The code stands in `extensions.code` (6.2.14 and later) or in `name` (before, some with other spellings). Partial answers are
//! normal: one root is null and has an error, the other is filled.

use serde_json::Value;

use crate::provider::{ErrorKind, ProviderError, fields};

/// What the token is needed for; decides what a missing right is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    Read,
    Write,
}

/// One error of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// `AUTH_REQUIRED`, …; empty where the server gives none.
    code: String,
    message: String,
    /// The root field it belongs to.
    root: Option<String>,
}

impl Refusal {
    /// All errors of an answer; an `errors` of another form counts as one without a code.
    pub(crate) fn all(errors: &Value) -> Vec<Self> {
        match errors {
            Value::Null => Vec::new(),
            Value::Array(errors) => errors.iter().take(50).map(Self::of).collect(),
            other => vec![Self::of(other)],
        }
    }

    fn of(error: &Value) -> Self {
        let code = error
            .get("extensions")
            .and_then(|extensions| fields::word(extensions, "code"))
            .or_else(|| fields::word(error, "name"))
            .unwrap_or_default();
        let message = error
            .get("message")
            .and_then(Value::as_str)
            .and_then(|text| fields::clean(text, 300))
            .unwrap_or_else(|| "no reason given".to_owned());
        let root = error
            .get("path")
            .and_then(|path| path.get(0))
            .and_then(Value::as_str)
            .map(str::to_owned);
        Self {
            code,
            message,
            root,
        }
    }

    /// Whether it is about this root field, or about no special one.
    pub(crate) fn concerns(&self, root: &str) -> bool {
        self.root.as_deref().is_none_or(|path| path == root)
    }

    /// The error for the operator.
    pub(crate) fn error(&self, need: Need) -> ProviderError {
        let Self { code, message, .. } = self;
        let operator = |kind, text: String| ProviderError::operator(kind, text);
        match code.as_str() {
            "AUTH_REQUIRED" | "AuthRequired" | "AUTH_FAILURE" | "AuthFailure"
            | "UNAUTHENTICATED" => operator(
                ErrorKind::Token,
                format!(
                    "OpenCTI does not accept the token ({code}): it is wrong, was deleted or has expired, or its user may not use \
                     tokens (from 7.260224 on: capability \"Allow token usage\"). Make a new one (Profile > API access) and put it into \
                     the token file; it is read anew by itself"
                ),
            ),
            "FORBIDDEN_ACCESS" | "ForbiddenAccess" | "FORBIDDEN" => {
                let capability = match need {
                    Need::Read => "\"Access knowledge\" (KNOWLEDGE)",
                    Need::Write => "\"Create / Update knowledge\" (KNOWLEDGE_KNUPDATE)",
                };
                operator(
                    ErrorKind::Right,
                    format!(
                        "the token's user lacks a right ({code}): give one of its roles the capability {capability} in Settings > \
                         Security > Roles; where there is a platform organization, the user must belong to an organization"
                    ),
                )
            }
            "IP_FORBIDDEN" => operator(
                ErrorKind::Right,
                "OpenCTI does not allow this machine's address (IP_FORBIDDEN): add it to the allowed addresses of the token's user or \
                 of the platform"
                    .to_owned(),
            ),
            "OTP_REQUIRED" | "OTP_REQUIRED_ACTIVATION" => operator(
                ErrorKind::Account,
                format!(
                    "the token's user must use a second factor ({code}): use a service account, which needs none"
                ),
            ),
            "PASSWORD_CHANGE_REQUIRED" => operator(
                ErrorKind::Account,
                "the token's user must change the password first (PASSWORD_CHANGE_REQUIRED): log in once as that user, or use a \
                 service account"
                    .to_owned(),
            ),
            "LTS_REQUIRED_ACTIVATION" => operator(
                ErrorKind::Account,
                "this OpenCTI waits for its licence to be activated (LTS_REQUIRED_ACTIVATION): an administrator must do that in Settings"
                    .to_owned(),
            ),
            "GRAPHQL_VALIDATION_FAILED" | "GRAPHQL_PARSE_FAILED" | "BAD_USER_INPUT" => {
                incompatible(code, message)
            }
            // Without a code, from Apollo's validation before 6.2.14.
            "" | "ValidationError" | "GraphQLError"
                if [
                    "Cannot query",
                    "Unknown ",
                    "Field ",
                    "Variable ",
                    "Value ",
                    "Fragment ",
                ]
                .iter()
                .any(|start| message.starts_with(start)) =>
            {
                incompatible("validation", message)
            }
            "UNSUPPORTED_ERROR" | "UnsupportedError" | "FUNCTIONAL_ERROR" | "FunctionalError"
            | "VALIDATION_ERROR" => incompatible(code, message),
            "RESOURCE_NOT_FOUND" | "MISSING_REFERENCE_ERROR" | "ElementNotFound" => operator(
                ErrorKind::Answer,
                format!(
                    "OpenCTI does not know an object that was named ({code}: {message}); it was deleted, or the token may not see it"
                ),
            ),
            "COMPLEX_SEARCH_ERROR" => ProviderError::passing(
                ErrorKind::Answer,
                "OpenCTI finds a search too complex (COMPLEX_SEARCH_ERROR): fewer values are asked for at once",
            ),
            "DATABASE_ERROR" | "DatabaseError" | "ENGINE_ERROR" => ProviderError::passing(
                ErrorKind::Busy,
                format!(
                    "OpenCTI's search engine has a fault ({code}: {message}); it is tried again. If it stays, look at Elasticsearch"
                ),
            ),
            "LOCK_ERROR" | "LockError" | "CLIENT_ABORT_ERROR" => ProviderError::passing(
                ErrorKind::Busy,
                format!("OpenCTI is busy with the same object ({code}); it is tried again"),
            ),
            _ => ProviderError::passing(
                ErrorKind::Busy,
                format!(
                    "OpenCTI reports an error ({}: {message}); it is tried again",
                    if code.is_empty() { "no code" } else { code }
                ),
            ),
        }
    }
}

fn incompatible(code: &str, message: &str) -> ProviderError {
    let remedy = if ["cost", "depth", "token", "alias"]
        .iter()
        .any(|word| message.to_ascii_lowercase().contains(word))
    {
        "a limit for queries (GraphQL armor) is set too low there: raise `app:graphql:armor_protection` in OpenCTI"
    } else {
        "versions from 5.1 to 7.260817 are known to work; is a newer Alertbridge out?"
    };
    ProviderError::operator(
        ErrorKind::Incompatible,
        format!("this OpenCTI does not understand our query ({code}: {message}); {remedy}"),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn error(json: Value) -> ProviderError {
        Refusal::all(&json!([json]))[0].error(Need::Read)
    }

    #[test]
    fn codes_of_all_ages_are_understood() {
        for (json, kind, operator) in [
            (
                json!({"extensions": {"code": "AUTH_REQUIRED"}, "name": "X"}),
                ErrorKind::Token,
                true,
            ),
            (json!({"name": "AuthRequired"}), ErrorKind::Token, true),
            (json!({"name": "ForbiddenAccess"}), ErrorKind::Right, true),
            (
                json!({"extensions": {"code": "IP_FORBIDDEN"}}),
                ErrorKind::Right,
                true,
            ),
            (
                json!({"extensions": {"code": "OTP_REQUIRED"}}),
                ErrorKind::Account,
                true,
            ),
            (
                json!({"extensions": {"code": "GRAPHQL_VALIDATION_FAILED"}}),
                ErrorKind::Incompatible,
                true,
            ),
            (
                json!({"message": "Cannot query field \"x\" on type \"Y\"."}),
                ErrorKind::Incompatible,
                true,
            ),
            (json!({"name": "DatabaseError"}), ErrorKind::Busy, false),
            (
                json!({"extensions": {"code": "LOCK_ERROR"}}),
                ErrorKind::Busy,
                false,
            ),
            (
                json!({"extensions": {"code": "COMPLEX_SEARCH_ERROR"}}),
                ErrorKind::Answer,
                false,
            ),
            (
                json!({"extensions": {"code": "NEW_IN_2030"}}),
                ErrorKind::Busy,
                false,
            ),
            (json!("text"), ErrorKind::Busy, false),
            (
                json!({"extensions": 5, "name": null, "message": {}}),
                ErrorKind::Busy,
                false,
            ),
        ] {
            let text = json.to_string();
            let error = error(json);
            assert_eq!(
                (error.kind(), error.needs_operator()),
                (kind, operator),
                "{text}"
            );
        }
    }

    #[test]
    fn every_text_says_what_to_do_and_a_hostile_message_is_cut() {
        let text = error(json!({"message": "x\u{1b}[2J".repeat(10_000)})).to_string();
        assert!(text.len() < 500 && !text.contains('\u{1b}'));
        let armor = json!({"extensions": {"code": "GRAPHQL_VALIDATION_FAILED"}, "message": "Query Cost limit of 10000 exceeded"});
        assert!(error(armor).to_string().contains("armor"));
        let refusal = &Refusal::all(&json!([{"name": "ForbiddenAccess"}]))[0];
        assert!(
            refusal
                .error(Need::Write)
                .to_string()
                .contains("KNOWLEDGE_KNUPDATE")
        );
    }

    #[test]
    fn an_error_belongs_to_its_root_field_or_to_all() {
        let refusals = Refusal::all(&json!([{"path": ["indicators", "edges"]}, {"message": "m"}]));
        assert!(refusals[0].concerns("indicators") && !refusals[0].concerns("me"));
        assert!(refusals[1].concerns("me"));
        assert_eq!(Refusal::all(&json!("broken")).len(), 1);
        assert_eq!(Refusal::all(&Value::Null), []);
    }
}
