//! What one run of the hook costs integratord, from fork to exit, as a ratio to (a) a process that does nothing, built the
//! same way, and (b) a Python script of the shape `seeds/wazuh-iris-blog.txt` has, posting to a local server.
//!
//! `cargo bench -p alertbridge-hook --bench hook [-- runs]`; 200 runs of each by default, ten at a time in turn, medians compared.
//! Builds the hook with its release profile for static musl, or static gnu where the musl target is missing, and says so.
//! Aims: socket at most 2 times the floor, Python at least 200 times the socket.

use std::{
    env,
    error::Error,
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use alertbridge_hook::{
    frame::{self, Answer, HEADER_LENGTH},
    settings,
};

/// Enough that a program meets the caches as it left them itself, as in a burst of alerts.
const RUNS_IN_A_TURN: usize = 10;

type Outcome<T> = Result<T, Box<dyn Error>>;

const PYTHON_SCRIPT: &str = "
import json
import logging
import sys
from datetime import datetime

import requests

logging.basicConfig(filename=sys.argv[4], level=logging.INFO)
with open(sys.argv[1]) as file:
    alert = json.load(file)
rule = alert.get('rule', {})
body = json.dumps({
    'alert_title': rule.get('description', ''),
    'alert_source_ref': alert.get('id', ''),
    'alert_source_event_time': alert.get('timestamp', datetime.now().isoformat()),
    'alert_severity_id': 4,
    'alert_source_content': alert,
})
headers = {'Authorization': 'Bearer ' + sys.argv[2], 'Content-Type': 'application/json'}
answer = requests.post(sys.argv[3], data=body, headers=headers)
logging.info('status %s', answer.status_code)
sys.exit(0 if answer.status_code == 200 else 1)
";

fn main() -> Outcome<()> {
    // cargo adds `--bench` of its own.
    let runs: usize = env::args()
        .skip(1)
        .find_map(|word| word.parse().ok())
        .unwrap_or(200);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-hook");
    let spool = folder.join("spool");
    let _ = fs::remove_dir_all(&spool);
    fs::create_dir_all(&spool)?;

    let target = Target::choose()?;
    println!("built for {}{}", target.triple, target.note);
    let hook = target.build_hook(&folder)?;
    let empty = target.build_empty(&folder)?;
    let alert = folder.join("custom-iris-1-2.alert");
    fs::write(&alert, first_real_alert()?)?;
    let socket = folder.join("hook.sock");
    serve_hook(&socket)?;
    let script = folder.join("custom-iris.py");
    fs::write(&script, PYTHON_SCRIPT)?;
    let url = serve_http()?;
    let python = python();

    let hook_command = |socket: &Path| {
        let mut command = Command::new(&hook);
        command.arg(&alert).args([
            "key",
            "https://iris.example/",
            "",
            "",
            "10",
            "3",
            "> /dev/null 2>&1",
        ]);
        command
            .env(settings::SOCKET, socket)
            .env(settings::SPOOL, &spool);
        command
    };
    let mut by_socket = hook_command(&socket);
    let mut by_spool = hook_command(&folder.join("nobody.sock"));
    let mut nothing = Command::new(&empty);
    let mut by_python = Command::new(&python);
    by_python
        .arg(&script)
        .arg(&alert)
        .args(["key", &url])
        .arg(folder.join("python.log"));

    let mut times: [Vec<Duration>; 5] = Default::default();
    let alert_bytes = fs::read(&alert)?;
    while times[0].len() < runs {
        let turn = (runs - times[0].len()).min(RUNS_IN_A_TURN);
        for _ in 0..turn {
            times[0].push(time_of(&mut nothing)?);
        }
        for _ in 0..turn {
            times[1].push(time_of(&mut by_socket)?);
        }
        for _ in 0..turn {
            times[2].push(time_of(&mut by_spool)?);
        }
        for _ in 0..turn {
            times[3].push(time_of_durable_file(&spool, &alert_bytes)?);
        }
        for _ in 0..turn {
            times[4].push(time_of(&mut by_python)?);
        }
    }
    let [floor, socket_time, spool_time, disk, python_time] = times.map(median);
    assert_eq!(
        fs::read_dir(&spool)?.count(),
        runs,
        "each spooled alert is there"
    );

    println!(
        "medians of {runs} runs, alert of {} bytes, {}",
        fs::metadata(&alert)?.len(),
        python.display()
    );
    println!("  process that does nothing (floor)      {floor:>10.1?}");
    println!(
        "  hook, daemon acknowledges              {socket_time:>10.1?}  {:.2} x floor (aim <= 2)",
        ratio(socket_time, floor)
    );
    println!(
        "  hook, spool                            {spool_time:>10.1?}  {:.2} x floor",
        ratio(spool_time, floor)
    );
    println!(
        "  of which the disk: write, fsync,       {disk:>10.1?}  spool hook is {:.2} x (floor + disk)",
        ratio(spool_time, floor + disk)
    );
    println!("    rename, fsync of the folder");
    println!(
        "  Python script, local server            {python_time:>10.1?}  {:.0} x hook by socket (aim >= 200), {:.0} x hook by spool",
        ratio(python_time, socket_time),
        ratio(python_time, spool_time)
    );
    Ok(())
}

fn ratio(time: Duration, to: Duration) -> f64 {
    time.as_secs_f64() / to.as_secs_f64()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn time_of(command: &mut Command) -> Outcome<Duration> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let start = Instant::now();
    let status = command.status()?;
    let time = start.elapsed();
    if !status.success() {
        return Err(format!("{command:?} ended with {status}").into());
    }
    Ok(time)
}

/// The disk's part of spooling, in this process.
fn time_of_durable_file(spool: &Path, alert: &[u8]) -> Outcome<Duration> {
    let (temporary, path) = (spool.join(".floor.tmp"), spool.join("floor"));
    let start = Instant::now();
    let mut file = File::create(&temporary)?;
    file.write_all(alert)?;
    file.sync_all()?;
    fs::rename(&temporary, &path)?;
    File::open(spool)?.sync_all()?;
    let time = start.elapsed();
    fs::remove_file(path)?;
    Ok(time)
}

/// How both programs are built.
struct Target {
    triple: String,
    static_flags: &'static [&'static str],
    note: &'static str,
}

