//! What a test or the demo can choose about the pretended server.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::answer::ModelAnswer;
use super::request::ModelRequest;

/// Answers instead of the stand-in's own wit.
pub type Answerer = Arc<dyn Fn(&ModelRequest) -> ModelAnswer + Send + Sync>;

/// A version of Ollama: major, minor, patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ModelVersion(pub u32, pub u32, pub u32);

impl ModelVersion {
    /// The newest the facts know (0.33.0-rc2).
    pub const NEWEST: ModelVersion = ModelVersion(0, 33, 0);
    /// A schema as `format`.
    pub(crate) const KNOWS_SCHEMAS: ModelVersion = ModelVersion(0, 5, 0);
    /// `truncate` and `shift`.
    pub(crate) const REFUSES_LONG_PROMPTS: ModelVersion = ModelVersion(0, 12, 4);
    /// llama-server inside: half of the context is kept of a prompt that is too long, and all tokens are counted.
    pub(crate) const RUNS_LLAMA_SERVER: ModelVersion = ModelVersion(0, 30, 0);
    /// The wording of the refusal of a long prompt.
    pub(crate) const SAYS_LONGER_THAN: ModelVersion = ModelVersion(0, 30, 9);
}

impl fmt::Display for ModelVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// Whose habits `/v1` has (facts §1.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenAiHabits {
    /// A service like OpenAI's: a key is needed, schemas are strict, unknown fields are refused, `max_tokens` too.
    Cloud,
    /// llama.cpp's llama-server: any model name will do, a prompt that is too long is refused.
    LlamaServer,
    /// LM Studio: errors are a text, not an object.
    LmStudio,
    /// Ollama's own `/v1`: cuts long prompts in silence.
    Ollama,
    /// vLLM: errors without an envelope.
    Vllm,
}

/// A model the server has.
#[derive(Debug, Clone)]
pub struct ServedModel {
    /// With its tag.
    pub name: String,
    /// Tokens it can hold at most.
    pub context: u64,
    /// Whether it can think; then it does unless told otherwise.
    pub thinks: bool,
    /// The host that really runs it, for a model of a cloud.
    pub remote_host: Option<String>,
    /// Does not keep to `format` (MLX, clouds): answers in free text.
    pub ignores_schema: bool,
}

impl ServedModel {
    /// A model on this machine that does not think.
    pub fn new(name: &str) -> ServedModel {
        ServedModel {
            name: name.to_owned(),
            context: 131_072,
            thinks: false,
            remote_host: None,
            ignores_schema: false,
        }
    }
}

/// Everything that can be chosen; the default is the newest Ollama with one model.
#[derive(Clone)]
pub struct ModelOptions {
    /// Port on 127.0.0.1; none lets the system choose.
    pub port: Option<u16>,
    /// Which Ollama is played.
    pub version: ModelVersion,
    /// Whose habits `/v1` has.
    pub habits: OpenAiHabits,
    /// What is there; the first one is loaded by habits that have one only.
    pub models: Vec<ServedModel>,
    /// Tokens of a context nobody asked for (facts §1.4: 4096 on a CPU), and those of `/v1`.
    pub default_context: u64,
    /// Bearer key that is asked for at `/v1` (and by a proxy before the rest); none asks for none.
    pub api_key: Option<String>,
    /// Questions that are worked on at once; others wait without a bound (facts §1.7).
    pub parallel: usize,
    /// Waited for each token.
    pub pace: Duration,
    /// Waited when the model is loaded.
    pub load_time: Duration,
    /// Does what the data of an alert tells it, as a model might.
    pub obedient: bool,
    /// Sends the keys of an answer in alphabetical order whatever the schema's is (facts §1.3).
    pub alphabetical: bool,
    /// Answers instead of the stand-in.
    pub answer: Option<Answerer>,
}

impl Default for ModelOptions {
    fn default() -> ModelOptions {
        ModelOptions {
            port: None,
            version: ModelVersion::NEWEST,
            habits: OpenAiHabits::Ollama,
            models: vec![ServedModel::new("phi4-mini:latest")],
            default_context: 4096,
            api_key: None,
            parallel: 1,
            pace: Duration::ZERO,
            load_time: Duration::ZERO,
            obedient: false,
            alphabetical: false,
            answer: None,
        }
    }
}

impl fmt::Debug for ModelOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ModelOptions")
            .field("version", &self.version)
            .field("habits", &self.habits)
            .field("models", &self.models)
            .finish_non_exhaustive()
    }
}

impl ModelOptions {
    /// The model of a name; Ollama adds `:latest` where there is no tag.
    pub(crate) fn model(&self, name: &str) -> Option<&ServedModel> {
        let last = name.rsplit('/').next().unwrap_or_default();
        let full = if last.contains(':') {
            name.to_owned()
        } else {
            format!("{name}:latest")
        };
        self.models
            .iter()
            .find(|model| model.name == full || model.name == name)
    }
}
