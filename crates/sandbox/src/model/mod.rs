//! A stand-in for a server of language models on loopback, for the demo and for tests.
//!
//! One port speaks two languages: Ollama's own API, of any version ([`ModelOptions::version`]), and the one OpenAI made usual, in the
//! habits of one server or another ([`OpenAiHabits`]). Behaviour is that of `facts/ai.md §1`: prompts that are too long are cut in
//! silence where the real one does that, the model is loaded anew when the size of its context changes, tokens come one by one, and
//! 200 does not mean done. Faults come on demand, see [`ModelFaults`]. Where the facts are silent the code says so; nothing here
//! proves anything about a real server, and its answers are no model's: they are made from the lines of the prompt's data block.
//!
//! Invariants: binds 127.0.0.1 only; keeps everything in memory; never panics on a request; a request whose client went away is
//! counted as cancelled, and takes the place of no other one any longer.

mod answer;
mod canned;
mod counts;
mod data;
mod faults;
mod instance;
mod obedience;
mod ollama;
mod openai;
mod options;
mod question;
mod reply;
mod request;
mod sandbox;
mod server;
mod state;
mod tokens;

pub use answer::ModelAnswer;
pub use counts::ModelCounts;
pub use faults::{ModelFault, ModelFaults};
pub use options::{Answerer, ModelOptions, ModelVersion, OpenAiHabits, ServedModel};
pub use request::{ModelMessage, ModelRequest};
pub use sandbox::{ModelSandbox, ModelSandboxError};
