//! `alertbridge triage work`: workers in a process of their own, on the daemon's ledger.

use std::time::Duration;

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinSet,
};
use tracing::info;

use super::{parts, section};
use crate::{
    cli,
    exit::Exit,
    failure::Failure,
    logging, output,
    triage::{self, Parts, Poller, Worker},
};

/// What workers may take to end.
const STOP_DEADLINE: Duration = Duration::from_secs(15);

/// Runs the command.
pub fn run(arguments: &cli::TriageWork) -> Result<Exit, Failure> {
    let (mut config, section) = section(&arguments.config)?;
    logging::start(&config.log)?;
    let (secrets, parts) = parts(&mut config)?;
    let runtime = super::super::super::runtime()?;
    let ended = runtime.block_on(work(arguments, &section, &secrets, parts));
    runtime.shutdown_timeout(Duration::from_secs(1));
    output::line(format_args!("{} jobs ended", ended?))?;
    Ok(Exit::Success)
}

async fn work(
    arguments: &cli::TriageWork,
    section: &triage::TriageConfig,
    secrets: &[String],
    parts: Parts,
) -> Result<u64, Failure> {
    let sink = parts.iris.name().to_owned();
    let shared = triage::shared(section, secrets, parts)
        .map_err(|error| Failure::new(Exit::Config, error))?;
    let (stopping, stop) = watch::channel(false);
    // What others have tagged by now is among what is to be done.
    if arguments.poll && arguments.until_empty {
        let looked = Poller::new(shared.clone(), sink.clone()).look().await;
        looked.map_err(|error| Failure::new(Exit::Unavailable, error))?;
    }
    let mut workers = JoinSet::new();
    let count = arguments.workers.unwrap_or(section.workers).max(1);
    for number in 1..=count {
        let name = format!("{}:{}:{number}", host(), std::process::id());
        let worker = Worker::new(shared.clone(), name, stop.clone(), arguments.until_empty);
        workers.spawn(worker.run());
    }
    let polling = arguments.poll.then(|| {
        let poller = Poller::new(shared.clone(), sink);
        tokio::spawn(poller.run(stop.clone()))
    });
    info!(
        workers = count,
        model = section.model.model,
        "working on triage jobs"
    );
    let fault = |error: std::io::Error| {
        Failure::new(Exit::Software, format!("can't listen for signals: {error}"))
    };
    let mut terminate = signal(SignalKind::terminate()).map_err(fault)?;
    let mut ended = 0;
    loop {
        tokio::select! {
            joined = workers.join_next() => match joined {
                Some(Ok(jobs)) => ended += jobs,
                Some(Err(error)) => return Err(Failure::fault(error)),
                None => break,
            },
            _ = terminate.recv() => break,
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    // An error means that they have ended already.
    let _ = stopping.send(true);
    let rest = async {
        while let Some(joined) = workers.join_next().await {
            ended += joined.unwrap_or(0);
        }
        if let Some(polling) = polling {
            let _ = polling.await;
        }
    };
    // What does not end in time is found by its lease.
    let _ = tokio::time::timeout(STOP_DEADLINE, rest).await;
    Ok(ended)
}

/// For people; empty where the machine does not tell.
fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .unwrap_or_default()
        .trim()
        .to_owned()
}
