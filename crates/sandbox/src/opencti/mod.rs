//! A stand-in for OpenCTI on loopback, for the demo and for tests.
//!
//! It plays any release from 5.1 to 7.260817 (`facts/opencti.md`): its part of the schema, its filters, its
//! pages and its errors, where almost every failure is an HTTP 200. Faults come on demand, see [`OpenCtiFaults`].
//! Where the facts are silent or inferred, the code says so; nothing here proves anything about OpenCTI.
//!
//! Invariants: binds 127.0.0.1 only; keeps everything in memory, made-up indicators not even there; never panics on
//! a request.

mod channel;
mod condition;
mod envelope;
mod errors;
mod events;
mod faults;
mod fields;
mod filter;
mod graphql;
mod ids;
mod listing;
mod made;
mod model;
mod mutation;
mod nodes;
mod options;
mod paging;
mod query;
mod requests;
mod sandbox;
mod schema;
mod server;
mod shapes;
mod stix;
mod store;
mod stream;
mod synthetic;
mod version;

pub use events::{EventId, EventIdError};
pub use faults::{OpenCtiFault, OpenCtiFaults};
pub use model::{
    ObservableValue, StixExternalReference, StixIdentity, StixIndicator, StixKillChainPhase,
    StixObservable, Tlp,
};
pub use options::{OpenCtiOptions, OpenCtiRights, OpenCtiStream, OpenCtiUser};
pub use requests::OpenCtiRequest;
pub use sandbox::{OpenCtiSandbox, OpenCtiSandboxError};
pub use schema::SchemaError;
pub use store::StoredSighting;
pub use synthetic::{synthetic_id, synthetic_indicator};
pub use version::{OpenCtiDialect, OpenCtiVersion, VersionError};
