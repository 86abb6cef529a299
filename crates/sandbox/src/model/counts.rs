//! What goes on at the server, in numbers a test can wait for.
//!
//! Invariant: a question is running from the moment it has its place until its last byte, or until the client is gone.

use tokio::sync::watch;

/// Numbers of one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ModelCounts {
    /// Questions that have come.
    pub asked: u64,
    /// Questions that wait for a place.
    pub waiting: u64,
    /// Questions that are worked on.
    pub running: u64,
    /// The most that were worked on at once.
    pub most_running: u64,
    /// The most that waited or were worked on at once.
    pub most_at_once: u64,
    /// Questions that a fault holds until they are released.
    pub held: u64,
    /// Questions whose last byte was handed over.
    pub answered: u64,
    /// Questions whose client went away before.
    pub cancelled: u64,
    /// How often a model was loaded.
    pub loads: u64,
}

/// One question among the counts; what becomes of it is counted when it is dropped.
#[derive(Debug)]
pub(crate) struct Counted {
    counts: watch::Sender<ModelCounts>,
    place: Place,
    done: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Waiting,
    Running,
}

impl Counted {
    /// A question has come.
    pub(crate) fn waits(counts: &watch::Sender<ModelCounts>) -> Counted {
        counts.send_modify(|counts| {
            counts.asked += 1;
            counts.waiting += 1;
            counts.most_at_once = counts.most_at_once.max(counts.waiting + counts.running);
        });
        Counted {
            counts: counts.clone(),
            place: Place::Waiting,
            done: false,
        }
    }

    /// It has its place.
    pub(crate) fn runs(&mut self) {
        self.place = Place::Running;
        self.counts.send_modify(|counts| {
            counts.waiting -= 1;
            counts.running += 1;
            counts.most_running = counts.most_running.max(counts.running);
        });
    }

    /// Whatever follows is not the client's doing.
    pub(crate) fn done(&mut self) {
        self.done = true;
    }

    /// Waits until a release, counted as held meanwhile, also when the client gives up.
    pub(crate) async fn hold(&self, releases: &watch::Sender<u64>) {
        let mut released = releases.subscribe();
        let before = *released.borrow_and_update();
        let _held = Held::new(&self.counts);
        // An error means that the sandbox is gone, and so are its waiters.
        let _released = released.wait_for(|count| *count != before).await;
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let (place, done) = (self.place, self.done);
        self.counts.send_modify(|counts| {
            match place {
                Place::Waiting => counts.waiting -= 1,
                Place::Running => counts.running -= 1,
            }
            if done {
                counts.answered += 1;
            } else {
                counts.cancelled += 1;
            }
        });
    }
}

struct Held<'a>(&'a watch::Sender<ModelCounts>);

impl<'a> Held<'a> {
    fn new(counts: &'a watch::Sender<ModelCounts>) -> Held<'a> {
        counts.send_modify(|counts| counts.held += 1);
        Held(counts)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|counts| counts.held -= 1);
    }
}
