//! The pretended Wazuh queue behaves like the measured one.
#![expect(clippy::unwrap_used, reason = "a failed step ends the test")]

use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;

use alertbridge_sandbox::{WAZUH_QUEUE_MAXIMUM, WazuhQueueEvent, WazuhQueueSandbox};

struct Queue {
    sandbox: WazuhQueueSandbox,
    _folder: tempfile::TempDir,
}

fn queue() -> Queue {
    let folder = tempfile::tempdir().unwrap();
    Queue {
        sandbox: WazuhQueueSandbox::start(folder.path().join("queue")).unwrap(),
        _folder: folder,
    }
}

fn sender() -> UnixDatagram {
    let socket = UnixDatagram::unbound().unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

#[tokio::test]
async fn datagrams_are_recorded_as_they_came_and_in_order() {
    let queue = queue();
    let socket = sender();
    for message in [
        &b"1:opencti:{\"a\": 1}"[..],
        b"1:[003] (web) any->opencti:{}",
        b"\xff\0x",
    ] {
        socket.send_to(message, queue.sandbox.path()).unwrap();
    }
    queue.sandbox.received(3).await;
    assert_eq!(queue.sandbox.datagrams()[2], b"\xff\0x");
    let events = queue.sandbox.events();
    assert_eq!(events.len(), 2);
    assert_eq!(events[0].message, "{\"a\": 1}");
    assert_eq!(events[1].location, "[003] (web) any->opencti");
}

#[test]
fn a_colon_that_is_not_escaped_moves_the_rest_into_the_message() {
    let event = WazuhQueueEvent::read(b"1:[3] (a) fe80::1->opencti:{}").unwrap();
    assert_eq!(event.location, "[3] (a) fe80");
    assert_eq!(event.message, ":1->opencti:{}");
    let event = WazuhQueueEvent::read(b"1:[3] (a||b|:c) any->opencti:{\"x\": \"||\"}\n\0").unwrap();
    assert_eq!(event.location, "[3] (a|b:c) any->opencti");
    assert_eq!(event.message, "{\"x\": \"||\"}");
    for broken in [
        &b""[..],
        b"1",
        b"1:",
        b"1:opencti",
        b"9:opencti:{}",
        b"1:a|",
        b"opencti:{}",
    ] {
        assert_eq!(WazuhQueueEvent::read(broken), None);
    }
}

#[tokio::test]
async fn a_datagram_over_the_maximum_loses_its_end_and_nobody_says_so() {
    let queue = queue();
    let message = vec![b'x'; WAZUH_QUEUE_MAXIMUM + 10];
    assert_eq!(
        sender().send_to(&message, queue.sandbox.path()).unwrap(),
        message.len()
    );
    queue.sandbox.received(1).await;
    assert_eq!(queue.sandbox.datagrams()[0].len(), WAZUH_QUEUE_MAXIMUM);
}

#[tokio::test]
async fn a_stuck_manager_fills_its_queue_and_later_reads_what_piled_up() {
    let mut queue = queue();
    queue.sandbox.stick().await;
    let socket = sender();
    let mut accepted = 0;
    let refusal = loop {
        match socket.send_to(b"1:opencti:{}", queue.sandbox.path()) {
            Ok(_) => accepted += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refusal.kind(), ErrorKind::WouldBlock);
    assert!(accepted > 0);
    assert_eq!(queue.sandbox.datagrams().len(), 0);
    queue.sandbox.unstick();
    queue.sandbox.received(accepted).await;
    assert_eq!(queue.sandbox.datagrams().len(), accepted);
}

#[tokio::test]
async fn a_manager_that_is_down_refuses_and_a_missing_file_is_missing() {
    let mut queue = queue();
    let connected = sender();
    connected.connect(queue.sandbox.path()).unwrap();
    queue.sandbox.stop().await;
    let kind = |queue: &Queue| {
        sender()
            .send_to(b"x", queue.sandbox.path())
            .unwrap_err()
            .kind()
    };
    assert_eq!(kind(&queue), ErrorKind::ConnectionRefused);
    assert!(queue.sandbox.path().exists());
    assert_eq!(
        connected.send(b"x").unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
    queue.sandbox.remove().await.unwrap();
    assert_eq!(kind(&queue), ErrorKind::NotFound);
    queue.sandbox.restart().unwrap();
    sender().send_to(b"x", queue.sandbox.path()).unwrap();
    queue.sandbox.received(1).await;
    connected.send(b"x").unwrap_err();
}

#[tokio::test]
async fn a_restart_puts_another_inode_at_the_path_which_only_owner_and_group_may_use() {
    let mut queue = queue();
    let path = queue.sandbox.path().to_owned();
    let before = std::fs::metadata(&path).unwrap();
    assert_eq!(before.permissions().mode() & 0o777, 0o660);
    let _kept = std::fs::hard_link(&path, path.with_extension("old"));
    queue.sandbox.restart().unwrap();
    assert_ne!(std::fs::metadata(&path).unwrap().ino(), before.ino());
    queue.sandbox.set_mode(0o600).unwrap();
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
}
