//! An IRIS and a model in memory, for the worker's tests: what people and crashes do to them is the tests' business.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use alertbridge_alert::Alert;
use alertbridge_sinks::{
    Amended, Amendment, Ending, Outcome, Outgoing, Page, Presence, Reviewable, SeenAlert, Sink,
    SinkFuture,
};
use alertbridge_triage::model::{Model, ModelError, ModelFuture, Question, Reply, ServerFacts};
use serde_json::json;

/// Between two looks at one alert and its change: people and other workers fit in.
const TAKES: Duration = Duration::from_millis(30);

/// An IRIS that keeps alerts by id.
#[derive(Default)]
pub struct ScriptedIris {
    pub alerts: Mutex<BTreeMap<String, SeenAlert>>,
    /// Every text that was written, by alert.
    pub written: Mutex<Vec<(String, String)>>,
    pub writes: AtomicU32,
    pub reads: AtomicU32,
    /// As an IRIS before 2.4.15 with an alert that nobody owns: texts become comments, tags stay.
    pub keeps_tags: AtomicBool,
    /// Every request fails so.
    pub down: Mutex<Option<Outcome>>,
}

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ScriptedIris {
    /// Adds an alert with these tags.
    pub fn add(&self, id: u32, tags: &[&str]) {
        let seen = SeenAlert {
            id: id.to_string(),
            title: "a title".to_owned(),
            source_content: alert(id),
            tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
            ..SeenAlert::default()
        };
        lock(&self.alerts).insert(id.to_string(), seen);
    }

    pub fn change(&self, id: u32, change: impl FnOnce(&mut SeenAlert)) {
        change(lock(&self.alerts).get_mut(&id.to_string()).unwrap());
    }

    pub fn tags(&self, id: u32) -> Vec<String> {
        lock(&self.alerts)[&id.to_string()].tags.clone()
    }

    pub fn notes(&self, id: u32) -> Vec<String> {
        let written = lock(&self.written);
        let of_alert = written.iter().filter(|(of, _)| *of == id.to_string());
        of_alert.map(|(_, text)| text.clone()).collect()
    }

    fn fault(&self) -> Option<Outcome> {
        lock(&self.down).clone()
    }

    /// Makes a change whole; `comment` is marker and text of one.
    fn apply(&self, amendment: &Amendment, comment: Option<(&str, &str)>) -> Amended {
        let mut alerts = lock(&self.alerts);
        let Some(seen) = alerts.get_mut(&amendment.id) else {
            return Amended::Ended {
                why: Ending::Deleted,
            };
        };
        if let Some(why) = seen.ended {
            return Amended::Ended { why };
        }
        let condition = amendment.only_if.clone().unwrap_or_default();
        if !condition.holds(seen.tags.iter().map(String::as_str)) {
            return Amended::Overruled;
        }
        let mut tags = seen.tags.clone();
        tags.retain(|tag| !amendment.tags.remove.contains(tag));
        for tag in &amendment.tags.add {
            if !tags.contains(tag) {
                tags.push(tag.clone());
            }
        }
        let block = amendment
            .block
            .as_ref()
            .and_then(|block| block.text.clone());
        let text = comment
            .map(|(marker, text)| format!("{marker}\n{text}"))
            .or(block);
        let same = text.as_ref().is_none_or(|text| *text == seen.note);
        let keeps = tags != seen.tags && self.keeps_tags.load(Ordering::SeqCst);
        if tags == seen.tags && same {
            return Amended::Unchanged;
        }
        if !keeps {
            seen.tags = tags;
        }
        if !keeps || !same {
            self.writes.fetch_add(1, Ordering::SeqCst);
        }
        if let Some(text) = text.filter(|_| !same) {
            // Comments are kept in the note's place: there is one for each job.
            seen.note = text.clone();
            lock(&self.written).push((amendment.id.clone(), text));
        }
        if keeps {
            Amended::TagsKept(Vec::new())
        } else {
            Amended::Written(Vec::new())
        }
    }

    async fn make(&self, amendment: &Amendment, comment: Option<(&str, &str)>) -> Amended {
        tokio::time::sleep(TAKES).await;
        if let Some(Outcome::Retry { why, .. }) = self.fault() {
            return Amended::Retry {
                after: None,
                why,
                sink_wide: true,
            };
        }
        let amended = self.apply(amendment, comment);
        // A kill may come between the write and its answer.
        tokio::time::sleep(TAKES).await;
        amended
    }
}

/// A Wazuh alert of level 10; each has a name of its own, so that no two questions are the same.
pub fn alert(id: u32) -> serde_json::Value {
    json!({
        "timestamp": "2026-11-21T08:00:00.000+0000",
        "rule": {"level": 10, "id": "5763", "description": "brute force", "mitre": {"id": ["T1110"]}},
        "agent": {"id": "004", "name": "web-1"},
        "manager": {"name": "m"},
        "id": format!("1.{id}"),
        "data": {"srcip": "203.0.113.7", "srcuser": format!("zz{id}x")},
        "full_log": "Failed password",
    })
}

impl Sink for ScriptedIris {
    fn name(&self) -> &str {
        "iris"
    }

