//! Indicators from a plain file: CSV with a header, a STIX 2.1 bundle, or one value a line.
//!
//! The file is read again when its size or its time of change differs from the last time. The whole list is swapped in at once, so what
//! was removed from the file no longer matches. A line that can't be read is counted and shown with its number; the others count. A
//! file that can't be read at all, or in which nothing can, leaves the old list as it is.

mod bundle;
mod csv;
mod form;
mod lines;
mod value;

use std::{
    convert::Infallible,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use serde::Deserialize;
use tokio::time::sleep;
use tracing::{info, warn};

pub use form::FileForm;

use super::{
    ErrorKind, Phase, Progress, Provider, ProviderError, Stop, SyncFuture, backoff, storing,
};
use crate::{Cursor, Indicator, IndicatorStore};

/// Longest file that is read, in bytes: a bundle is read as a whole.
const LONGEST: u64 = 256 * 1024 * 1024;
/// Lines with errors that are named one by one.
const NAMED: usize = 5;

/// One file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FileConfig {
    /// The file.
    pub path: PathBuf,
    /// How it is written; `auto` looks at its beginning.
    pub form: FileForm,
    /// Seconds between two looks at the file's size and time of change.
    pub poll_interval: u64,
    /// The score of indicators that have none of their own, 0 to 100.
    pub score: Option<u8>,
    /// Labels that each indicator gets beside its own.
    pub labels: Vec<String>,
}

impl Default for FileConfig {
    fn default() -> Self {
        Self {
            path: PathBuf::new(),
            form: FileForm::Auto,
            poll_interval: 10,
            score: None,
            labels: Vec::new(),
        }
    }
}

/// Keeps a local copy of a file's indicators.
#[derive(Debug)]
pub struct FileProvider {
    name: String,
    config: FileConfig,
}

/// What was read of a file.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) indicators: Vec<Indicator>,
    /// The first few faults: line (counted from 1; in a bundle the object's place) and what is wrong.
    pub(crate) faults: Vec<(u64, String)>,
    /// All faults.
    pub(crate) faulty: u64,
    /// Objects that are no STIX patterns.
    pub(crate) passed_over: u64,
}

impl Reading {
    pub(crate) fn fault(&mut self, line: u64, what: impl Into<String>) {
        self.faulty += 1;
        if self.faults.len() < NAMED {
            self.faults.push((line, what.into()));
        }
    }

    /// The first few faults in a sentence.
    fn faults_in_words(&self, unit: &str) -> String {
        let named: Vec<String> = self
            .faults
            .iter()
            .map(|(line, what)| format!("{unit} {line}: {what}"))
            .collect();
        let more = self.faulty - named.len() as u64;
        let more = if more > 0 {
            format!("; and {more} more")
        } else {
            String::new()
        };
        format!("{}{more}", named.join("; "))
    }
}

impl FileProvider {
    /// A provider with this name in the configuration. The file need not exist yet.
    ///
    /// # Errors
    /// [`ProviderError`] where a value of the configuration can't be used.
    pub fn new(name: &str, config: FileConfig) -> Result<Self, ProviderError> {
        if config.path.as_os_str().is_empty() {
            return Err(ProviderError::config("path", "is missing: name the file"));
        }
        if config.score.is_some_and(|score| score > 100) {
            return Err(ProviderError::config("score", "must be from 0 to 100"));
        }
        Ok(Self {
            name: name.to_owned(),
            config,
        })
    }

    async fn forever(&self, store: &Arc<IndicatorStore>, progress: &Progress) -> Infallible {
        let poll = Duration::from_secs(self.config.poll_interval.max(1));
        let mut failures = 0;
        let mut last = String::new();
        loop {
            let pause = match self.look(store, progress).await {
                Ok(()) => {
                    failures = 0;
                    last.clear();
                    poll
                }
                Err(error) => {
                    failures += 1;
                    if error.to_string() != last {
                        last = error.to_string();
                        warn!(provider = self.name, %error, "indicators can't be read");
                    }
                    progress.trouble(&error);
                    // A file that is mended is met at the next look.
                    backoff::wait(&error, failures).min(poll)
                }
            };
            sleep(pause).await;
        }
    }

    /// Reads the file if it is another one than the last time.
    async fn look(
        &self,
        store: &Arc<IndicatorStore>,
        progress: &Progress,
    ) -> Result<(), ProviderError> {
        let path = self.config.path.clone();
        let mark = off_thread(move || mark(&path)).await?;
        if store.cursor(&self.name).as_deref() != Some(mark.as_str()) {
            self.read(store, progress, mark).await?;
        }
        progress.success(Phase::Polling, progress.now());
        Ok(())
    }

