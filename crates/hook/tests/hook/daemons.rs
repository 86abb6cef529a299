//! Whatever the daemon does, the alert is durable and integratord goes on.

use std::{
    io::{Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    os::unix::process::CommandExt,
    path::Path,
    sync::mpsc,
    time::Duration,
};

use alertbridge_hook::{
    frame::{Answer, HEADER_LENGTH},
    spool,
};
use rustix::{
    io::Errno,
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType},
    process::{Pid, test_kill_process_group},
};

use crate::world::{ALERT, World, answering, assert_kept, daemon, names, read_frame};

#[test]
fn a_stored_alert_is_not_spooled() {
    let world = World::new();
    let bodies = answering(&world.socket, Answer::Stored);
    assert_kept(&world.run());
    assert_eq!(bodies.recv().unwrap(), ALERT);
    assert!(world.spooled().is_empty());
    assert!(world.log().is_empty());
}

#[test]
fn a_refused_alert_is_spooled() {
    let world = World::new();
    let bodies = answering(&world.socket, Answer::Refused);
    assert_kept(&world.run());
    assert_eq!(bodies.recv().unwrap(), ALERT);
    assert_eq!(world.spooled(), [ALERT]);
    assert!(world.log().is_empty());
}

#[test]
fn without_a_socket_the_alert_is_spooled() {
    let world = World::new();
    assert_kept(&world.run());
    assert_eq!(world.spooled(), [ALERT]);
}

#[test]
fn a_socket_file_that_nobody_listens_on_is_no_daemon() {
    let world = World::new();
    drop(UnixListener::bind(&world.socket).unwrap());
    assert_kept(&world.run());
    assert_eq!(world.spooled(), [ALERT]);
}

#[test]
fn a_daemon_that_hangs_after_it_accepted_costs_the_timeout_only() {
    let mut world = World::new();
    world.timeout_ms = String::from("50");
    let (sender, held) = mpsc::channel();
    let _bodies = daemon(&world.socket, move |stream| {
        sender.send(stream).unwrap();
        None
    });
    assert_kept(&world.run());
    assert_eq!(world.spooled(), [ALERT]);
    drop(held);
}

#[test]
fn a_stopped_daemon_with_a_full_backlog_costs_the_timeout_only() {
    let mut world = World::new();
    world.timeout_ms = String::from("50");
    let never_accepts = UnixListener::bind(&world.socket).unwrap();
    // A queue for one connection, which is then taken: the next one would block for ever.
    rustix::net::listen(&never_accepts, 0).unwrap();
    let _first = UnixStream::connect(&world.socket).unwrap();
    assert_eq!(connect_without_blocking(&world.socket), Err(Errno::AGAIN));
    assert_kept(&world.run());
    assert_eq!(world.spooled(), [ALERT]);
}

fn connect_without_blocking(socket: &Path) -> Result<(), Errno> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let stream = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::connect(&stream, &SocketAddrUnix::new(socket)?)
}

#[test]
fn a_slow_daemon_within_the_timeout_is_waited_for() {
    let world = World::new();
    let (received, has_frame) = mpsc::channel();
    let (go, wait) = mpsc::channel();
    let bodies = daemon(&world.socket, move |mut stream| {
        let body = read_frame(&mut stream);
        received.send(()).unwrap();
        wait.recv().unwrap();
        stream.write_all(&[Answer::Stored.to_byte()]).unwrap();
        Some(body)
    });
    let mut hook = world.start();
    has_frame.recv().unwrap();
    assert!(
        hook.try_wait().unwrap().is_none(),
        "the hook must not go before the answer"
    );
    go.send(()).unwrap();
    assert_eq!(bodies.recv().unwrap(), ALERT);
    assert_kept(&hook.wait_with_output().unwrap());
    assert!(world.spooled().is_empty());
}