    fn lane(&self, _: &Alert) -> String {
        "1".to_owned()
    }

    fn deliver<'a>(&'a self, _: &'a Outgoing) -> SinkFuture<'a, Outcome> {
        Box::pin(async { unreachable!("no alert is delivered here") })
    }

    fn look_up<'a>(&'a self, _: &'a Outgoing) -> SinkFuture<'a, Presence> {
        Box::pin(async { Presence::Absent })
    }

    fn amend<'a>(&'a self, amendment: &'a Amendment) -> SinkFuture<'a, Amended> {
        Box::pin(self.make(amendment, None))
    }
}

impl Reviewable for ScriptedIris {
    fn tagged<'a>(
        &'a self,
        tag: &'a str,
        after: Option<i64>,
        limit: usize,
    ) -> SinkFuture<'a, Result<Page, Outcome>> {
        Box::pin(async move {
            if let Some(fault) = self.fault() {
                return Err(fault);
            }
            let number = |seen: &SeenAlert| seen.id.parse::<i64>().unwrap_or(0);
            let mut found: Vec<SeenAlert> = lock(&self.alerts)
                .values()
                .filter(|seen| seen.has_tag(tag) && number(seen) > after.unwrap_or(0))
                .cloned()
                .collect();
            found.sort_by_key(number);
            let more = found.len() > limit;
            found.truncate(limit);
            let more_after = found.last().filter(|_| more).map(number);
            Ok(Page {
                alerts: found,
                more_after,
            })
        })
    }

    fn read<'a>(&'a self, id: &'a str) -> SinkFuture<'a, Result<Option<SeenAlert>, Outcome>> {
        Box::pin(async move {
            tokio::time::sleep(TAKES).await;
            self.reads.fetch_add(1, Ordering::SeqCst);
            match self.fault() {
                Some(fault) => Err(fault),
                None => Ok(lock(&self.alerts).get(id).cloned()),
            }
        })
    }

    fn comment<'a>(
        &'a self,
        marker: &'a str,
        text: &'a str,
        amendment: &'a Amendment,
    ) -> SinkFuture<'a, Amended> {
        Box::pin(self.make(amendment, Some((marker, text))))
    }
}

/// What the model says to a question.
type Answers = Box<dyn Fn(u32, &Question) -> Result<String, ModelError> + Send + Sync>;

/// A model that takes its time.
pub struct ScriptedModel {
    pub answers: Answers,
    pub asked: AtomicU32,
    pub looked: AtomicU32,
    /// The server does not answer at all.
    pub down: Mutex<Option<ModelError>>,
    pub takes: Duration,
    /// Alerts asked about, by the user name that is in none but them.
    pub about: Mutex<Vec<String>>,
}

impl ScriptedModel {
    pub fn new(
        answers: impl Fn(u32, &Question) -> Result<String, ModelError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            answers: Box::new(answers),
            asked: AtomicU32::new(0),
            looked: AtomicU32::new(0),
            down: Mutex::new(None),
            takes: Duration::from_secs(3),
            about: Mutex::new(Vec::new()),
        }
    }

    pub fn asked(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Model for ScriptedModel {
    fn name(&self) -> &str {
        "scripted"
    }

    fn ask<'a>(&'a self, question: &'a Question) -> ModelFuture<'a, Result<Reply, ModelError>> {
        Box::pin(async move {
            let number = self.asked.fetch_add(1, Ordering::SeqCst);
            let user = question.user.split("zz").nth(1).unwrap_or_default();
            let about = user.split('x').next().unwrap_or_default().to_owned();
            lock(&self.about).push(about);
            tokio::time::sleep(self.takes).await;
            if let Some(error) = &*lock(&self.down) {
                return Err(error.clone());
            }
            let text = (self.answers)(number, question)?;
            Ok(Reply {
                text,
                prompt_tokens: Some(900),
                answer_tokens: Some(200),
                first_token: Duration::from_secs(1),
                load: None,
                whole: self.takes,
                model_digest: Some("d".to_owned()),
            })
        })
    }

    fn look<'a>(&'a self) -> ModelFuture<'a, Result<ServerFacts, ModelError>> {
        Box::pin(async move {
            self.looked.fetch_add(1, Ordering::SeqCst);
            match &*lock(&self.down) {
                Some(error) => Err(error.clone()),
                None => Ok(ServerFacts {
                    model_there: true,
                    ..ServerFacts::default()
                }),
            }
        })
    }

    fn preload<'a>(&'a self) -> ModelFuture<'a, Result<Duration, ModelError>> {
        Box::pin(async { Ok(Duration::ZERO) })
    }
}

/// An answer that keeps to the form and quotes the alert.
pub fn good_answer() -> String {
    json!({
        "analysis": "Many failed logins from one address.",
        "evidence": [{"field": "data.srcip", "meaning": "the source", "quote": "203.0.113.7"}],
        "false_positive_hypotheses": ["a forgotten password"],
        "mitre_techniques": ["T1110"],
        "recommended_steps": ["look for a success from this address"],
        "severity": "high",
        "summary": "Brute force against web-1.",
        "verdict": "true_positive",
        "verdict_confidence": 80,
    })
    .to_string()
}
