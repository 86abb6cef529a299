//! Which model is loaded, how, and until when.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::request::ModelMessage;

/// Ollama's own default.
const KEEP_ALIVE: Duration = Duration::from_secs(300);

/// A loaded model.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) model: String,
    pub(crate) context: u64,
    /// Since 0.30 a launch attribute: another value loads the model anew.
    pub(crate) shift: bool,
    /// None for ever.
    pub(crate) until: Option<Instant>,
    /// The prompt before, whose tokens are ready.
    ready: String,
}

/// What the server holds in memory.
#[derive(Debug, Default)]
pub(crate) struct State {
    loaded: Option<Loaded>,
}

impl State {
    pub(crate) fn loaded(&mut self) -> Option<&Loaded> {
        let over = |loaded: &Loaded| loaded.until.is_some_and(|until| until <= Instant::now());
        if self.loaded.as_ref().is_some_and(over) {
            self.loaded = None;
        }
        self.loaded.as_ref()
    }

    pub(crate) fn unload(&mut self) {
        self.loaded = None;
    }

    /// Has the model loaded so; whether it had to be loaded for that.
    pub(crate) fn load(
        &mut self,
        model: &str,
        context: u64,
        shift: bool,
        keep_alive: &Value,
    ) -> bool {
        let same = self.loaded().is_some_and(|loaded| {
            loaded.model == model && loaded.context == context && loaded.shift == shift
        });
        let ready = match &mut self.loaded {
            Some(loaded) if same => std::mem::take(&mut loaded.ready),
            _ => String::new(),
        };
        self.loaded = Some(Loaded {
            model: model.to_owned(),
            context,
            shift,
            until: until(keep_alive),
            ready,
        });
        !same
    }

    /// Bytes at the front of the prompt that are ready from the one before; this one is ready from now on.
    pub(crate) fn ready(&mut self, messages: &[ModelMessage]) -> usize {
        let prompt: String = messages.iter().map(|one| one.content.as_str()).collect();
        let Some(loaded) = &mut self.loaded else {
            return 0;
        };
        let before = std::mem::replace(&mut loaded.ready, prompt);
        let same = before.bytes().zip(loaded.ready.bytes());
        same.take_while(|(one, other)| one == other).count()
    }
}

/// `10m`, seconds, negative for ever (facts §1.2). What can't be read counts as the default here; the real one answers 400.
fn until(keep_alive: &Value) -> Option<Instant> {
    let seconds = match keep_alive {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => {
            let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
            let unit = match &text[digits.len()..] {
                "h" => 3600.0,
                "m" => 60.0,
                _ => 1.0,
            };
            digits.parse::<f64>().ok().map(|number| number * unit)
        }
        _ => None,
    };
    match seconds {
        Some(seconds) if seconds < 0.0 => None,
        Some(seconds) => Some(Instant::now() + Duration::from_secs_f64(seconds.min(1e9))),
        None => Some(Instant::now() + KEEP_ALIVE),
    }
}
