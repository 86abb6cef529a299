//! The daemon: sources, ledger, delivery and the watch over them, wired together.
//!
//! Order of starting: ledger, sinks, intake, delivery, sources; of stopping: sources first, so that nothing new comes while
//! what is under way ends; the ledger last.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use alertbridge_ledger::{Route, SqliteLedger};
use alertbridge_pipeline::{GatedRules, QuietRules};
use alertbridge_sinks::{
    Sink,
    iris::{IrisSink, RaiseRule},
    wazuh::WazuhQueueSink,
};
use alertbridge_sources::{
    Follower, FollowerConfig, FollowerHandle, Intake, hook_socket::HookSocket, spool::SpoolDrain,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinHandle,
};
use tracing::{error, info, warn};

use crate::{
    alarms::Alarms,
    clock::{Clock, SystemClock, now},
    config::{Config, FollowerSection, HookSection},
    delivery::{Settings, Teller, Worker},
    exit::Exit,
    failure::Failure,
    http::{self, Shown},
    intake::{DecidingIntake, Rules},
    intel::{
        Enrich, Enricher, Herald, Hunt, Intelligence, LateSink, QueueSink, SightingReports,
        Standing, Supply, late,
    },
    metrics::Metrics,
    quieting::Quieting,
    triage::{self, Admission},
    upkeep::{Upkeep, identity},
};

