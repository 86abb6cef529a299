//! The IRIS sink against the sandbox: each promise of a delivery, end to end over HTTP.

mod faults;
mod hostile;
mod names;
mod presets;
mod real_alerts;
mod tls;
mod world;
