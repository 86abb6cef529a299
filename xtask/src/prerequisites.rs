//! What the tests need from outside, installed when root, named otherwise.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The official clients the stand-ins are held against (facts/iris.md §11, facts/opencti.md §0).
const CLIENTS: [&str; 2] = ["dfir-iris-client==2.0.4", "pycti==7.261026.0"];
/// The targets of this machine's processor, static with musl, and with glibc.
#[cfg(target_arch = "aarch64")]
pub const MUSL: &str = "aarch64-unknown-linux-musl";
#[cfg(target_arch = "aarch64")]
pub const GNU: &str = "aarch64-unknown-linux-gnu";
#[cfg(not(target_arch = "aarch64"))]
pub const MUSL: &str = "x86_64-unknown-linux-musl";
#[cfg(not(target_arch = "aarch64"))]
pub const GNU: &str = "x86_64-unknown-linux-gnu";

/// The workspace's folder.
pub fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}

/// Where cargo builds.
pub fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A virtual environment with the official client of IRIS in `.venv`.
pub fn python_client() -> Result<(), String> {
    let venv = root().join(".venv");
    let python = venv.join("bin/python");
    if import(&python) {
        return Ok(());
    }
    eprintln!(
        "making .venv with {}, the official clients the stand-ins are tested with",
        CLIENTS.join(" and ")
    );
    let make = |venv: &Path| {
        succeeds(
            Command::new("python3")
                .args(["-m", "venv", "--clear"])
                .arg(venv),
        )
    };
    if !make(&venv) {
        if !is_root() {
            return Err(
                "python3 with its venv module is missing: apt-get install python3 python3-venv, \
                        or run this once as root"
                    .to_owned(),
            );
        }
        if !apt_install(&["python3", "python3-venv"]) {
            return Err("apt-get could not install python3 and python3-venv".to_owned());
        }
        if !make(&venv) {
            return Err("python3 -m venv does not work".to_owned());
        }
    }
    if !succeeds(
        Command::new(&python)
            .args(["-m", "pip", "install", "--quiet"])
            .args(CLIENTS),
    ) {
        return Err(format!(
            "pip could not install {} into .venv: is PyPI reachable?",
            CLIENTS.join(" and ")
        ));
    }
    if import(&python) {
        return Ok(());
    }
    // pycti asks libmagic what kind a file is.
    if is_root() && apt_install(&["libmagic1"]) && import(&python) {
        return Ok(());
    }
    Err("the clients in .venv can't be imported: apt-get install libmagic1, or run this once as root".to_owned())
}

fn import(python: &Path) -> bool {
    succeeds(Command::new(python).args(["-c", "import dfir_iris_client.alert, pycti"]))
}

fn apt_install(packages: &[&str]) -> bool {
    succeeds(Command::new("apt-get").arg("update"))
        && succeeds(
            Command::new("apt-get")
                .env("DEBIAN_FRONTEND", "noninteractive")
                .args(["install", "-y"])
                .args(packages),
        )
}

/// Whether the hook can be built static with musl; tries to add the target.
pub fn musl_target() -> bool {
    let installed = Command::new("rustup")
        .args(["target", "list", "--installed"])
        .output()
        .is_ok_and(|output| {
            String::from_utf8_lossy(&output.stdout)
                .lines()
                .any(|line| line == MUSL)
        });
    let there = installed || succeeds(Command::new("rustup").args(["target", "add", MUSL]));
    if !there {
        eprintln!(
            "the Rust target {MUSL} is missing and can't be added: the hook is built static with glibc, about twice as slow to start"
        );
    }
    there
}

fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout == b"0\n")
}

fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
