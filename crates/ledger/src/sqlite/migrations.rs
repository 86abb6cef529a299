//! The statements that take a database from each version to the next. What the tables mean is told in `schema`.

/// Each entry takes a database from the version of its place to the next.
pub(super) const MIGRATIONS: &[&str] = &[VERSION_1, VERSION_2, VERSION_3, VERSION_4];

pub(super) const VERSION_1: &str = "
CREATE TABLE sequence (next_alert INTEGER NOT NULL, next_delivery INTEGER NOT NULL) STRICT;
INSERT INTO sequence VALUES (1, 1);
CREATE TABLE source (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, checkpoint TEXT) STRICT;
CREATE TABLE sink (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE lane (
    id INTEGER PRIMARY KEY,
    sink INTEGER NOT NULL REFERENCES sink,
    name TEXT NOT NULL,
    turn INTEGER NOT NULL DEFAULT 0,
    UNIQUE (sink, name)
) STRICT;
CREATE TABLE agent (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;

CREATE TABLE alert (
    id INTEGER PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE,
    fingerprint BLOB NOT NULL,
    source INTEGER NOT NULL REFERENCES source,
    received_at INTEGER NOT NULL,
    hour INTEGER NOT NULL,
    level INTEGER NOT NULL,
    rule_id TEXT NOT NULL,
    first_delivery INTEGER NOT NULL,
    deliveries INTEGER NOT NULL,
    open INTEGER NOT NULL,
    kept INTEGER NOT NULL DEFAULT 1,
    finished_at INTEGER
) STRICT;
CREATE INDEX alert_books ON alert (source, hour);
CREATE INDEX alert_finished ON alert (kept, finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE payload (
    alert INTEGER PRIMARY KEY REFERENCES alert,
    codec INTEGER NOT NULL,
    size INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;

CREATE TABLE delivery (
    id INTEGER PRIMARY KEY,
    alert INTEGER NOT NULL,
    sink INTEGER NOT NULL,
    lane INTEGER NOT NULL REFERENCES lane,
    agent INTEGER NOT NULL,
    hour INTEGER NOT NULL,
    outcome INTEGER NOT NULL DEFAULT 0,
    state INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    blamed INTEGER NOT NULL DEFAULT 0,
    doubt INTEGER NOT NULL DEFAULT 0,
    fence INTEGER NOT NULL DEFAULT 0,
    due_at INTEGER,
    lease_until INTEGER,
    finished_at INTEGER,
    handled_at INTEGER,
    why TEXT,
    proof_id TEXT,
    proof_link TEXT,
    changes TEXT,
    adopted INTEGER
) STRICT;
CREATE INDEX delivery_books ON delivery (sink, outcome, hour);
CREATE INDEX delivery_ready ON delivery (lane) WHERE state = 0;
CREATE INDEX delivery_ready_agent ON delivery (lane, agent) WHERE state = 0;
CREATE INDEX delivery_waiting ON delivery (lane, due_at) WHERE state = 1;
CREATE INDEX delivery_claimed ON delivery (lane, agent) WHERE state = 2;
CREATE INDEX delivery_dead ON delivery (id) WHERE state = 4 AND handled_at IS NULL;

CREATE TABLE malformed (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source INTEGER NOT NULL REFERENCES source,
    received_at INTEGER NOT NULL,
    hour INTEGER NOT NULL,
    place TEXT NOT NULL,
    why TEXT NOT NULL,
    body BLOB NOT NULL,
    handled_at INTEGER
) STRICT;
CREATE INDEX malformed_books ON malformed (source, hour);
CREATE INDEX malformed_unhandled ON malformed (id) WHERE handled_at IS NULL;
CREATE INDEX malformed_handled ON malformed (id) WHERE handled_at IS NOT NULL;

CREATE TABLE source_hour (
    hour INTEGER NOT NULL,
    source INTEGER NOT NULL REFERENCES source,
    received INTEGER NOT NULL DEFAULT 0,
    malformed INTEGER NOT NULL DEFAULT 0,
    duplicate INTEGER NOT NULL DEFAULT 0,
    filtered INTEGER NOT NULL DEFAULT 0,
    silenced INTEGER NOT NULL DEFAULT 0,
    folded INTEGER NOT NULL DEFAULT 0,
    routed INTEGER NOT NULL DEFAULT 0,
    collisions INTEGER NOT NULL DEFAULT 0,
    forgotten INTEGER NOT NULL DEFAULT 0,
    malformed_forgotten INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (hour, source)
) STRICT, WITHOUT ROWID;

CREATE TABLE sink_hour (
    hour INTEGER NOT NULL,
    sink INTEGER NOT NULL REFERENCES sink,
    routed INTEGER NOT NULL DEFAULT 0,
    delivered INTEGER NOT NULL DEFAULT 0,
    adopted INTEGER NOT NULL DEFAULT 0,
    dead INTEGER NOT NULL DEFAULT 0,
    pending INTEGER NOT NULL DEFAULT 0,
    delivered_forgotten INTEGER NOT NULL DEFAULT 0,
    dead_forgotten INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (hour, sink)
) STRICT, WITHOUT ROWID;

CREATE TABLE pause (
    sink TEXT NOT NULL,
    whole INTEGER NOT NULL,
    lane TEXT NOT NULL,
    why TEXT NOT NULL,
    since INTEGER NOT NULL,
    probe_at INTEGER NOT NULL,
    PRIMARY KEY (sink, whole, lane)
) STRICT, WITHOUT ROWID;
";

/// Quiet: outcomes, groups, budgets, tellings, and what took how much. A new column costs the rows of before nothing; the one
/// index that is made anew is read for the books alone.
const VERSION_2: &str = "
ALTER TABLE alert ADD COLUMN outcome INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alert ADD COLUMN agent INTEGER;
ALTER TABLE alert ADD COLUMN copies INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alert ADD COLUMN silenced_by INTEGER;
ALTER TABLE alert ADD COLUMN fold INTEGER;
DROP INDEX alert_books;
CREATE INDEX alert_books ON alert (source, hour, outcome);
CREATE INDEX alert_fold ON alert (fold) WHERE outcome = 2;

ALTER TABLE source_hour ADD COLUMN silenced_forgotten INTEGER NOT NULL DEFAULT 0;
ALTER TABLE source_hour ADD COLUMN folded_forgotten INTEGER NOT NULL DEFAULT 0;

CREATE TABLE fold (
    id INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    parent INTEGER NOT NULL,
    level INTEGER NOT NULL,
    opened_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    folded INTEGER NOT NULL,
    key BLOB,
    until INTEGER,
    fields BLOB,
    ended TEXT,
    ended_by INTEGER
) STRICT;
CREATE INDEX fold_key ON fold (key, kind) WHERE key IS NOT NULL;
CREATE INDEX fold_until ON fold (until, last_at) WHERE key IS NOT NULL;

CREATE TABLE continues (
    fold INTEGER PRIMARY KEY REFERENCES fold,
    sink INTEGER NOT NULL,
    proof_id TEXT NOT NULL,
    proof_link TEXT,
    why TEXT NOT NULL
) STRICT;

CREATE TABLE telling (
    delivery INTEGER PRIMARY KEY,
    fold INTEGER NOT NULL,
    sink INTEGER NOT NULL,
    state INTEGER NOT NULL,
    told INTEGER NOT NULL DEFAULT 0,
    at INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0,
    fence INTEGER NOT NULL DEFAULT 0,
    lease_until INTEGER
) STRICT;
CREATE INDEX telling_due ON telling (sink, state, at);
CREATE INDEX telling_claimed ON telling (delivery) WHERE state = 2;

CREATE TABLE burst (
    key BLOB PRIMARY KEY,
    since INTEGER NOT NULL,
    routed INTEGER NOT NULL,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE budget (
    key BLOB PRIMARY KEY,
    since INTEGER NOT NULL,
    routed INTEGER NOT NULL,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE rule_hit (
    id INTEGER PRIMARY KEY,
    rule TEXT NOT NULL,
    name TEXT NOT NULL,
    hits INTEGER NOT NULL DEFAULT 0,
    last_hit INTEGER NOT NULL DEFAULT 0,
    UNIQUE (rule, name)
) STRICT;
CREATE TABLE rule_hour (
    hour INTEGER NOT NULL,
    rule INTEGER NOT NULL REFERENCES rule_hit,
    hits INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (hour, rule)
) STRICT, WITHOUT ROWID;

CREATE TABLE quiet (crowded_out INTEGER NOT NULL) STRICT;
INSERT INTO quiet VALUES (0);
";

/// Silences, the history of deliveries, and finding an alert by the id a sink gave it.
const VERSION_3: &str = "
CREATE TABLE silence (
    id TEXT PRIMARY KEY,
    matchers TEXT NOT NULL,
    starts_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    comment TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE silence_version (number INTEGER NOT NULL) STRICT;
INSERT INTO silence_version VALUES (0);

CREATE TABLE attempt (
    delivery INTEGER NOT NULL,
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    what TEXT NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (delivery, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX delivery_proof ON delivery (proof_id) WHERE proof_id IS NOT NULL;
";

/// Triage jobs and tallies, and how often each rule is seen. Jobs are written seldom (a model needs seconds for one), so each
/// question about them may have an index of its own.
const VERSION_4: &str = "
CREATE TABLE tally (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    running INTEGER NOT NULL,
    count INTEGER NOT NULL DEFAULT 1,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    state INTEGER NOT NULL DEFAULT 0,
    begun INTEGER NOT NULL DEFAULT 0,
    fence INTEGER NOT NULL DEFAULT 0,
    lease_until INTEGER,
    ended_at INTEGER,
    why TEXT,
    body BLOB NOT NULL,
    UNIQUE (kind, key, running)
) STRICT;
CREATE INDEX tally_waiting ON tally (kind, state, due_at) WHERE state < 2;
CREATE INDEX tally_failed ON tally (kind, due_at) WHERE state < 2 AND why IS NOT NULL;
CREATE INDEX tally_claimed ON tally (lease_until) WHERE state = 1;
CREATE INDEX tally_ended ON tally (ended_at) WHERE state = 2;

CREATE TABLE job (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sink TEXT NOT NULL,
    alert_id TEXT NOT NULL,
    reference TEXT NOT NULL,
    lane TEXT NOT NULL,
    rule_id TEXT NOT NULL,
    level INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    state INTEGER NOT NULL DEFAULT 0,
    worker TEXT,
    claimed_at INTEGER,
    lease_until INTEGER,
    fence INTEGER NOT NULL DEFAULT 0,
    begun INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    asked_again INTEGER NOT NULL DEFAULT 0,
    due_at INTEGER,
    why TEXT,
    class TEXT,
    verdict TEXT,
    model TEXT,
    ended_at INTEGER,
    input_hash TEXT,
    answered INTEGER NOT NULL DEFAULT 0,
    opinion TEXT,
    opinion_before TEXT,
    resolution TEXT,
    feedback_at INTEGER,
    UNIQUE (sink, alert_id)
) STRICT;
CREATE INDEX job_created ON job (created_at);
CREATE INDEX job_state ON job (state, created_at);
CREATE INDEX job_ready ON job (level, created_at) WHERE state = 0;
CREATE INDEX job_waiting ON job (due_at, level) WHERE state = 1;
CREATE INDEX job_claimed ON job (lease_until) WHERE state = 2;
CREATE INDEX job_ended ON job (state, ended_at) WHERE state > 2;
CREATE INDEX job_rule ON job (rule_id, ended_at) WHERE state = 3;
CREATE INDEX job_hash ON job (input_hash, ended_at) WHERE state = 3 AND answered = 1;
CREATE INDEX job_answered ON job (ended_at) WHERE state > 2 AND answered = 1;
CREATE TABLE job_answer (
    job INTEGER PRIMARY KEY REFERENCES job,
    codec INTEGER NOT NULL,
    size INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;

CREATE TABLE seen (
    hour INTEGER NOT NULL,
    rule_id TEXT NOT NULL,
    agent INTEGER NOT NULL,
    alerts INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    PRIMARY KEY (hour, rule_id, agent)
) STRICT, WITHOUT ROWID;
INSERT INTO seen (hour, rule_id, agent, alerts, first_at)
    SELECT hour, rule_id, coalesce(agent, (SELECT delivery.agent FROM delivery
            WHERE delivery.id = first_delivery AND delivery.alert = alert.id), 0) AS by,
        count(*), min(received_at)
    FROM alert WHERE source NOT IN (SELECT id FROM source WHERE name IN ('digest', 'intel'))
    GROUP BY hour, rule_id, by;
";