/// The sink that shows alerts to people.
const SHOWS_ALERTS: &str = "iris";
/// The hook's socket is for wazuh and root alone.
const SOCKET_MODE: u32 = 0o660;
/// How long new alerts of the hook wait for spooled ones at the start.
const SPOOL_FIRST: Duration = Duration::from_secs(10);
/// How long the first alerts wait for the local copy of indicators to be opened.
const INTEL_FIRST: Duration = Duration::from_secs(5);
/// How long the sources and the workers may take to stop before the program ends anyway; less than systemd waits.
const STOP_DEADLINE: Duration = Duration::from_secs(20);

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// Where it can't start, or a part it can't do without broke off.
pub async fn run(mut config: Config) -> Result<Exit, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let metrics = Arc::new(Metrics::default());
    let alarms = Arc::new(Alarms::new(metrics.clone()));
    let (arrived, arrivals) = watch::channel(());
    let (stopping, stop) = watch::channel(false);

    let ledger = Arc::new(open_ledger(&config)?);
    let secrets = triage::secrets(&config);
    let Sinks {
        alerts: sinks,
        iris,
        queue,
        settings,
        raise,
    } = sinks(&mut config)?;
    let mut names: Vec<String> = sinks.iter().map(|sink| sink.name().to_owned()).collect();
    let intel = intelligence(&config, queue.is_some(), &clock).await?;
    let known = intel.as_ref().map(|(known, _)| known.clone());
    let quieting = Arc::new(quieting(&config)?);
    quieting.load_silences(&*ledger).await?;
    let intake: Arc<dyn Intake> = Arc::new(DecidingIntake::new(
        ledger.clone(),
        clock.clone(),
        metrics.clone(),
        rules(&config, &names, quieting.clone(), known.clone()),
        sinks.clone(),
        arrived.clone(),
    ));

    let listener = match config.http.listen.parse() {
        Ok(listen) => Some(http::bind(listen).await?),
        // `Config::check` lets only the empty address through: no listener.
        Err(_) => None,
    };

    let mut tasks: Vec<JoinHandle<()>> = Vec::new();
    tasks.push(tokio::spawn(
        quieting.clone().keep_silences(ledger.clone(), stop.clone()),
    ));
    let mut all = sinks.clone();
    let mut routes = Vec::new();
    if let Some(queue) = queue {
        routes.push(late_route(queue.name()));
        all.push(queue);
    }
    if let (Some(_), Some(iris)) = (&known, sinks.iter().find(|sink| sink.amends())) {
        let late = LateSink::new(iris.clone(), ledger.clone(), raise);
        routes.push(late_route(late.name()));
        all.push(Arc::new(late));
    }
    names = all.iter().map(|sink| sink.name().to_owned()).collect();
    let mut standing = None;
    let mut enrich: Option<Arc<dyn Enrich>> = None;
    if let (Some(config), Some((known, supply))) = (&config.intel, intel) {
        let reports = SightingReports::new(config)
            .map_err(|error| Failure::new(Exit::Config, error))?
            .map(Arc::new);
        standing = Some(Standing::new(
            known.clone(),
            supply.watched(),
            reports.clone(),
            now(),
        ));
        if let Some(reports) = reports {
            let (ledger, clock, stop) = (ledger.clone(), clock.clone(), stop.clone());
            tasks.push(tokio::spawn(async move {
                reports.run(&*ledger, &*clock, stop).await;
            }));
        }
        tasks.push(tokio::spawn(supply.run(stop.clone())));
        let herald = Herald {
            ledger: ledger.clone(),
            clock: clock.clone(),
            metrics: metrics.clone(),
            arrived,
            routes,
            intelligence: known.clone(),
        };
        enrich = Some(Arc::new(Enricher {
            intelligence: known.clone(),
            herald: herald.clone(),
        }));
        let hunt = Hunt {
            intelligence: known,
            herald,
            days: config.retro_hunt_days,
            interval: Duration::from_secs(config.retro_hunt_interval.max(1)),
        };
        tasks.push(tokio::spawn(hunt.run(stop.clone())));
    }
    let backlog = Arc::new(AtomicU64::new(0));
    let admission = config
        .triage
        .as_ref()
        .map(|triage| Arc::new(Admission::new(triage, backlog.clone())));
    let mut reviews = None;
    if let (Some(section), Some(iris)) = (&config.triage, &iris) {
        let parts = triage::Parts {
            ledger: ledger.clone(),
            iris: iris.clone(),
            intel: enrich.clone(),
            clock: clock.clone(),
            metrics: metrics.clone(),
        };
        let started = triage::start(section, &secrets, parts, &stop)
            .map_err(|error| Failure::new(Exit::Config, error))?;
        reviews = Some(triage::Standing::new(
            started.shared,
            ledger.clone(),
            backlog,
        ));
        tasks.extend(started.tasks);
    }
    for sink in all {
        let shows = sink.name() == SHOWS_ALERTS;
        if sink.amends() {
            let teller = Teller::new(
                sink.clone(),
                ledger.clone(),
                clock.clone(),
                metrics.clone(),
                quieting.rules().group_interval(),
            );
            tasks.push(tokio::spawn(teller.run(stop.clone())));
        }
        let worker = Worker::new(
            sink,
            ledger.clone(),
            clock.clone(),
            metrics.clone(),
            arrivals.clone(),
            settings,
        )
        .enriched(enrich.clone())
        .admitting(admission.clone().filter(|_| shows));
        tasks.push(tokio::spawn(worker.run(stop.clone())));
    }
    if config.sources.hook.enabled {
        tasks.extend(hook(&config.sources.hook, &intake, &stop).await?);
    }
    let follower = follower(&config.sources.follower, &intake)?;
    let upkeep = Upkeep {
        ledger: ledger.clone(),
        sqlite: ledger.clone(),
        clock,
        metrics: metrics.clone(),
        alarms: alarms.clone(),
        follower: follower.as_ref().map(FollowerHandle::shared_status),
        intel: standing,
        triage: reviews,
        ledger_identity: identity(&config.ledger.path),
        ledger_path: config.ledger.path.clone(),
        payload_days: config.ledger.payload_days,
        quiet_payload_days: config.ledger.quiet_payload_days,
        reference_days: config.ledger.reference_days,
        stop: stop.clone(),
    };
    tasks.extend(upkeep.spawn());
    if let Some(listener) = listener {
        if let Ok(address) = listener.local_addr() {
            info!(%address, "metrics and health");
        }
        tasks.push(tokio::spawn(http::serve(
            listener,
            Shown { metrics, alarms },
            stop.clone(),
        )));
    }

    info!(ledger = %config.ledger.path.display(), sinks = ?names, "running");
    notify(&[sd_notify::NotifyState::Ready]);
    let broken = wait(follower.as_ref(), &mut tasks).await?;
    notify(&[sd_notify::NotifyState::Stopping]);
    info!("stopping");

    // An error means that nobody listens any more.
    let _ = stopping.send(true);
    let ended = tokio::time::timeout(STOP_DEADLINE, async {
        let followed = stop_follower(follower).await;
        for task in tasks {
            // A task that panicked has told so already.
            let _ = task.await;
        }
        followed
    });
    let followed = ended.await.unwrap_or_else(|_| {
        warn!("not everything ended in time; what was under way is looked up at the next start");
        Ok(())
    });
    drop(intake);
    drop(ledger);
    info!("stopped");
    followed?;
    match broken {
        Some(failure) => Err(failure),
        None => Ok(Exit::Success),
    }
}