impl Target {
    fn choose() -> Outcome<Target> {
        let musl = format!("{}-unknown-linux-musl", env::consts::ARCH);
        let output = Command::new("rustc")
            .args(["--print", "target-libdir", "--target", &musl])
            .output()?;
        if Path::new(String::from_utf8(output.stdout)?.trim()).is_dir() {
            return Ok(Target {
                triple: musl,
                static_flags: &[],
                note: "",
            });
        }
        Ok(Target {
            triple: format!("{}-unknown-linux-gnu", env::consts::ARCH),
            static_flags: &["-C", "target-feature=+crt-static"],
            note: " (static): the musl target is not installed, so this is not the program that ships; \
                   `rustup target add` it",
        })
    }

    fn build_hook(&self, folder: &Path) -> Outcome<PathBuf> {
        let target_folder = folder.join("target");
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args([
            "build",
            "--quiet",
            "-p",
            "alertbridge-hook",
            "--bin",
            "alertbridge-hook",
            "--profile",
            "hook",
        ]);
        cargo
            .args(["--target", &self.triple])
            .arg("--target-dir")
            .arg(&target_folder);
        cargo
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("RUSTFLAGS", self.static_flags.join(" "));
        succeed(&mut cargo)?;
        Ok(target_folder
            .join(&self.triple)
            .join("hook/alertbridge-hook"))
    }

    fn build_empty(&self, folder: &Path) -> Outcome<PathBuf> {
        let (source, program) = (folder.join("empty.rs"), folder.join("empty"));
        fs::write(&source, "fn main() {}")?;
        let mut rustc = Command::new("rustc");
        rustc.args([
            "--edition",
            "2024",
            "-C",
            "opt-level=3",
            "-C",
            "panic=abort",
            "-C",
            "lto=fat",
        ]);
        rustc.args([
            "-C",
            "codegen-units=1",
            "-C",
            "strip=symbols",
            "--target",
            &self.triple,
        ]);
        succeed(
            rustc
                .args(self.static_flags)
                .arg("-o")
                .arg(&program)
                .arg(&source),
        )?;
        Ok(program)
    }
}

fn succeed(command: &mut Command) -> Outcome<()> {
    let status = command.status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{command:?} ended with {status}").into())
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn first_real_alert() -> Outcome<Vec<u8>> {
    let mut line = Vec::new();
    BufReader::new(File::open(repository().join("data/alerts.jsonl"))?)
        .read_until(b'\n', &mut line)?;
    Ok(line)
}

/// The repository's own Python where it has `requests`, else the system's.
fn python() -> PathBuf {
    let own = repository().join(".venv/bin/python");
    let has_requests = Command::new(&own).args(["-c", "import requests"]).status();
    if has_requests.is_ok_and(|status| status.success()) {
        own
    } else {
        PathBuf::from("python3")
    }
}

fn is_whole(frame: &[u8]) -> bool {
    let header = frame.first_chunk::<HEADER_LENGTH>();
    header.is_some_and(|header| frame::body_length(*header) == Ok(frame.len() - HEADER_LENGTH))
}

/// Acknowledges every frame.
fn serve_hook(socket: &Path) -> Outcome<()> {
    let _ = fs::remove_file(socket);
    let listener = UnixListener::bind(socket)?;
    thread::spawn(move || {
        let mut buffer = vec![0; 1024 * 1024];
        for mut stream in listener.incoming().flatten() {
            let mut filled = 0;
            while !is_whole(&buffer[..filled]) {
                match stream.read(&mut buffer[filled..]) {
                    Ok(read) if read > 0 => filled += read,
                    _ => break,
                }
            }
            let _ = stream.write_all(&[Answer::Stored.to_byte()]);
        }
    });
    Ok(())
}

/// Answers every POST with 200; the address to post to.
fn serve_http() -> Outcome<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/alerts/add", listener.local_addr()?);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let Ok(clone) = stream.try_clone() else {
                continue;
            };
            let mut reader = BufReader::new(clone);
            let (mut line, mut length) = (String::new(), 0);
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap_or(0);
                }
                line.clear();
            }
            if reader.read_exact(&mut vec![0; length]).is_ok() {
                let _ = stream.write_all(
                    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
                );
            }
        }
    });
    Ok(url)
}
