//! Asking models: against the stand-in for Ollama and its like, and against servers that say any odd thing.
#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod cancelling;
mod clouds;
mod cuts;
mod hostile;
mod limits;
mod llama_server;
mod odd_answers;
mod odd_events;
mod ollama;
mod openai;
mod real_prompts;
mod refusals;
mod scene;
mod scripted;
