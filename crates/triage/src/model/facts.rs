//! What can be known of a server and its model without asking the model anything.

/// A server and its model, as far as the server tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerFacts {
    /// The server's version.
    pub version: Option<String>,
    /// Whether the server has the model.
    pub model_there: bool,
    /// What the server calls the model's content.
    pub digest: Option<String>,
    /// The model runs on somebody else's machines (facts/ai.md §1.8).
    pub cloud: bool,
    /// Tokens the model can hold at most.
    pub model_context: Option<u64>,
    /// Tokens it holds as it is loaded now. Ollama loads it anew for whoever asks for others.
    pub loaded_context: Option<u64>,
    /// Tokens the server holds whatever it is asked for; none where it can be asked.
    pub server_context: Option<u64>,
    /// Whether it is loaded now; none where the server does not say.
    pub loaded: Option<bool>,
    /// What the operator should know, each a sentence: an old version, a smaller context.
    pub hints: Vec<String>,
}

impl ServerFacts {
    /// Tokens that prompt and answer may take together when `configured` are asked for.
    ///
    /// ```
    /// let facts = alertbridge_triage::model::ServerFacts { model_context: Some(4096), ..Default::default() };
    /// assert_eq!(facts.usable_context(8192), 4096);
    /// ```
    pub fn usable_context(&self, configured: u32) -> u32 {
        let limits = [self.model_context, self.server_context];
        limits
            .into_iter()
            .flatten()
            .fold(configured, |least, limit| {
                least.min(u32::try_from(limit).unwrap_or(u32::MAX))
            })
    }
}
