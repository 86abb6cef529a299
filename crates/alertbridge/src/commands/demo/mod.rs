//! `alertbridge demo`: the whole way of an alert on one machine.
//!
//! A stand-in for DFIR-IRIS, the daemon as a process of its own (so that `kill -9` is a real one), real alerts played
//! through both ways in, a brute force that is folded into one alert, a hit of threat intelligence, reviews by a stand-in for a language
//! model, and the books at the end. Nothing is left behind but what `--iris-url` was given.

/// A line for who watches. Where nobody reads any more (`| head`) the demo goes on to its end, which is in its exit code.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(std::io::stdout(), "{}", format_args!($($text)*));
    }};
}

mod brute_force;
mod folders;
mod intel;
mod play;
mod triage;

use std::{
    cell::Cell,
    collections::HashSet,
    io::IsTerminal,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use alertbridge_alert::Alert;
use alertbridge_ledger::{Books, Ledger, Pause, SqliteLedger};
use alertbridge_sandbox::{Fault, IrisOptions, IrisSandbox};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};

use self::{
    brute_force::{ADDRESSES, with_brute_force},
    folders::Folders,
    intel::Intel,
    play::Player,
    triage::Triage,
};
use super::answer;
use crate::{cli, exit::Exit, failure::Failure, intel::late};

/// Real alerts; data/README.md says where they come from.
const ALERTS: &str = include_str!("../../../../../data/alerts.jsonl");
/// Both sources' gate in the demo: low, so that most alerts are carried and some are seen to be filtered.
const MINIMUM_LEVEL: u32 = 4;
/// The hook gets the last part of the alerts: some of them twice (the follower reads them as well), some alone.
const FOLLOWED: std::ops::Range<usize> = 0..150;
const HOOKED: std::ops::Range<usize> = 110..170;
/// The daemon is killed when so many alerts have been played.
const KILL_AT: usize = 130;
/// What the daemon logs when all of its parts run.
const RUNNING: &str = "alertbridge::daemon: running";
/// The demo gives up where nothing moves any more for so long.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs it.
pub fn run(arguments: &cli::Demo) -> Result<Exit, Failure> {
    let runtime = super::super::runtime()?;
    let folders = Folders::make()?;
    let sandbox = match arguments.iris_url {
        Some(_) => None,
        None => Some(runtime.block_on(sandbox())?),
    };
    // A real IRIS gets alerts only.
    let intel = match &sandbox {
        Some(_) => Some(runtime.block_on(Intel::start(&folders))?),
        None => None,
    };
    let triage = match &sandbox {
        Some(_) => Some(runtime.block_on(Triage::start())?),
        None => None,
    };
    folders.write_config(arguments, sandbox.as_ref(), intel.as_ref(), triage.as_ref())?;
    if let Some(sandbox) = &sandbox {
        say!(
            "a stand-in for DFIR-IRIS listens on {} and fails now and then on purpose",
            sandbox.url()
        );
    }
    let alerts = with_brute_force(ALERTS);
    let expected = expected(&alerts);
    let mut daemon = Daemon::start(&folders)?;
    if let Some(intel) = &intel {
        let indicators = intel.first_sync(&folders);
        say!(
            "a stand-in for OpenCTI listens on {}; the daemon has a copy of its {indicators} indicators",
            intel.cti.url()
        );
    }
    daemon.until_it_runs(&folders)?;
    let player = Player::start(&folders, alerts, FOLLOWED, HOOKED);
    let progress = Progress::new(expected.len() as u64);

    // Ctrl-C, a closed terminal or a kill ends it in good order at any moment: the folders and the daemon go with it.
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = interrupted.clone();
    runtime.spawn(async move {
        if told_to_end().await.is_ok() {
            flag.store(true, Ordering::Release);
        }
    });

    let mut killed = false;
    let mut last = (Books::default(), Instant::now());
    let books = loop {
        std::thread::sleep(Duration::from_millis(100));
        if interrupted.load(Ordering::Acquire) {
            return Ok(Exit::Unbalanced);
        }
        if !killed && player.played() >= KILL_AT {
            killed = true;
            daemon.kill()?;
            progress.say("kill -9: the daemon is gone; the hook writes to its spool folder, alerts.json grows on");
            std::thread::sleep(Duration::from_millis(700));
            daemon = Daemon::start(&folders)?;
            progress.say("restarted: what was under way is looked up, the rest goes on where the ledger says");
        }
        let Some((books, pauses)) = look(&folders) else {
            continue;
        };
        let folded: u64 = books.sources.iter().map(|source| source.folded).sum();
        let iris = books.sinks.iter().find(|sink| sink.sink == "iris");
        progress.at(folded + iris.map_or(0, |sink| sink.delivered));
        if let Some(pause) = pauses.first() {
            progress.end();
            return Err(Failure::new(
                Exit::Permission,
                format!("IRIS: {}", pause.why),
            ));
        }
        let is_triaged = triage.is_none() || Triage::finished(&folders);
        if killed && player.finished()? && finished(&books, &folders) && is_triaged {
            break books;
        }
        if books != last.0 {
            last = (books, Instant::now());
        } else if last.1.elapsed() > PATIENCE {
            progress.end();
            say!("{}", daemon.log_tail(&folders));
            return Err(Failure::new(
                Exit::Unavailable,
                "the demo came to a standstill; above is the end of the daemon's log",
            ));
        }
    };
    progress.end();
    say!("\n{}", super::books::text(&books, false).trim_end());
    let mut good = report(&books, &expected, sandbox.as_ref(), &folders)?;
    if let (Some(intel), Some(sandbox)) = (&intel, &sandbox) {
        say!("");
        good &= intel.report(sandbox);
    }
    if let (Some(triage), Some(sandbox)) = (&triage, &sandbox) {
        say!("");
        good &= triage.report(sandbox, &folders)?;
    }
    if !arguments.once {
        let url = sandbox
            .as_ref()
            .map(IrisSandbox::url)
            .or(arguments.iris_url.clone())
            .unwrap_or_default();
        say!("\nlook at the alerts: {url}\nCtrl-C ends it");
        while !interrupted.load(Ordering::Acquire) {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    daemon.stop()?;
    Ok(if good {
        Exit::Success
    } else {
        Exit::Unbalanced
    })
}

/// Waits for SIGINT, SIGTERM or SIGHUP.
async fn told_to_end() -> std::io::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut hung_up = signal(SignalKind::hangup())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminated.recv() => Ok(()),
        _ = hung_up.recv() => Ok(()),
    }
}

