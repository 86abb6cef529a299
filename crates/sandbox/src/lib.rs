//! Stand-ins for DFIR-IRIS, OpenCTI, model servers and the Wazuh queue on loopback, for the demo and for tests.
//!
//! [`ModelSandbox`] plays Ollama and servers that speak OpenAI's language (`facts/ai.md`).
//! [`OpenCtiSandbox`] plays any release of OpenCTI from `facts/opencti.md`, [`WazuhQueueSandbox`] the socket a
//! manager takes events at.
//! [`IrisSandbox`] is as strict and as odd as the real server of `facts/iris.md` (measured on v2.4.20): a 400 may mean
//! "stored", `alert_uuid` is unique, a brand-new tag posted twice at once fails, severity ids are not in
//! order, an idle connection is closed after two seconds. Faults come on demand, see [`Faults`].
//! Where the facts are silent, the code says so in a comment; nothing here proves anything about IRIS.
//!
//! Invariants: binds 127.0.0.1 only; keeps everything in memory; never panics on a request; an alert is in
//! [`IrisSandbox::alerts`] exactly when a real server would have committed it, whatever the answer said.
//!
//! Callers: `alertbridge demo`, the crash test, and the tests of the IRIS sink.

mod add;
mod answer;
mod auth;
mod cases;
mod clock;
mod comments;
mod conditions;
mod connections;
mod errors;
mod event_time;
mod faults;
mod filter;
mod index_limit;
mod json;
mod like;
mod lists;
mod model;
mod observables;
mod opencti;
mod options;
mod page;
mod python;
mod requests;
mod routes;
mod sandbox;
mod schema;
mod server;
mod store;
mod tables;
mod tls;
mod update;
mod versions;
mod wazuh_queue;

pub use faults::{Fault, Faults};
pub use model::{
    Answerer, ModelAnswer, ModelCounts, ModelFault, ModelFaults, ModelMessage, ModelOptions,
    ModelRequest, ModelSandbox, ModelSandboxError, ModelVersion, OpenAiHabits, ServedModel,
};
pub use opencti::{
    EventId, EventIdError, ObservableValue, OpenCtiDialect, OpenCtiFault, OpenCtiFaults,
    OpenCtiOptions, OpenCtiRequest, OpenCtiRights, OpenCtiSandbox, OpenCtiSandboxError,
    OpenCtiStream, OpenCtiUser, OpenCtiVersion, SchemaError, StixExternalReference, StixIdentity,
    StixIndicator, StixKillChainPhase, StixObservable, StoredSighting, Tlp, VersionError,
    synthetic_id, synthetic_indicator,
};
pub use options::{IdOrder, IrisOptions, IrisUser, TlsKind, permission};
pub use requests::RequestLine;
pub use sandbox::{IrisSandbox, SandboxError};
pub use store::StoredAlert;
pub use tls::TlsError;
pub use wazuh_queue::{WAZUH_QUEUE_MAXIMUM, WazuhQueueError, WazuhQueueEvent, WazuhQueueSandbox};