fn open_ledger(config: &Config) -> Result<SqliteLedger, Failure> {
    let path = &config.ledger.path;
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        std::fs::create_dir_all(folder)
            .map_err(|error| Failure::io("make the folder", folder, &error))?;
    }
    // Claims of the last run are in doubt from now on: each is looked up before it is sent again.
    let ledger = SqliteLedger::open(path, alertbridge_ledger::OpenOptions::new(now))?;
    Ok(ledger)
}

/// Where alerts go.
struct Sinks {
    /// What every alert that passes is handed to.
    alerts: Vec<Arc<dyn Sink>>,
    /// The one whose alerts are reviewed.
    iris: Option<Arc<IrisSink>>,
    /// What only hits are handed to.
    queue: Option<Arc<dyn Sink>>,
    settings: Settings,
    /// When a hit raises the severity at IRIS.
    raise: Vec<RaiseRule>,
}

fn sinks(config: &mut Config) -> Result<Sinks, Failure> {
    let mut sinks = Sinks {
        alerts: Vec::new(),
        iris: None,
        queue: None,
        settings: Settings::default(),
        raise: Vec::new(),
    };
    if let Some(iris) = config.sinks.iris.take() {
        sinks.settings.in_flight = iris.requests_in_flight.max(1);
        sinks.raise = crate::intel::raise_rules(&iris.intel);
        let sink = Arc::new(triage::iris_sink(iris, config)?);
        sinks.iris = Some(sink.clone());
        sinks.alerts.push(sink);
    }
    if let Some(wazuh) = &config.sinks.wazuh {
        let sink = WazuhQueueSink::connect(wazuh)
            .map_err(|error| Failure::new(Exit::Config, format!("[sinks.wazuh]: {error}")))?;
        sinks.queue = Some(Arc::new(QueueSink(sink)));
    }
    Ok(sinks)
}

/// What matches alerts, and what keeps it up to date. Where the local copy is large, alerts do not wait until it is there.
async fn intelligence(
    config: &Config,
    has_queue: bool,
    clock: &Arc<dyn Clock>,
) -> Result<Option<(Arc<Intelligence>, Supply)>, Failure> {
    let Some(section) = &config.intel else {
        return Ok(None);
    };
    let fault = |error: String| Failure::new(Exit::Config, error);
    let known = Arc::new(Intelligence::new(section, has_queue, clock.clone()).map_err(fault)?);
    let supply = Supply::new(known.clone(), section.sources().map_err(fault)?);
    let opening = known.clone();
    let opened = tokio::task::spawn_blocking(move || opening.open());
    match tokio::time::timeout(INTEL_FIRST, opened).await {
        // What is wrong is told, and mended, by the supply.
        Ok(_) => {}
        Err(_) => warn!("the local copy of indicators takes its time; alerts flow without it"),
    }
    Ok(Some((known, supply)))
}

fn late_route(sink: &str) -> Route {
    Route {
        sink: sink.to_owned(),
        lane: late::LANE.to_owned(),
    }
}

/// The `[quiet]` table, compiled; what an operator should know of it is logged.
fn quieting(config: &Config) -> Result<Quieting, Failure> {
    let rules = QuietRules::try_from(config.quiet.clone())
        .map_err(|error| Failure::new(Exit::Config, error))?;
    for warning in rules.warnings() {
        warn!("{warning}");
    }
    // The one whose pages become slow under many alerts (facts/peers.md §0.9).
    Ok(Quieting::new(rules, vec!["iris".to_owned()]))
}

