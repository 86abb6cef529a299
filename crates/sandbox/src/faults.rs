//! Faults on demand: by script (a queue for the next matching requests) or by rate (a seeded coin).
//!
//! Invariant: at most one fault hits a request; the script goes before the rates, and rates are tried in
//! the order they were set. Unless said otherwise a fault hits `POST /alerts/add` only.
//!
//! People are faults, too: what they change between a client's reading and writing is put here.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};

const ADD: &str = "/alerts/add";

/// One way a delivery can go wrong. "Stored" means the alert is there although the client did not hear so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// 400 with the body of a lost database connection.
    DbLost400 {
        /// Whether the commit went through before.
        stored: bool,
    },
    /// Never answers and does nothing.
    HangBefore,
    /// HTML 500 instead of doing anything.
    Html500,
    /// The 502 page of nginx instead of doing anything.
    Html502,
    /// 400 `tags_tag_title_key`, as if another client had just created the tag.
    NewTagRace,
    /// 400 "User not entitled to create alerts for the client".
    NotEntitled,
    /// HTML 500, as when the database pool is exhausted.
    PoolExhausted,
    /// 400 "Invalid IOC type ID" when the alert holds an IOC of this type; other alerts pass.
    RefuseIocType {
        /// The type that is refused.
        ioc_type_id: i64,
    },
    /// Connection reset before anything was done.
    ResetBefore,
    /// The right answer, one byte at a time.
    SlowBytes {
        /// Waited before each byte.
        pause: Duration,
    },
    /// Stored, then 400 as when an asynchronous module's broker is down.
    StoreThen400,
    /// Stored, then no answer for ever.
    StoreThenHang,
    /// Stored, then HTML 500.
    StoreThenHtml500,
    /// Stored, then the connection is reset.
    StoreThenReset,
    /// 429, nothing done.
    TooManyRequests {
        /// Seconds in the `Retry-After` header.
        retry_after: u64,
    },
}

/// A change that a person makes in the web page.
#[derive(Debug, Clone)]
pub(crate) struct Edit {
    pub(crate) alert_id: i64,
    pub(crate) user_id: i64,
    /// Columns and their new values.
    pub(crate) columns: Map<String, Value>,
    moment: Moment,
}

impl Edit {
    pub(crate) fn new(alert_id: i64, user_id: i64, columns: &Value, moment: Moment) -> Edit {
        let columns = columns.as_object().cloned().unwrap_or_default();
        Edit {
            alert_id,
            user_id,
            columns,
            moment,
        }
    }
}

/// When a person's change happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Read,
    Update,
}

/// Handle to a sandbox's faults; every method may be called while requests are running.
#[derive(Debug)]
pub struct Faults {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    script: VecDeque<(String, Fault)>,
    rates: Vec<(Fault, f64)>,
    unauthorized: bool,
    database_down: bool,
    edits: VecDeque<Edit>,
    random: fastrand::Rng,
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Faults {
        Faults {
            inner: Mutex::new(Inner {
                script: VecDeque::new(),
                rates: Vec::new(),
                unauthorized: false,
                database_down: false,
                edits: VecDeque::new(),
                random: fastrand::Rng::with_seed(seed),
            }),
        }
    }

    /// Puts a fault in the queue for the next `/alerts/add` requests, one request each.
    pub fn next(&self, fault: Fault) {
        self.next_on(ADD, fault);
    }

    /// Puts a fault in the queue for the next request whose path starts with `path_prefix`.
    pub fn next_on(&self, path_prefix: &str, fault: Fault) {
        self.lock()
            .script
            .push_back((path_prefix.to_owned(), fault));
    }

    /// Right after the next answer that shows this alert, the user changes these columns of it
    /// (`{"alert_note": "…", "alert_owner_id": 7}`), as in the web page. Nothing else is changed.
    pub fn edit_after_read(&self, alert_id: i64, user_id: i64, columns: &Value) {
        self.queue_edit(alert_id, user_id, columns, Moment::Read);
    }

    /// As above, right after the next update of this alert.
    pub fn edit_after_update(&self, alert_id: i64, user_id: i64, columns: &Value) {
        self.queue_edit(alert_id, user_id, columns, Moment::Update);
    }

    fn queue_edit(&self, alert_id: i64, user_id: i64, columns: &Value, moment: Moment) {
        let edit = Edit::new(alert_id, user_id, columns, moment);
        self.lock().edits.push_back(edit);
    }

    /// The change that is due now, if any; it is used up.
    pub(crate) fn take_edit(&self, alert_id: i64, moment: Moment) -> Option<Edit> {
        let mut inner = self.lock();
        let is_due = |edit: &Edit| edit.alert_id == alert_id && edit.moment == moment;
        let at = inner.edits.iter().position(is_due)?;
        inner.edits.remove(at)
    }

    /// Lets the fault hit each `/alerts/add` with this probability (0 to 1); 0 ends it.
    pub fn rate(&self, fault: Fault, probability: f64) {
        let mut inner = self.lock();
        inner.rates.retain(|(known, _)| *known != fault);
        if probability > 0.0 {
            inner.rates.push((fault, probability));
        }
    }

    /// From now on every key is refused with 401 (or accepted again).
    pub fn unauthorized(&self, on: bool) {
        self.lock().unauthorized = on;
    }

    /// From now on every route answers HTML 500 as with the database down (or works again).
    pub fn database_down(&self, on: bool) {
        self.lock().database_down = on;
    }

    /// Ends every fault, scripted, by rate or lasting.
    pub fn clear(&self) {
        let mut inner = self.lock();
        inner.script.clear();
        inner.rates.clear();
        inner.unauthorized = false;
        inner.database_down = false;
        inner.edits.clear();
    }

    /// How many scripted faults and changes by people have not happened yet.
    pub fn waiting(&self) -> usize {
        let inner = self.lock();
        inner.script.len() + inner.edits.len()
    }

    pub(crate) fn is_unauthorized(&self) -> bool {
        self.lock().unauthorized
    }

    pub(crate) fn is_database_down(&self) -> bool {
        self.lock().database_down
    }

    /// The fault that hits this request, if any; a scripted one is used up.
    pub(crate) fn pick(&self, path: &str) -> Option<Fault> {
        let mut inner = self.lock();
        if let Some(at) = inner
            .script
            .iter()
            .position(|(prefix, _)| path.starts_with(prefix.as_str()))
        {
            return inner.script.remove(at).map(|(_, fault)| fault);
        }
        if path != ADD {
            return None;
        }
        let Inner { rates, random, .. } = &mut *inner;
        for (fault, probability) in rates.iter() {
            if random.f64() < *probability {
                return Some(*fault);
            }
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
