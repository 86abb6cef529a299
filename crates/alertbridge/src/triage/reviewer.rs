//! From an alert to a finished review: prompt, question, one repair, guards, note. Knows neither the ledger nor IRIS, so that the
//! worker, `triage show`, `triage check` and `triage eval` all do the same.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use alertbridge_triage::{
    PROMPT_VERSION, Prompt, PromptError, PromptSettings, Prompter, Redactor, Rules, Subject,
    answer::{self, Answer, AnswerFault, FaultClass},
    guard::{self, Context, Review},
    model::{FailureClass, Model, ModelError, Question, Repair, Reply},
    note::{self, Provenance},
};
use tracing::warn;

use super::{Kept, Material, TriageConfig};

/// The second, smaller try where the model finds the first prompt too long.
const SMALLER: f64 = 0.6;
/// As alerts have them (facts/ai.md §1.4).
const BYTES_A_TOKEN: u32 = 2;
/// Tokens of everything in a prompt but the alert.
const AROUND: u32 = 800;

/// Reads alerts with a model.
pub struct Reviewer {
    model: Arc<dyn Model>,
    redactor: Arc<Redactor>,
    config: TriageConfig,
    prompters: RwLock<Arc<Prompters>>,
}

/// By how much of an alert they show.
struct Prompters {
    /// What the prompt and its answer may take, tokens.
    context: u32,
    whole: Prompter,
    smaller: Prompter,
}

/// A valid answer and what it cost.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Validated.
    pub answer: Answer,
    /// Tokens of all questions, where the server said.
    pub prompt_tokens: u64,
    /// Tokens of all answers.
    pub answer_tokens: u64,
    /// Time over all questions.
    pub took: Duration,
    /// Until the first token of the first answer.
    pub first_token: Duration,
    /// Questions asked: 2 where the first answer was repaired.
    pub questions: u32,
    /// As the server names the model's content.
    pub digest: Option<String>,
}

/// Why there is no review.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// Nothing was asked.
    #[error("{0}")]
    Prompt(PromptError),
    /// The server, or what it answered.
    #[error("{0}")]
    Model(ModelError),
}

impl Trouble {
    /// Its class.
    pub fn class(&self) -> FailureClass {
        match self {
            Self::Prompt(PromptError::Secret { .. } | PromptError::TooManyNames) => {
                FailureClass::RedactionFailed
            }
            Self::Prompt(_) => FailureClass::ContextTooLong,
            Self::Model(error) => error.class,
        }
    }
}

impl Reviewer {
    /// By the configuration.
    ///
    /// # Errors
    /// Says which entry is wrong.
    pub fn new(
        config: &TriageConfig,
        secrets: &[String],
        model: Arc<dyn Model>,
    ) -> Result<Self, String> {
        let redactor = Arc::new(redactor(config, secrets)?);
        let prompters = prompters(config, &redactor, config.model.context_tokens)?;
        Ok(Self {
            model,
            redactor,
            config: config.clone(),
            prompters: RwLock::new(Arc::new(prompters)),
        })
    }

    /// The server can hold so many tokens: prompts are made to fit. Harmless to repeat.
    pub fn fit(&self, tokens: u32) {
        let tokens = tokens.min(self.config.model.context_tokens);
        let known = self.prompters();
        if known.context == limited(&self.config, tokens) {
            return;
        }
        match prompters(&self.config, &self.redactor, tokens) {
            Ok(prompters) => {
                warn!(
                    tokens,
                    configured = self.config.model.context_tokens,
                    "the model's server holds fewer tokens than `triage.model.context_tokens`; less of large alerts is shown to it"
                );
                *self
                    .prompters
                    .write()
                    .unwrap_or_else(PoisonError::into_inner) = Arc::new(prompters);
            }
            // What is asked then fails with a class of its own, and is told to people.
            Err(why) => warn!(tokens, why, "the model's context is too small"),
        }
    }