async fn sandbox() -> Result<IrisSandbox, Failure> {
    let sandbox = IrisSandbox::start(IrisOptions::default())
        .await
        .map_err(|error| {
            Failure::new(
                Exit::Unavailable,
                format!("the stand-in can't start: {error}"),
            )
        })?;
    sandbox.faults().rate(Fault::Html502, 0.03);
    sandbox.faults().rate(Fault::StoreThen400, 0.03);
    sandbox.faults().rate(Fault::StoreThenReset, 0.03);
    Ok(sandbox)
}

/// The references of the alerts that must arrive, or be counted into one that does.
fn expected(alerts: &str) -> HashSet<String> {
    alerts
        .lines()
        .filter_map(|line| Alert::parse(line.as_bytes()).ok())
        .filter(|alert| alert.head().level >= MINIMUM_LEVEL)
        .map(|alert| alert.reference().as_str().to_owned())
        .collect()
}

/// The books, and what waits for the operator.
fn look(folders: &Folders) -> Option<(Books, Vec<Pause>)> {
    // The daemon may not have made it yet.
    let ledger = SqliteLedger::open_reader(folders.ledger()).ok()?;
    Some((
        answer(ledger.books(None)).ok()?,
        answer(ledger.status()).ok()?.pauses,
    ))
}

fn finished(books: &Books, folders: &Folders) -> bool {
    let sources = books
        .sources
        .iter()
        .filter(|row| row.source != "digest" && row.source != late::SOURCE);
    let received: u64 = sources.map(|source| source.received).sum();
    let pending: u64 = books.sinks.iter().map(|sink| sink.pending).sum();
    let played = FOLLOWED.len() + HOOKED.len() + usize::from(ADDRESSES);
    received >= played as u64
        && pending == 0
        && folders.spool_is_empty()
        && told(folders).unwrap_or(false)
}

/// Whether every count of repeats is at the sink.
fn told(folders: &Folders) -> Result<bool, Failure> {
    let ledger = SqliteLedger::open_reader(folders.ledger())?;
    let groups = answer(ledger.noise(Timestamp::UNIX_EPOCH, usize::MAX))?.groups;
    Ok(groups
        .iter()
        .all(|group| group.told == group.folded || group.ended.is_some()))
}

