//! How long the first synchronisation with OpenCTI takes, that its memory stays flat, and what the copy takes of memory and disk.
//!
//! `cargo bench -p alertbridge-intel --bench sync [-- --full]`: 50,000 made-up indicators, with `--full` a million (about 1 GB of
//! disk). The stand-in for OpenCTI runs in a process of its own, so that the memory shown is the synchronisation's alone. The peer is the
//! stand-in itself: the same pages asked for and thrown away.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark that can't go on has failed"
)]

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use alertbridge_intel::{
    IndicatorStore, StoreOptions,
    provider::{
        Clock, Phase, Progress, Provider, Stop,
        opencti::{OpenCti, OpenCtiConfig},
    },
};
use alertbridge_sandbox::{OpenCtiOptions, OpenCtiSandbox};
use jiff::Timestamp;
use serde_json::json;
use tokio::sync::watch;

const NAME: &str = "cti";
/// Indicators of a page.
const PAGE: u64 = 500;
/// Pages that are asked for and thrown away.
const PEER_PAGES: u64 = 20;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let Some(at) = arguments.iter().position(|argument| argument == "--serve") {
        return runtime.block_on(serve(arguments[at + 1].parse().unwrap()));
    }
    let full = arguments.iter().any(|argument| argument == "--full");
    let count = if full { 1_000_000 } else { 50_000 };
    let (mut server, url, token) = server(count);
    let peer = runtime.block_on(peer(&url, &token));
    runtime.block_on(synchronise(count, &url, &token, peer));
    // It ends with its standard input.
    drop(server.stdin.take());
    server.wait().unwrap();
}

async fn serve(synthetic: u64) {
    let sandbox = OpenCtiSandbox::start(OpenCtiOptions {
        synthetic,
        ..OpenCtiOptions::default()
    })
    .await
    .unwrap();
    println!("{} {}", sandbox.url(), sandbox.token());
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()).unwrap())
        .await
        .unwrap();
}

fn server(count: u64) -> (Child, String, String) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--serve", &count.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let (url, token) = line.trim().split_once(' ').unwrap();
    (child, url.to_owned(), token.to_owned())
}

/// Seconds a page takes the stand-in.
async fn peer(url: &str, token: &str) -> f64 {
    // Fails where it was done already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::new();
    let query = "query ($first: Int, $after: ID) { indicators(first: $first, after: $after, orderBy: updated_at, orderMode: asc) {
        edges { node { id standard_id name description pattern pattern_type valid_from valid_until revoked confidence created modified
          updated_at x_opencti_score x_opencti_detection x_opencti_main_observable_type indicator_types
          objectLabel { value } objectMarking { definition } } } pageInfo { endCursor hasNextPage } } }";
    let mut after = serde_json::Value::Null;
    let begun = Instant::now();
    for _ in 0..PEER_PAGES {
        let answer: serde_json::Value = client
            .post(format!("{url}/graphql"))
            .bearer_auth(token)
            .json(&json!({"query": query, "variables": {"first": PAGE, "after": after}}))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let page = &answer["data"]["indicators"];
        assert!(page["edges"].is_array(), "{answer}");
        after = page["pageInfo"]["endCursor"].clone();
    }
    begun.elapsed().as_secs_f64() / PEER_PAGES as f64
}

async fn synchronise(count: u64, url: &str, token: &str, peer: f64) {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(IndicatorStore::open(folder.path(), StoreOptions::default()).unwrap());
    let config: OpenCtiConfig =
        serde_json::from_value(json!({"url": url, "token": token, "page_size": PAGE})).unwrap();
    let provider = OpenCti::new(NAME, &config).unwrap();
    let (progress, mut state) = Progress::new(Clock::new(|| {
        #[allow(clippy::disallowed_methods, reason = "a benchmark's own clock")]
        Timestamp::now()
    }));
    let (stop, stopped) = watch::channel(false);
    let before = resident("VmRSS");
    let begun = Instant::now();
    let task = {
        let store = store.clone();
        tokio::spawn(async move { provider.sync(store, progress, Stop::new(stopped)).await })
    };
    println!(
        "{count} indicators, pages of {PAGE}; {} MB resident before",
        before / 1024
    );
    let mut told = 0;
    let mut listed = None;
    loop {
        let changed = tokio::time::timeout(Duration::from_secs(300), state.changed());
        changed.await.unwrap().unwrap();
        let now = state.borrow().clone();
        let quarter = now.done * 4 / count;
        if quarter > told {
            told = quarter;
            if quarter == 4 {
                listed = Some(begun.elapsed().as_secs_f64());
            }
            println!(
                "  {:>3} %  {:>7.1} s  {:>5} MB resident",
                quarter * 25,
                begun.elapsed().as_secs_f64(),
                resident("VmRSS") / 1024
            );
        }
        if now.last_success.is_some() && matches!(now.phase, Phase::Polling | Phase::Waiting) {
            break;
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    let pages = (count / PAGE) as f64;
    let listed = listed.unwrap_or(seconds);
    println!(
        "in all {seconds:.1} s ({listed:.1} s for the list, the rest for the swap), {:.0} indicators/s, {} MB at most; \
         {:.2} x the stand-in's own time for the same pages ({:.3} s each)",
        count as f64 / seconds,
        resident("VmHWM") / 1024,
        seconds / (peer * pages),
        peer
    );
    let of_one = |bytes: u64| bytes as f64 / count as f64;
    println!(
        "an indicator takes {:.1} bytes of memory in the index ({:.0} bytes more resident than before), and {:.0} bytes of disk",
        of_one(store.index().memory() as u64),
        of_one(resident("VmRSS").saturating_sub(before) * 1024),
        of_one(disk(folder.path()))
    );
    assert_eq!(store.status().indicators, count);
    stop.send(true).unwrap();
    task.await.unwrap();
}

/// Bytes of all files of a folder.
fn disk(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).unwrap();
    files
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum()
}

/// A line of /proc/self/status, KiB.
fn resident(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|text| text.starts_with(line)).unwrap();
    let number: String = line.chars().filter(char::is_ascii_digit).collect();
    number.parse().unwrap()
}