    fn prompters(&self) -> Arc<Prompters> {
        self.prompters
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The model.
    pub fn model(&self) -> &Arc<dyn Model> {
        &self.model
    }

    /// What would be sent.
    ///
    /// # Errors
    /// Where nothing may be sent.
    pub fn prompt(&self, material: &Material, smaller: bool) -> Result<Prompt, PromptError> {
        let prompters = self.prompters();
        let prompter = if smaller {
            &prompters.smaller
        } else {
            &prompters.whole
        };
        let subject = Subject {
            alert: &material.alert,
            title: material.title.as_deref(),
            description: material.description.as_deref(),
            facts: &material.facts,
        };
        prompter.build(&subject, &nonce())
    }

    /// Asks, and where the answer does not keep to the form, asks once for its repair.
    ///
    /// # Errors
    /// As the model's, or [`FailureClass::OutputNotJson`] and [`FailureClass::OutputSchema`] after the repair.
    pub async fn ask(&self, prompt: &Prompt, seed: u64) -> Result<Asked, ModelError> {
        let mut question = Question {
            system: prompt.system.clone(),
            user: prompt.user.clone(),
            repair: None,
            schema: answer::schema().clone(),
            seed,
            least_tokens: prompt.least_tokens,
        };
        let first = self.ask_once(&question).await?;
        let mut costs = Costs::of(&first);
        let fault = match answer::read(&first.text) {
            Ok(answer) => return Ok(costs.with(answer)),
            Err(fault) => fault,
        };
        question.repair = Some(Repair {
            answer: first.text,
            complaint: fault.complaint,
        });
        question.seed = seed.wrapping_add(1);
        let second = self.ask_once(&question).await?;
        costs.add(&second);
        answer::read(&second.text)
            .map(|answer| costs.with(answer))
            .map_err(|fault| unreadable(&fault))
    }

    /// What a server says of its fault may repeat what it was sent, or its own keys.
    async fn ask_once(&self, question: &Question) -> Result<Reply, ModelError> {
        self.model.ask(question).await.map_err(|mut error| {
            error.text = self.redactor.redact_text(&error.text).text;
            error
        })
    }

    /// Holds an answer against what was sent and writes the note.
    pub fn judge(
        &self,
        answer: Answer,
        prompt: &Prompt,
        material: &Material,
        provenance: Provenance,
    ) -> (Review, Kept) {
        let context = Context {
            fields: &prompt.fields,
            facts: &prompt.facts,
            signs: &prompt.signs,
            rule_level: material.head.level,
            rule_techniques: &material.head.mitre.ids,
            redactor: &self.redactor,
        };
        let mut review = guard::judge(answer.clone(), &context);
        // IRIS holds the alert itself, so its names may stand in the note.
        review.map_text(|text| prompt.pseudonyms.reidentify(text).0);
        let text = note::write(&review, &provenance);
        let kept = Kept {
            text,
            tags: review.tags().into_iter().map(str::to_owned).collect(),
            verdict: review.verdict.as_str().to_owned(),
            answer,
            provenance,
        };
        (review, kept)
    }

    /// Where a review comes from; of a failure, nothing was asked.
    pub fn provenance(
        &self,
        prompt: Option<&Prompt>,
        asked: Option<&Asked>,
        job: i64,
    ) -> Provenance {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let tokens = |of: fn(&Asked) -> u64| asked.map(of).filter(|&tokens| tokens > 0);
        Provenance {
            model: self.model.name().to_owned(),
            digest: asked.and_then(|asked| asked.digest.clone()),
            prompt_version: PROMPT_VERSION.to_owned(),
            input_hash: prompt
                .map(|prompt| prompt.input_hash.clone())
                .unwrap_or_default(),
            prompt_tokens: tokens(|asked| asked.prompt_tokens),
            answer_tokens: tokens(|asked| asked.answer_tokens),
            seconds: asked.map(|asked| asked.took.as_secs_f64()),
            job: u64::try_from(job).unwrap_or(0),
            fields_seen: prompt.map_or(0, |prompt| count(prompt.cut.sent)),
            fields_total: prompt.map_or(0, |prompt| count(prompt.cut.of)),
            secrets_redacted: prompt.map_or(0, |prompt| {
                prompt.redacted.iter().map(|(_, found)| found).sum()
            }),
            same_as: None,
        }
    }
}

fn prompters(
    config: &TriageConfig,
    redactor: &Arc<Redactor>,
    tokens: u32,
) -> Result<Prompters, String> {
    let prompter = |context_tokens| {
        let settings = PromptSettings {
            context_tokens,
            answer_tokens: config.model.answer_tokens,
            ..PromptSettings::default()
        };
        Prompter::new(settings, redactor.clone(), config.uses_pseudonyms())
            .map_err(|error| format!("[triage.model]: {error}"))
    };
    let context = limited(config, tokens);
    Ok(Prompters {
        context,
        whole: prompter(context)?,
        // Where that is too little, the second try is as large as the first.
        smaller: prompter(share_of(context)).or_else(|_| prompter(context))?,
    })
}

/// What a prompt and its answer may take: what the server holds, or less where the operator wants less of an alert to be shown.
fn limited(config: &TriageConfig, tokens: u32) -> u32 {
    if config.largest_input == 0 {
        return tokens;
    }
    let shown = u32::try_from(config.largest_input).unwrap_or(u32::MAX) / BYTES_A_TOKEN;
    let wanted = AROUND
        .saturating_add(config.model.answer_tokens)
        .saturating_add(shown);
    wanted.min(tokens)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a u32 is one"
)]
fn share_of(tokens: u32) -> u32 {
    (f64::from(tokens) * SMALLER) as u32
}

