//! One GraphQL request: parsing, validation against the release's schema, limits, execution.
//!
//! Invariants (facts §1): whatever is in `errors`, the status is 200; more than two of one root field of
//! `Query`, or one of `Mutation`, are refused since 6.1.0; introspection is off since then.

use std::sync::Arc;

use apollo_compiler::ast;
use apollo_compiler::executable::{ExecutableDocument, Operation};
use apollo_compiler::resolvers::Execution;
use apollo_compiler::response::{ExecutionResponse, JsonMap};
use apollo_compiler::validation::{DiagnosticList, Valid};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::errors::{Failure, refused};
use super::query::{Root, World};
use crate::answer::Answer;

/// The body of a request.
#[derive(Debug, Deserialize)]
pub(crate) struct Body {
    query: String,
    #[serde(default)]
    pub(crate) variables: Option<Value>,
    #[serde(default, rename = "operationName")]
    operation_name: Option<String>,
}

impl Body {
    pub(crate) fn of_get(query: String, variables: Option<&str>) -> Body {
        Body {
            query,
            variables: variables.and_then(|text| serde_json::from_str(text).ok()),
            operation_name: None,
        }
    }
}

/// An answer, and the root fields it is about.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) answer: Answer,
    pub(crate) root_fields: Vec<String>,
}

#[derive(Serialize)]
struct Sent<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Value>,
    data: &'a Option<JsonMap>,
}

/// Answers a request. Slow for large pages: to be called where blocking is allowed.
pub(crate) fn answer(world: World, body: &Body) -> Answered {
    let world = Arc::new(world);
    match run(&world, body) {
        Ok(answered) => answered,
        Err((code, messages)) => Answered {
            answer: json_answer(200, &refused(code, &messages, world.version())),
            root_fields: Vec::new(),
        },
    }
}

type Refusal = (&'static str, Vec<String>);

fn run(world: &Arc<World>, body: &Body) -> Result<Answered, Refusal> {
    let schema = &world.shared.schema.compiled;
    let parsed = ast::Document::parse(body.query.as_str(), "query.graphql")
        .map_err(|broken| ("GRAPHQL_PARSE_FAILED", messages(&broken.errors)))?;
    let document = parsed
        .to_executable_validate(schema)
        .map_err(|errors| ("GRAPHQL_VALIDATION_FAILED", messages(&errors.errors)))?;
    let operation = document
        .operations
        .get(body.operation_name.as_deref())
        .map_err(|error| {
            (
                "OPERATION_RESOLUTION_FAILURE",
                vec![error.message().to_string()],
            )
        })?;
    let root_fields: Vec<String> = operation
        .root_fields(&document)
        .map(|field| field.name.to_string())
        .collect();
    limits(world, operation, &root_fields)?;
    let response = execute(world, &document, operation, body)?;
    Ok(Answered {
        answer: dressed(world, &response),
        root_fields,
    })
}

fn execute(
    world: &Arc<World>,
    document: &Valid<ExecutableDocument>,
    operation: &Operation,
    body: &Body,
) -> Result<ExecutionResponse, Refusal> {
    let variables: JsonMap = body
        .variables
        .as_ref()
        .and_then(|variables| serde_json::from_value(variables.clone()).ok())
        .unwrap_or_default();
    let root = Root {
        world: Arc::clone(world),
        type_name: if operation.is_mutation() {
            "Mutation"
        } else {
            "Query"
        },
    };
    Execution::new(&world.shared.schema.compiled, document)
        .operation(operation)
        .raw_variable_values(&variables)
        .enable_schema_introspection(true)
        .execute_sync(&root)
        .map_err(|error| ("BAD_USER_INPUT", vec![error.message().to_string()]))
}

fn limits(world: &World, operation: &Operation, root_fields: &[String]) -> Result<(), Refusal> {
    let version = world.version();
    let is_introspection = |name: &String| name == "__schema" || name == "__type";
    if let Some(name) = root_fields.iter().find(|name| is_introspection(name))
        && (version.refuses_introspection() || world.user.is_none())
    {
        let text = format!(
            "GraphQL introspection has been disabled, but the requested query contained the field \"{name}\"."
        );
        return Err(("GRAPHQL_VALIDATION_FAILED", vec![text]));
    }
    if !version.limits_aliases() {
        return Ok(());
    }
    let (type_name, most) = if operation.is_mutation() {
        ("Mutation", 1)
    } else {
        ("Query", 2)
    };
    let too_often = root_fields
        .iter()
        .find(|name| root_fields.iter().filter(|other| other == name).count() > most);
    match too_often {
        Some(name) => Err((
            "GRAPHQL_VALIDATION_FAILED",
            vec![format!(
                "Allowed number of calls for {type_name}->{name} has been exceeded (max: {most})"
            )],
        )),
        None => Ok(()),
    }
}

fn dressed(world: &World, response: &ExecutionResponse) -> Answer {
    let errors = response
        .errors
        .iter()
        .map(|error| {
            let path = serde_json::to_value(&error.path).unwrap_or_default();
            Failure::unpacked(&error.message).dressed(world.version(), path)
        })
        .collect();
    json_answer(
        200,
        &Sent {
            errors,
            data: &response.data,
        },
    )
}

fn messages(errors: &DiagnosticList) -> Vec<String> {
    errors
        .iter()
        .map(|error| error.unstable_to_json_compat().message)
        .collect()
}

/// JSON as the platform sends it.
pub(crate) fn json_answer(status: u16, body: &impl Serialize) -> Answer {
    Answer {
        status,
        content_type: "application/json; charset=utf-8",
        body: serde_json::to_vec(body).unwrap_or_default(),
        headers: Vec::new(),
    }
}