fn rules(
    config: &Config,
    sinks: &[String],
    quieting: Arc<Quieting>,
    intel: Option<Arc<Intelligence>>,
) -> Rules {
    let rules = |gate| GatedRules {
        gate,
        sinks: sinks.to_vec(),
    };
    Rules {
        sources: HashMap::from([
            ("follower", rules(config.sources.follower.gate())),
            ("hook", rules(config.sources.hook.gate())),
            ("spool", rules(config.sources.hook.gate())),
        ]),
        sinks: config.gates.clone().into_iter().collect(),
        quieting,
        intel,
    }
}

async fn hook(
    section: &HookSection,
    intake: &Arc<dyn Intake>,
    stop: &watch::Receiver<bool>,
) -> Result<[JoinHandle<()>; 2], Failure> {
    if let Some(folder) = section.socket.parent() {
        std::fs::create_dir_all(folder)
            .map_err(|error| Failure::io("make the folder", folder, &error))?;
    }
    if let Some(folder) = section.spool.parent() {
        std::fs::create_dir_all(folder)
            .map_err(|error| Failure::io("make the folder", folder, &error))?;
    }
    // The drain makes the folder itself, writable for hooks of its group.
    let spool = SpoolDrain::new(section.spool.clone(), intake.clone(), now);
    match tokio::time::timeout(SPOOL_FIRST, spool.drain_waiting()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => warn!(%error, "spooled alerts wait in their folder"),
        Err(_) => warn!("spooled alerts take their time; new ones may come before them"),
    }
    let socket = HookSocket::bind(&section.socket, SOCKET_MODE)
        .await
        .map_err(|error| Failure::new(Exit::Config, error))?;
    Ok([
        tokio::spawn(socket.serve(intake.clone(), stopped(stop.clone()))),
        tokio::spawn(spool.run(stopped(stop.clone()))),
    ])
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    // An error means the sender is gone: the program is ending.
    let _ = stop.wait_for(|stop| *stop).await;
}

fn follower(
    section: &FollowerSection,
    intake: &Arc<dyn Intake>,
) -> Result<Option<FollowerHandle>, Failure> {
    if !section.enabled {
        return Ok(None);
    }
    let mut config = FollowerConfig::new(&section.path, now);
    config.begin = section.begin;
    config.line_limit = section.line_limit;
    if let Some(archives) = &section.archives {
        config.archive = archives.clone();
    }
    let handle = Follower::new(config, intake.clone())
        .spawn()
        .map_err(|error| {
            Failure::new(Exit::Software, format!("the follower can't start: {error}"))
        })?;
    Ok(Some(handle))
}

/// Waits for a signal to stop, or for a part that broke off.
async fn wait(
    follower: Option<&FollowerHandle>,
    tasks: &mut [JoinHandle<()>],
) -> Result<Option<Failure>, Failure> {
    let fault = |error: std::io::Error| {
        Failure::new(Exit::Software, format!("can't listen for signals: {error}"))
    };
    let mut terminate = signal(SignalKind::terminate()).map_err(fault)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(fault)?;
    let mut reload = signal(SignalKind::hangup()).map_err(fault)?;
    let mut look = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(None),
            _ = interrupt.recv() => return Ok(None),
            _ = reload.recv() => warn!("SIGHUP: the configuration is read at the start only; restart to change it"),
            _ = look.tick() => {
                notify(&[sd_notify::NotifyState::Watchdog]);
                if follower.is_some_and(FollowerHandle::is_finished) {
                    error!("the follower ended by itself");
                    return Ok(Some(Failure::fault("the follower ended by itself")));
                }
                if tasks.iter().any(JoinHandle::is_finished) {
                    return Ok(Some(Failure::fault("a part of the daemon ended by itself")));
                }
            }
        }
    }
}

async fn stop_follower(follower: Option<FollowerHandle>) -> Result<(), Failure> {
    let Some(follower) = follower else {
        return Ok(());
    };
    follower.stop();
    let joined = tokio::task::spawn_blocking(move || follower.join());
    match joined.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Failure::new(Exit::Io, error)),
        Err(error) => Err(Failure::fault(error)),
    }
}

/// Tells systemd, where it is there.
fn notify(states: &[sd_notify::NotifyState<'_>]) {
    // Without systemd there is nobody to tell.
    let _ = sd_notify::notify(states);
}