/// What questions have cost so far.
struct Costs {
    prompt_tokens: u64,
    answer_tokens: u64,
    took: Duration,
    first_token: Duration,
    questions: u32,
    digest: Option<String>,
}

impl Costs {
    fn of(reply: &Reply) -> Self {
        Self {
            prompt_tokens: reply.prompt_tokens.unwrap_or(0),
            answer_tokens: reply.answer_tokens.unwrap_or(0),
            took: reply.whole,
            first_token: reply.first_token,
            questions: 1,
            digest: reply.model_digest.clone(),
        }
    }

    fn add(&mut self, reply: &Reply) {
        self.prompt_tokens += reply.prompt_tokens.unwrap_or(0);
        self.answer_tokens += reply.answer_tokens.unwrap_or(0);
        self.took += reply.whole;
        self.questions += 1;
    }

    fn with(self, answer: Answer) -> Asked {
        Asked {
            answer,
            prompt_tokens: self.prompt_tokens,
            answer_tokens: self.answer_tokens,
            took: self.took,
            first_token: self.first_token,
            questions: self.questions,
            digest: self.digest,
        }
    }
}

fn unreadable(fault: &AnswerFault) -> ModelError {
    ModelError {
        class: match fault.class {
            FaultClass::NotJson => FailureClass::OutputNotJson,
            FaultClass::Schema => FailureClass::OutputSchema,
        },
        text: format!("the answer does not keep to its form: {}", fault.complaint),
        after: None,
    }
}

/// What is taken out, with our own secrets among it.
///
/// # Errors
/// Names the file and what is wrong.
pub fn redactor(config: &TriageConfig, secrets: &[String]) -> Result<Redactor, String> {
    let rules = match &config.redaction_rules {
        None => Rules::built_in(),
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| format!("`triage.redaction_rules` {}: {error}", path.display()))?;
            Rules::with(&text)
        }
    };
    rules
        .and_then(Redactor::new)
        .and_then(|redactor| redactor.with_secrets(secrets.iter().map(String::as_str)))
        .map_err(|error| format!("`triage.redaction_rules`: {error}"))
}

/// Fresh for each question, so that nobody who writes logs can know it.
fn nonce() -> String {
    uuid::Uuid::new_v4().simple().to_string()[..12].to_owned()
}
