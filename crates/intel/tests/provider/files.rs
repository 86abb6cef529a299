//! Indicators from files.

use std::sync::Arc;

use alertbridge_intel::{
    IndicatorStore, StoreOptions,
    provider::{
        ErrorKind,
        file::{FileConfig, FileProvider},
    },
};
use serde_json::json;
use tempfile::TempDir;

use crate::world::Running;

struct Files {
    folder: TempDir,
    store: Arc<IndicatorStore>,
}

impl Files {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store =
            IndicatorStore::open(folder.path().join("store"), StoreOptions::default()).unwrap();
        Self {
            folder,
            store: Arc::new(store),
        }
    }

    fn write(&self, text: &str) {
        // Replaced as editors do it, so that the file is another one even within one tick of its clock.
        let new = self.folder.path().join("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, self.path()).unwrap();
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("list")
    }

    fn run(&self) -> Running {
        let config: FileConfig =
            serde_json::from_value(json!({"path": self.path(), "score": 60, "labels": ["own"]}))
                .unwrap();
        Running::start(FileProvider::new("list", config).unwrap(), &self.store)
    }

    fn count(&self) -> u64 {
        self.store.status().indicators
    }

    async fn until(&self, count: u64) {
        while self.count() != count {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_is_read_and_read_again_when_it_changes() {
    let files = Files::new();
    files.write("203.0.113.9\nevil.example\nbroken line\n");
    let mut running = files.run();
    let state = running.synced().await;
    assert_eq!((files.count(), state.unreadable), (2, 1));
    assert_eq!(state.version.as_deref(), Some("lines"));
    let hint = state.hint.unwrap();
    assert!(hint.contains("line 3"), "{hint}");
    let one = files
        .store
        .get("list", "[domain-name:value = 'evil.example']")
        .unwrap()
        .unwrap();
    assert_eq!((one.score, one.labels), (Some(60), vec!["own".to_owned()]));
    files.write("value,score\n203.0.113.9,80\n");
    files.until(1).await;
    let state = running
        .until(|state| state.version.as_deref() == Some("csv") && state.hint.is_none())
        .await;
    assert!(state.trouble.is_none());
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_missing_or_makes_no_sense_leaves_what_was_known() {
    let files = Files::new();
    let mut running = files.run();
    let trouble = running.trouble().await;
    assert_eq!(trouble.kind, ErrorKind::File);
    assert!(trouble.why.contains("list"), "{}", trouble.why);
    files.write("203.0.113.9\n");
    running.synced().await;
    files.write("<html>captive portal</html>\n");
    let trouble = running.trouble().await;
    assert!(trouble.why.contains("of before stay"), "{}", trouble.why);
    assert_eq!(files.count(), 1);
    std::fs::remove_file(files.path()).unwrap();
    running
        .until(|state| {
            state
                .trouble
                .as_ref()
                .is_some_and(|trouble| trouble.kind == ErrorKind::File)
        })
        .await;
    assert_eq!(files.count(), 1);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_file_that_did_not_change_is_not_read_again_after_a_restart() {
    let files = Files::new();
    files.write("203.0.113.9\n");
    let mut running = files.run();
    running.synced().await;
    running.stop().await;
    let mut running = files.run();
    let state = running.synced().await;
    assert_eq!((state.version, files.count()), (None, 1));
    running.stop().await;
}
