//! The spool's drain: in order, nothing removed before it is durable, nothing blocked by what is in front of it.

#![expect(
    clippy::unwrap_used,
    reason = "a test helper that fails is a test that fails"
)]

mod memory;

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, SystemTime},
};

use alertbridge_hook::{frame::BODY_LIMIT, spool};
use alertbridge_sources::{
    Record,
    spool::{FULL_SCAN, SpoolDrain},
};
use bytes::Bytes;
use jiff::Timestamp;
use memory::{MemoryIntake, Mode, until};
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle, time::sleep};

/// A drain of a folder, running.
struct Draining {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Draining {
    fn start(folder: &Path, intake: &Arc<MemoryIntake>, now: Timestamp) -> Draining {
        let drain = SpoolDrain::new(folder.to_owned(), intake.clone(), move || now);
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(drain.run(async {
            let _ = stopped.await;
        }));
        Draining { stop, task }
    }

    async fn stop(self) {
        let _ = self.stop.send(());
        self.task.await.unwrap();
    }
}

/// Leaves `count` alerts as hooks do, the last one first, and gives them in the order of time.
fn leave(folder: &Path, count: u64) -> Vec<Record> {
    let mut records = Vec::new();
    for number in (0..count).rev() {
        let body = format!("alert {number}");
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_248_034 + number);
        spool::store(folder, body.as_bytes(), time, 7).unwrap();
        records.push(Record::Alert(Bytes::from(body)));
    }
    records.reverse();
    records
}