/// Says whether the promise was kept.
fn report(
    books: &Books,
    expected: &HashSet<String>,
    sandbox: Option<&IrisSandbox>,
    folders: &Folders,
) -> Result<bool, Failure> {
    let dead: u64 = books.sinks.iter().map(|sink| sink.dead).sum();
    let Some(sandbox) = sandbox else {
        return Ok(books.faults.is_empty() && dead == 0);
    };
    let there: Vec<String> = sandbox
        .alerts()
        .into_iter()
        .filter_map(|alert| alert.source_ref)
        .collect();
    let distinct: HashSet<&String> = there.iter().collect();
    let ledger = SqliteLedger::open_reader(folders.ledger())?;
    let (mut lost, mut folded) = (0, 0);
    for reference in expected.iter().filter(|one| !distinct.contains(one)) {
        let group = answer(ledger.trace(reference))?.and_then(|trace| trace.group);
        match group {
            Some(group) if distinct.contains(&group.parent) => folded += 1,
            _ => lost += 1,
        }
    }
    let doubled = there.len() - distinct.len();
    say!(
        "in the stand-in: {} alerts, and {folded} repeats counted into them; {lost} lost, {doubled} doubled",
        there.len()
    );
    if let Some(loudest) = answer(ledger.noise(Timestamp::UNIX_EPOCH, 1))?
        .groups
        .first()
    {
        say!(
            "\nthe loudest was {} ({} repeats); `alertbridge explain` tells its way:\n",
            loudest.parent,
            loudest.folded
        );
        if let Some(trace) = answer(ledger.trace(&loudest.parent))? {
            say!("{}", super::explain::way(&trace).trim_end());
        }
    }
    Ok(books.faults.is_empty() && dead == 0 && lost == 0 && doubled == 0)
}

/// The daemon, as a process.
struct Daemon(Child);

impl Daemon {
    fn start(folders: &Folders) -> Result<Self, Failure> {
        let program = std::env::current_exe().map_err(Failure::fault)?;
        let log = folders.daemon_log()?;
        Command::new(program)
            .arg("run")
            .arg("--config")
            .arg(folders.config())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map(Self)
            .map_err(|error| Failure::new(Exit::Io, format!("can't start the daemon: {error}")))
    }

    /// Waits until it follows: a file that was rotated away before its very first start would be another's.
    fn until_it_runs(&mut self, folders: &Folders) -> Result<(), Failure> {
        let begun = Instant::now();
        loop {
            let log = std::fs::read_to_string(folders.log_path()).unwrap_or_default();
            if log.lines().any(|line| line.contains(RUNNING)) {
                return Ok(());
            }
            let ended = self.0.try_wait().ok().flatten().is_some();
            if ended || begun.elapsed() > PATIENCE {
                say!("{}", self.log_tail(folders));
                return Err(Failure::new(
                    Exit::Unavailable,
                    "the daemon did not start; above is the end of its log",
                ));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// SIGKILL.
    fn kill(&mut self) -> Result<(), Failure> {
        let killed = self.0.kill().and_then(|()| self.0.wait());
        killed
            .map(drop)
            .map_err(|error| Failure::new(Exit::Io, format!("can't kill the daemon: {error}")))
    }

    /// The demo is over, and its folders go with it.
    fn stop(mut self) -> Result<(), Failure> {
        self.kill()
    }

    fn log_tail(&self, folders: &Folders) -> String {
        let log = std::fs::read_to_string(folders.log_path()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Fails where it is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A bar in a terminal, lines elsewhere.
enum Progress {
    Bar(ProgressBar),
    Lines { length: u64, told: Cell<u64> },
}

impl Progress {
    fn new(length: u64) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self::Lines {
                length,
                told: Cell::new(0),
            };
        }
        let bar = ProgressBar::new(length);
        if let Ok(style) = ProgressStyle::with_template("delivered {bar:40} {pos}/{len} {elapsed}")
        {
            bar.set_style(style);
        }
        Self::Bar(bar)
    }

    fn at(&self, delivered: u64) {
        match self {
            Self::Bar(bar) => bar.set_position(delivered),
            // A line for each quarter.
            Self::Lines { length, told } => {
                let quarter = delivered * 4 / (*length).max(1);
                if quarter > told.replace(quarter) {
                    say!("delivered {delivered} of {length}");
                }
            }
        }
    }

    fn say(&self, line: &str) {
        match self {
            Self::Bar(bar) => bar.println(line),
            Self::Lines { .. } => say!("{line}"),
        }
    }

    fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.finish();
            eprintln!();
        }
    }
}
