//! One machine with a Wazuh manager, the daemon as a process, and its commands. Used by all tests that run the program.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use alertbridge_ledger::{Books, Ledger, SqliteLedger};
use tempfile::TempDir;

/// Real alerts.
pub const ALERTS: &str = include_str!("../../../../data/alerts.jsonl");
/// Nothing is folded.
const LOUD: &str = r#"[quiet]
            folding.enabled = false
            burst.enabled = false
            budget.per_customer = 0
            budget.per_sink = 0"#;
/// No wait of these tests takes so long, however slow the machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// The folders and the configuration.
pub struct World {
    folder: TempDir,
    ledger: PathBuf,
}

impl World {
    /// Every alert for itself: nothing is folded. `iris` is more of `[sinks.iris]`, tables last.
    pub fn make(url: &str, key: &str, iris: &str) -> Self {
        Self::make_with_ledger(url, key, iris, None)
    }

    /// With quiet as `[quiet…]` tables say.
    pub fn make_quiet(url: &str, key: &str, quiet: &str) -> Self {
        let world = Self::make(url, key, "");
        world.mend(LOUD, quiet);
        world
    }

    /// With the ledger in a folder of its own.
    pub fn make_with_ledger(url: &str, key: &str, iris: &str, ledger: Option<&Path>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().display();
        let ledger = ledger.unwrap_or(folder.path()).join("ledger.db");
        std::fs::create_dir_all(folder.path().join("spool")).unwrap();
        std::fs::create_dir_all(folder.path().join("alerts")).unwrap();
        std::fs::write(folder.path().join("key"), key).unwrap();
        let config = format!(
            r#"
            [ledger]
            path = "{}"
            [sources.follower]
            path = "{root}/alerts/alerts.json"
            begin = "start"
            minimum_level = 0
            [sources.hook]
            socket = "{root}/hook.sock"
            spool = "{root}/spool"
            [http]
            listen = "127.0.0.1:0"
            [sinks.iris]
            url = "{url}"
            key_file = "{root}/key"
            timeout = 2
            {iris}
            {LOUD}
            "#,
            ledger.display(),
        );
        std::fs::write(folder.path().join("alertbridge.toml"), config).unwrap();
        Self { folder, ledger }
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Replaces text of the configuration.
    pub fn mend(&self, from: &str, to: &str) {
        let path = self.root().join("alertbridge.toml");
        let config = std::fs::read_to_string(&path).unwrap();
        assert!(config.contains(from));
        std::fs::write(&path, config.replace(from, to)).unwrap();
    }

    pub fn spool_is_empty(&self) -> bool {
        std::fs::read_dir(self.root().join("spool"))
            .unwrap()
            .next()
            .is_none()
    }

    /// Lines for the live file.
    pub fn append(&self, lines: &[&[u8]]) {
        let mut file = self.live_file();
        for line in lines {
            file.write_all(line).unwrap();
            file.write_all(b"\n").unwrap();
        }
    }

    fn live_file(&self) -> File {
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.root().join("alerts/alerts.json"))
            .unwrap()
    }

    pub fn start_daemon(&self) -> Daemon {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.root().join("log"))
            .unwrap();
        let child = self
            .program()
            .arg("run")
            .arg("--config")
            .arg(self.root().join("alertbridge.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Daemon(child)
    }

    fn program(&self) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_alertbridge"));
        program.env_remove("RUST_LOG");
        program
    }

    /// Hands one alert to the hook, as integratord does.
    pub fn hook(&self, name: &str, bytes: &[u8]) {
        let path = self.root().join(format!("custom-iris-{name}.alert"));
        std::fs::write(&path, bytes).unwrap();
        let ended = self
            .program()
            .arg("hook")
            .arg(&path)
            .args([
                "the-api-key",
                "https://iris.example/alerts/add",
                "",
                "",
                "10",
                "3",
            ])
            .env("ALERTBRIDGE_HOOK_SOCKET", self.root().join("hook.sock"))
            .env("ALERTBRIDGE_HOOK_SPOOL", self.root().join("spool"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(
            ended.success(),
            "the hook keeps every alert, the daemon alive or not: {ended}"
        );
    }

    /// Runs a command of the program with this world's configuration.
    pub fn command(&self, arguments: &[&str]) -> Output {
        self.program()
            .args(arguments)
            .arg("--config")
            .arg(self.root().join("alertbridge.toml"))
            .output()
            .unwrap()
    }

    /// The same, for its text.
    pub fn text(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn books(&self) -> Books {
        // The daemon may be about to make it.
        let ledger = until("the ledger is there", || {
            SqliteLedger::open_reader(&self.ledger).ok()
        });
        ledger.books(None).blocking_recv().unwrap().unwrap()
    }

    /// Whether the follower has stored where it is.
    pub fn has_position(&self) -> bool {
        SqliteLedger::open_reader(&self.ledger)
            .ok()
            .and_then(|ledger| ledger.checkpoint("follower").blocking_recv().ok()?.ok()?)
            .is_some()
    }

    /// The daemon's log since the world was made.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.root().join("log")).unwrap_or_default()
    }

    /// The end of it.
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    /// The address of the newest daemon's metrics.
    pub fn http(&self) -> String {
        until("the listener is told", || {
            let log = self.log();
            let line = log
                .lines()
                .rfind(|line| line.contains("metrics and health"))?;
            Some(format!("http://{}", line.rsplit("address=").next()?.trim()))
        })
    }
}

/// A running daemon, killed where the test ends.
pub struct Daemon(pub Child);

impl Daemon {
    /// SIGKILL.
    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// SIGTERM, as systemd stops it.
    pub fn terminate(mut self) -> std::process::ExitStatus {
        let told = Command::new("kill")
            .arg(self.0.id().to_string())
            .status()
            .unwrap();
        assert!(told.success());
        until("the daemon ends", || self.0.try_wait().unwrap())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits for what must come.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
