//! The IRIS sink against the sandbox: each promise of a delivery, end to end over HTTP.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod amend;
mod comments;
mod conditions;
mod digest;
mod faults;
mod hostile;
mod intel;
mod names;
mod one_alert;
mod presets;
mod real_alerts;
mod redaction;
mod review;
mod review_unreadable;
mod scripted;
mod tls;
mod world;