    async fn read(
        &self,
        store: &Arc<IndicatorStore>,
        progress: &Progress,
        mark: String,
    ) -> Result<(), ProviderError> {
        progress.phase(Phase::Full, 0, None);
        let (name, config) = (self.name.clone(), self.config.clone());
        let (form, reading) = off_thread(move || read(&name, &config)).await?;
        progress.version(form.as_str().to_owned());
        let unit = if form == FileForm::Bundle {
            "object"
        } else {
            "line"
        };
        let faults = reading.faults_in_words(unit);
        if reading.indicators.is_empty() && reading.faulty > 0 {
            return Err(ProviderError::operator(
                ErrorKind::Answer,
                format!(
                    "nothing in {} can be read as {} ({faults}); the indicators of before stay. Is `form` right?",
                    self.config.path.display(),
                    form.as_str()
                ),
            ));
        }
        let (done, faulty) = (reading.indicators.len() as u64, reading.faulty);
        progress.phase(Phase::Full, done, Some(done));
        progress.count(faulty, reading.passed_over);
        progress.hint((faulty > 0).then(|| {
            format!(
                "{faulty} of {}'s entries can't be read and are left out: {faults}",
                self.config.path.display()
            )
        }));
        self.swap_in(store, reading.indicators, mark, progress)
            .await?;
        info!(
            provider = self.name,
            indicators = done,
            faulty,
            form = form.as_str(),
            "the file was read"
        );
        Ok(())
    }

    async fn swap_in(
        &self,
        store: &Arc<IndicatorStore>,
        indicators: Vec<Indicator>,
        mark: String,
        progress: &Progress,
    ) -> Result<(), ProviderError> {
        let (store, name, at) = (Arc::clone(store), self.name.clone(), progress.now());
        storing::blocking(move || {
            let mut full = store.begin_full(&name)?;
            if full.resumed_at().is_some() {
                full.abandon()?;
                full = store.begin_full(&name)?;
            }
            for indicator in indicators {
                full.push(indicator)?;
            }
            full.finish(Some(Cursor {
                provider: name,
                text: mark,
                at,
            }))
        })
        .await?;
        Ok(())
    }
}

impl Provider for FileProvider {
    fn name(&self) -> &str {
        &self.name
    }

    fn sync<'a>(
        &'a self,
        store: Arc<IndicatorStore>,
        progress: Progress,
        mut stop: Stop,
    ) -> SyncFuture<'a> {
        Box::pin(async move {
            tokio::select! {
                biased;
                () = stop.wait() => {}
                never = self.forever(&store, &progress) => match never {},
            }
            progress.phase(Phase::Stopped, 0, None);
        })
    }
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ProviderError> + Send + 'static,
) -> Result<T, ProviderError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| {
            Err(ProviderError::passing(
                ErrorKind::File,
                format!("reading the file broke off: {error}"),
            ))
        })
}

/// Changes when the file does: its size, time of change and number.
fn mark(path: &Path) -> Result<String, ProviderError> {
    use std::os::unix::fs::MetadataExt;
    let found =
        std::fs::metadata(path).map_err(|error| ProviderError::unreadable("path", path, &error))?;
    if !found.is_file() {
        return Err(ProviderError::config(
            "path",
            format!("{} is not a file", path.display()),
        ));
    }
    let changed = found
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .unwrap_or_default();
    Ok(format!(
        "v1 {} {} {}",
        found.len(),
        changed.as_nanos(),
        found.ino()
    ))
}

fn read(name: &str, config: &FileConfig) -> Result<(FileForm, Reading), ProviderError> {
    let path = &config.path;
    let unreadable = |error: &std::io::Error| ProviderError::unreadable("path", path, error);
    let file = File::open(path).map_err(|error| unreadable(&error))?;
    let mut bytes = Vec::new();
    file.take(LONGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > LONGEST {
        return Err(ProviderError::config(
            "path",
            format!(
                "{} is longer than {} MB; split it",
                path.display(),
                LONGEST >> 20
            ),
        ));
    }
    let text = String::from_utf8_lossy(&bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let form = config.form.of(text);
    let mut reading = match form {
        FileForm::Bundle => bundle::read(text)?,
        FileForm::Csv => csv::read(text)?,
        FileForm::Auto | FileForm::Lines => lines::read(text),
    };
    for indicator in &mut reading.indicators {
        name.clone_into(&mut indicator.provider);
        indicator.score = indicator.score.or(config.score);
        for label in &config.labels {
            if !indicator.labels.contains(label) {
                indicator.labels.push(label.clone());
            }
        }
    }
    Ok((form, reading))
}
