//! Plays alerts as Wazuh does: analysisd writes `alerts.json` and rotates it once, integratord calls the hook.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    ops::Range,
    path::PathBuf,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use super::folders::Folders;
use crate::failure::Failure;

/// Time between two alerts.
const PACE: Duration = Duration::from_millis(15);

/// Plays in a thread of its own.
pub struct Player {
    played: Arc<AtomicUsize>,
    finished: Arc<AtomicBool>,
    thread: std::cell::Cell<Option<JoinHandle<io::Result<()>>>>,
}

impl Player {
    /// Begins to play. `followed` are the lines written to the file, `hooked` those handed to the hook as well or alone, and those
    /// behind both are written to the file at once, as a brute force does.
    pub fn start(
        folders: &Folders,
        alerts: String,
        followed: Range<usize>,
        hooked: Range<usize>,
    ) -> Self {
        let played = Arc::new(AtomicUsize::new(0));
        let finished = Arc::new(AtomicBool::new(false));
        let game = Game {
            alerts: folders.alerts(),
            handed: folders.handed(),
            socket: folders.socket(),
            spool: folders.spool(),
        };
        let (count, end) = (played.clone(), finished.clone());
        let thread = std::thread::spawn(move || {
            let done = game.play(&alerts, &followed, &hooked, &count);
            end.store(true, Ordering::Release);
            done
        });
        Self {
            played,
            finished,
            thread: std::cell::Cell::new(Some(thread)),
        }
    }

    /// How many alerts have been played.
    pub fn played(&self) -> usize {
        self.played.load(Ordering::Acquire)
    }

    /// Whether it is over.
    ///
    /// # Errors
    /// Where a file could not be written.
    pub fn finished(&self) -> Result<bool, Failure> {
        if !self.finished.load(Ordering::Acquire) {
            return Ok(false);
        }
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(Err(error))) => {
                Err(Failure::fault(format!("the demo could not play: {error}")))
            }
            Some(Err(_)) => Err(Failure::fault("the demo's player broke off")),
            Some(Ok(Ok(()))) | None => Ok(true),
        }
    }
}

struct Game {
    alerts: PathBuf,
    handed: PathBuf,
    socket: PathBuf,
    spool: PathBuf,
}

impl Game {
    fn play(
        &self,
        alerts: &str,
        followed: &Range<usize>,
        hooked: &Range<usize>,
        played: &AtomicUsize,
    ) -> io::Result<()> {
        let mut file = self.rotate("21")?;
        for (number, line) in alerts.lines().enumerate() {
            if number == followed.len() / 2 {
                file = self.rotate("22")?;
            }
            let behind = number >= followed.end.max(hooked.end);
            if followed.contains(&number) || behind {
                file.write_all(line.as_bytes())?;
                file.write_all(b"\n")?;
            }
            if hooked.contains(&number) {
                self.hand(number, line)?;
            }
            played.fetch_add(1, Ordering::Release);
            if !behind {
                std::thread::sleep(PACE);
            }
        }
        Ok(())
    }

    /// A new dated file, and `alerts.json` as a hard link to it, as analysisd makes them (facts/wazuh.md §2).
    fn rotate(&self, day: &str) -> io::Result<File> {
        let folder = self.alerts.join("2026/Nov");
        std::fs::create_dir_all(&folder)?;
        let dated = folder.join(format!("ossec-alerts-{day}.json"));
        let live = self.alerts.join("alerts.json");
        let file = OpenOptions::new().create(true).append(true).open(&dated)?;
        if let Err(error) = std::fs::remove_file(&live)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        std::fs::hard_link(&dated, &live)?;
        Ok(file)
    }

    /// As integratord does: a temporary file written anew from the parsed alert, the hook with its eight arguments.
    fn hand(&self, number: usize, line: &str) -> io::Result<()> {
        let path = self.handed.join(format!("custom-iris-{number}.alert"));
        let copy: serde_json::Value = serde_json::from_str(line)?;
        std::fs::write(&path, format!("{copy}\n"))?;
        let ended = Command::new(std::env::current_exe()?)
            .arg("hook")
            .arg(&path)
            .args([
                "",
                "https://iris.example/alerts/add",
                "",
                "",
                "10",
                "3",
                "> /dev/null 2>&1",
            ])
            .env("ALERTBRIDGE_HOOK_SOCKET", &self.socket)
            .env("ALERTBRIDGE_HOOK_SPOOL", &self.spool)
            .stdin(Stdio::null())
            .status();
        std::fs::remove_file(&path)?;
        match ended?.success() {
            true => Ok(()),
            false => Err(io::Error::other("the hook could not keep an alert")),
        }
    }
}