fn alert(body: &'static str) -> Record {
    Record::Alert(Bytes::from_static(body.as_bytes()))
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn is_empty(folder: &Path) -> bool {
    names(folder).is_empty()
}

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

#[tokio::test(start_paused = true)]
async fn alerts_are_taken_in_order_of_time_and_in_batches_of_bounded_size() {
    let folder = TempDir::new().unwrap();
    let expected = leave(folder.path(), 600);
    let intake = MemoryIntake::new(Mode::Accept);
    let draining = Draining::start(folder.path(), &intake, NOW);
    until(|| is_empty(folder.path())).await;
    draining.stop().await;
    assert_eq!(intake.records(), expected);
    let batches = intake.batches();
    let sizes: Vec<usize> = batches.iter().map(|batch| batch.records.len()).collect();
    assert_eq!(sizes, [256, 256, 88]);
    assert!(
        batches
            .iter()
            .all(|batch| batch.source == "spool" && batch.checkpoint.is_none())
    );
    assert!(
        batches[0].place.ends_with("/01795248034000000000-7.alert"),
        "{}",
        batches[0].place
    );
}

#[tokio::test(start_paused = true)]
async fn large_alerts_make_small_batches() {
    let folder = TempDir::new().unwrap();
    for number in 0..10 {
        fs::write(
            folder.path().join(format!("{number}.alert")),
            vec![b'x'; 1024 * 1024],
        )
        .unwrap();
    }
    let intake = MemoryIntake::new(Mode::Accept);
    let draining = Draining::start(folder.path(), &intake, NOW);
    until(|| is_empty(folder.path())).await;
    draining.stop().await;
    let sizes: Vec<usize> = intake
        .batches()
        .iter()
        .map(|batch| batch.records.len())
        .collect();
    assert_eq!(sizes, [4, 4, 2]);
}

#[tokio::test(start_paused = true)]
async fn no_file_is_removed_before_its_alert_is_durable() {
    let folder = TempDir::new().unwrap();
    leave(folder.path(), 3);
    let intake = MemoryIntake::new(Mode::Hold);
    let draining = Draining::start(folder.path(), &intake, NOW);
    until(|| intake.batches().len() == 1).await;
    assert_eq!(names(folder.path()).len(), 3);
    intake.release();
    until(|| is_empty(folder.path())).await;
    draining.stop().await;
    assert_eq!(intake.batches().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refused_batch_stays_and_is_tried_again() {
    let folder = TempDir::new().unwrap();
    let expected = leave(folder.path(), 3);
    let intake = MemoryIntake::new(Mode::Reject);
    let draining = Draining::start(folder.path(), &intake, NOW);
    until(|| intake.batches().len() == 2).await;
    assert_eq!(names(folder.path()).len(), 3);
    intake.set(Mode::Accept);
    until(|| is_empty(folder.path())).await;
    draining.stop().await;
    assert_eq!(intake.batches().last().unwrap().records, expected);
}

#[tokio::test(start_paused = true)]
async fn a_stop_before_the_receipt_leaves_the_files_to_the_next_start() {
    let folder = TempDir::new().unwrap();
    let expected = leave(folder.path(), 3);
    for mode in [Mode::Hold, Mode::Drop] {
        let intake = MemoryIntake::new(mode);
        let draining = Draining::start(folder.path(), &intake, NOW);
        until(|| !intake.batches().is_empty()).await;
        draining.stop().await;
        assert_eq!(names(folder.path()).len(), 3);
    }
    let intake = MemoryIntake::new(Mode::Accept);
    let draining = Draining::start(folder.path(), &intake, NOW);
    until(|| is_empty(folder.path())).await;
    draining.stop().await;
    assert_eq!(intake.records(), expected);
}

#[tokio::test(start_paused = true)]
async fn alerts_that_come_later_and_a_folder_that_comes_later_are_found() {
    let parent = TempDir::new().unwrap();
    let folder = parent.path().join("later/spool");
    let intake = MemoryIntake::new(Mode::Accept);
    let draining = Draining::start(&folder, &intake, NOW);
    sleep(Duration::from_secs(5)).await;
    fs::create_dir(folder.parent().unwrap()).unwrap();
    for round in 1..=3 {
        // The hook makes the folder.
        leave(&folder, 2);
        until(|| intake.records().len() == 2 * round && is_empty(&folder)).await;
    }
    draining.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_missing_folder_is_created_so_that_hooks_of_the_same_group_can_write_there() {
    let parent = TempDir::new().unwrap();
    let folder = parent.path().join("spool");
    let intake = MemoryIntake::new(Mode::Accept);
    let draining = Draining::start(&folder, &intake, NOW);
    let mode = || {
        fs::metadata(&folder)
            .map(|metadata| metadata.permissions().mode() & 0o7777)
            .ok()
    };
    until(|| mode() == Some(0o770)).await;
    draining.stop().await;
}

#[tokio::test(start_paused = true)]
async fn half_written_files_are_left_alone_until_their_hook_is_surely_gone() {
    let folder = TempDir::new().unwrap();
    let (old, young) = (
        folder.path().join(".1-1.tmp"),
        folder.path().join(".2-2.tmp"),
    );
    let now = Timestamp::from_second(1_795_248_034).unwrap();
    for (path, age) in [(&old, 3601), (&young, 3599)] {
        let modified = SystemTime::from(now) - Duration::from_secs(age);
        File::create(path).unwrap().set_modified(modified).unwrap();
    }
    let foreign = folder.path().join("README");
    fs::write(&foreign, "not an alert").unwrap();
    let intake = MemoryIntake::new(Mode::Accept);
    let draining = Draining::start(folder.path(), &intake, now);
    until(|| !old.exists()).await;
    sleep(2 * FULL_SCAN).await;
    draining.stop().await;
    assert!(young.exists() && foreign.exists());
    assert_eq!(intake.records(), []);
}

#[tokio::test(start_paused = true)]
async fn what_can_never_be_an_alert_is_reported_once_and_moved_aside() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    File::create(path("1.alert")).unwrap();
    File::create(path("2.alert"))
        .unwrap()
        .set_len(BODY_LIMIT as u64 + 1)
        .unwrap();
    fs::create_dir(path("3.alert")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", path("4.alert")).unwrap();
    assert!(
        Command::new("mkfifo")
            .arg(path("5.alert"))
            .status()
            .unwrap()
            .success()
    );
    drop(std::os::unix::net::UnixListener::bind(path("6.alert")).unwrap());
    fs::write(path("7.alert"), "whole").unwrap();
    // A name that is taken there already.
    fs::create_dir(path("unreadable")).unwrap();
    fs::write(path("unreadable/1.alert"), "earlier").unwrap();

    let intake = MemoryIntake::new(Mode::Accept);
    let draining = Draining::start(folder.path(), &intake, NOW);
    until(|| names(folder.path()) == ["unreadable"]).await;
    sleep(2 * FULL_SCAN).await;
    draining.stop().await;

    let records = intake.records();
    assert_eq!(records.len(), 7);
    assert_eq!(records[6], alert("whole"));
    let reasons = ["the file is empty", "longer than 33554432 bytes"]
        .iter()
        .chain(["not a regular file"; 4].iter());
    for (number, (record, expected)) in records.iter().zip(reasons).enumerate() {
        let Record::Unreadable { head, place, why } = record else {
            panic!("{record:?}")
        };
        assert_eq!(why, expected);
        assert!(
            place.ends_with(&format!("/{}.alert", number + 1)),
            "{place}"
        );
        assert_eq!(head.len(), if number == 1 { 64 * 1024 } else { 0 });
    }
    let aside = [
        "1.alert",
        "1.alert.1",
        "2.alert",
        "3.alert",
        "4.alert",
        "5.alert",
        "6.alert",
    ];
    assert_eq!(names(&path("unreadable")), aside);
    assert_eq!(fs::read(path("unreadable/1.alert")).unwrap(), b"earlier");
}

#[tokio::test(start_paused = true)]
async fn an_alert_that_may_not_be_read_waits_for_its_permission_and_blocks_nobody() {
    let Some(disk) = Disk::mount() else { return };
    let locked = disk.folder().join("1.alert");
    // Not even root may open a device where the mount forbids devices.
    assert!(
        Command::new("mknod")
            .arg(&locked)
            .args(["c", "1", "3"])
            .status()
            .unwrap()
            .success()
    );
    fs::write(disk.folder().join("2.alert"), "second").unwrap();
    let intake = MemoryIntake::new(Mode::Accept);
    let draining = Draining::start(&disk.folder(), &intake, NOW);
    until(|| names(&disk.folder()) == ["1.alert"]).await;
    sleep(2 * FULL_SCAN).await;
    assert_eq!(intake.records(), [alert("second")]);
    fs::remove_file(&locked).unwrap();
    fs::write(&locked, "first").unwrap();
    until(|| is_empty(&disk.folder())).await;
    draining.stop().await;
    assert_eq!(intake.records(), [alert("second"), alert("first")]);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_can_not_be_removed_is_not_submitted_twice() {
    let Some(disk) = Disk::mount() else { return };
    fs::write(disk.folder().join("1.alert"), "first").unwrap();
    File::create(disk.folder().join("2.alert")).unwrap();
    disk.remount("ro");
    let intake = MemoryIntake::new(Mode::Accept);
    let draining = Draining::start(&disk.folder(), &intake, NOW);
    until(|| intake.records().len() == 2).await;
    sleep(2 * FULL_SCAN).await;
    assert_eq!(names(&disk.folder()), ["1.alert", "2.alert"]);
    disk.remount("rw");
    until(|| names(&disk.folder()) == ["unreadable"]).await;
    draining.stop().await;
    assert_eq!(names(&disk.folder().join("unreadable")), ["2.alert"]);
    assert_eq!(intake.records().len(), 2);
}

/// A file system of its own; needs root, which the CI has.
struct Disk(TempDir);

impl Disk {
    fn mount() -> Option<Disk> {
        let folder = TempDir::new().unwrap();
        let arguments = ["-t", "tmpfs", "-o", "size=1m,nodev", "tmpfs"];
        let mounted = Command::new("mount")
            .args(arguments)
            .arg(folder.path())
            .stderr(Stdio::null())
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Disk(folder));
        }
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "the CI must be able to mount a tmpfs"
        );
        None
    }

    fn remount(&self, mode: &str) {
        let option = format!("remount,{mode}");
        assert!(
            Command::new("mount")
                .args(["-o", &option])
                .arg(self.0.path())
                .status()
                .unwrap()
                .success()
        );
    }

    fn folder(&self) -> PathBuf {
        self.0.path().to_owned()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount")
            .arg("--lazy")
            .arg(self.0.path())
            .status();
    }
}