#[test]
fn a_daemon_slower_than_the_timeout_finds_the_alert_in_the_spool() {
    let mut world = World::new();
    world.timeout_ms = String::from("50");
    let (go, wait) = mpsc::channel::<()>();
    let bodies = daemon(&world.socket, move |mut stream| {
        let body = read_frame(&mut stream);
        wait.recv().unwrap();
        // Too late; the hook is gone.
        let _ = stream.write_all(&[Answer::Stored.to_byte()]);
        Some(body)
    });
    assert_kept(&world.run());
    assert_eq!(world.spooled(), [ALERT]);
    go.send(()).unwrap();
    assert_eq!(bodies.recv().unwrap(), ALERT);
}

#[test]
fn a_daemon_that_closes_at_any_point_before_the_answer_leaves_the_alert_to_the_spool() {
    for bytes_read in [
        0,
        3,
        HEADER_LENGTH,
        HEADER_LENGTH + 1,
        HEADER_LENGTH + ALERT.len(),
    ] {
        let world = World::new();
        let _bodies = daemon(&world.socket, move |mut stream| {
            let mut some = vec![0; bytes_read];
            stream.read_exact(&mut some).unwrap();
            None
        });
        assert_kept(&world.run());
        assert_eq!(world.spooled(), [ALERT], "closed after {bytes_read} bytes");
    }
}

#[test]
fn an_answer_of_another_protocol_is_no_acknowledgement() {
    for byte in [0, b'H', b's', 1, 0xff] {
        let world = World::new();
        let _bodies = daemon(&world.socket, move |mut stream| {
            let body = read_frame(&mut stream);
            stream.write_all(&[byte]).unwrap();
            Some(body)
        });
        assert_kept(&world.run());
        assert_eq!(world.spooled(), [ALERT], "answer {byte}");
    }
}

#[test]
fn two_hooks_at_once_deliver_two_alerts() {
    let world = World::new();
    let bodies = answering(&world.socket, Answer::Stored);
    let hooks = [world.start(), world.start()];
    for hook in hooks {
        assert_kept(&hook.wait_with_output().unwrap());
    }
    assert_eq!(
        [bodies.recv().unwrap(), bodies.recv().unwrap()],
        [ALERT, ALERT]
    );
}

#[test]
fn an_answer_at_the_very_deadline_ends_in_one_way_or_the_other_and_never_in_between() {
    let mut world = World::new();
    // About as long as a run takes, so that both ends of it happen.
    world.timeout_ms = String::from("1");
    let bodies = daemon(&world.socket, |mut stream| {
        let mut frame = vec![0; HEADER_LENGTH + ALERT.len()];
        stream.read_exact(&mut frame).ok()?;
        // The hook may be gone already.
        let _ = stream.write_all(&[Answer::Stored.to_byte()]);
        Some(frame.split_off(HEADER_LENGTH))
    });
    for run in 1..=100 {
        assert_kept(&world.run());
        let names = names(&world.spool);
        assert!(
            names.iter().all(|name| spool::is_alert(name.as_ref())),
            "run {run}: {names:?}"
        );
    }
    let spooled = world.spooled();
    assert!(spooled.iter().all(|body| body == ALERT));
    for _ in spooled.len()..100 {
        assert_eq!(
            bodies.recv_timeout(Duration::from_secs(60)).unwrap(),
            ALERT,
            "neither spooled nor received"
        );
    }
    assert!(world.log().is_empty());
}

#[test]
fn a_hanging_daemon_leaves_no_process_and_no_open_pipe_behind() {
    let mut world = World::new();
    world.timeout_ms = String::from("50");
    let (sender, held) = mpsc::channel();
    let _bodies = daemon(&world.socket, move |stream| {
        sender.send(stream).unwrap();
        None
    });
    let hook = world
        .command()
        .process_group(0)
        .args(world.arguments())
        .spawn()
        .unwrap();
    let group = Pid::from_child(&hook);
    // Reads both pipes to EOF first, as integratord does: a child that kept one open would hold it.
    assert_kept(&hook.wait_with_output().unwrap());
    assert_eq!(
        test_kill_process_group(group),
        Err(Errno::SRCH),
        "nobody is left of the hook's group"
    );
    drop(held);
}
