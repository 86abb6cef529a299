//! The rows of groups: which holds a key, opening and closing them, and reading them for people.
//!
//! A group in which nothing was ever folded is removed when it closes: of the many alerts that are never repeated, nothing stays.

use rusqlite::{Connection, OptionalExtension, params};

use super::{batch::Batch, counters::Payer, error::SqlError, succession, time::timestamp};
use crate::{
    Continues, FoldKey, Group, GroupKind, MOST_MEMBERS,
    decide::{Known, Run, SKEW, State},
    distinct::Fields,
};

/// `alert.outcome`.
pub(super) const ROUTED: i64 = 0;
/// `alert.outcome`.
pub(super) const SILENCED: i64 = 1;
/// `alert.outcome`.
pub(super) const FOLDED: i64 = 2;

/// A group's row, as far as its changes need it.
pub(super) struct GroupRow {
    pub(super) id: i64,
    pub(super) kind: GroupKind,
    pub(super) parent: i64,
    pub(super) folded: i64,
    pub(super) ended_by: Option<i64>,
}

/// A group to be opened.
pub(super) struct NewGroup<'a> {
    pub(super) id: i64,
    pub(super) kind: GroupKind,
    pub(super) level: u32,
    pub(super) now: i64,
    pub(super) folded: i64,
    pub(super) key: &'a FoldKey,
    pub(super) until: i64,
    pub(super) fields: Option<Vec<u8>>,
    pub(super) continues: Option<(i64, Continues)>,
}

/// The ledger as the laws ask it.
pub(super) struct Look<'a, 'b>(pub(super) &'a mut Batch<'b>);

impl State for Look<'_, '_> {
    type Error = SqlError;

    fn group(&mut self, kind: GroupKind, key: &FoldKey) -> Result<Option<Known>, SqlError> {
        Ok(self
            .0
            .connection
            .prepare_cached(
                "SELECT id, level, opened_at, last_at, ended IS NOT NULL
                 FROM fold INDEXED BY fold_key WHERE key = ?1 AND kind = ?2",
            )?
            .query_row(params![key, number(kind)], |row| {
                Ok(Known {
                    id: row.get(0)?,
                    level: row.get(1)?,
                    opened_at: row.get(2)?,
                    last_at: row.get(3)?,
                    ended: row.get(4)?,
                })
            })
            .optional()?)
    }

    fn burst(&mut self, key: &FoldKey) -> Result<Option<Run>, SqlError> {
        self.0.charged(Payer::Burst, key)
    }

    fn budget(&mut self, key: &FoldKey) -> Result<Option<Run>, SqlError> {
        self.0.charged(Payer::Budget, key)
    }
}

/// `fold.kind`.
pub(super) fn number(kind: GroupKind) -> i64 {
    match kind {
        GroupKind::Repeats => 0,
        GroupKind::Burst => 1,
        GroupKind::Budget => 2,
    }
}

pub(super) fn kind(number: i64) -> GroupKind {
    match number {
        0 => GroupKind::Repeats,
        1 => GroupKind::Burst,
        _ => GroupKind::Budget,
    }
}

/// The group an alert is the parent of.
pub(super) fn of_parent(connection: &Connection, alert: i64) -> Result<Option<GroupRow>, SqlError> {
    Ok(connection
        .prepare_cached(
            "SELECT id, kind, parent, folded, ended_by FROM fold
             WHERE id = coalesce((SELECT fold FROM alert WHERE alert.id = ?1), ?1) AND parent = ?1",
        )?
        .query_row([alert], read_row)
        .optional()?)
}

/// A group by its number.
pub(super) fn by_id(connection: &Connection, id: i64) -> Result<Option<GroupRow>, SqlError> {
    Ok(connection
        .prepare_cached("SELECT id, kind, parent, folded, ended_by FROM fold WHERE id = ?1")?
        .query_row([id], read_row)
        .optional()?)
}

fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<GroupRow> {
    Ok(GroupRow {
        id: row.get(0)?,
        kind: kind(row.get(1)?),
        parent: row.get(2)?,
        folded: row.get(3)?,
        ended_by: row.get(4)?,
    })
}

/// Opens a group that is counted already; its first parent has its number. Where there are too many now, the one that would end first leaves. Whether one
/// did.
pub(super) fn open(batch: &mut Batch<'_>, group: &NewGroup<'_>) -> Result<bool, SqlError> {
    batch
        .connection
        .prepare_cached(
            "INSERT INTO fold (id, kind, parent, level, opened_at, last_at, folded, key, until, fields)
             VALUES (?1, ?2, ?1, ?3, ?4, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            group.id,
            number(group.kind),
            group.level,
            group.now,
            group.folded,
            group.key,
            group.until,
            group.fields,
        ])?;
    if let Some(continues) = &group.continues {
        succession::go_on(batch, group.id, continues)?;
    }
    let most = i64::try_from(batch.most_groups()).unwrap_or(i64::MAX);
    let open = batch.open()?;
    open.latest = open.latest.max(group.now);
    let count = open.count;
    if count <= most {
        return Ok(false);
    }
    let first: Option<i64> = batch
        .connection
        .prepare_cached(
            "SELECT id FROM fold INDEXED BY fold_until WHERE key IS NOT NULL
             ORDER BY until, id LIMIT 1",
        )?
        .query_row([], |row| row.get(0))
        .optional()?;
    if let Some(first) = first {
        close(batch, first, Some("crowded out"))?;
        batch
            .connection
            .prepare_cached("UPDATE quiet SET crowded_out = crowded_out + 1")?
            .execute([])?;
    }
    Ok(first.is_some())
}

/// Nothing is folded into a group any more. Where nothing was, its row goes.
pub(super) fn close(batch: &mut Batch<'_>, id: i64, why: Option<&str>) -> Result<(), SqlError> {
    let open = batch
        .connection
        .prepare_cached("SELECT key IS NOT NULL FROM fold WHERE id = ?1")?
        .query_row([id], |row| row.get::<_, bool>(0))
        .optional()?;
    let Some(open) = open else {
        return Ok(());
    };
    if open {
        batch.open()?.count -= 1;
    }
    let removed = batch
        .connection
        .prepare_cached(
            "DELETE FROM fold WHERE id = ?1 AND folded = 0 AND kind = 0
                AND NOT EXISTS (SELECT 1 FROM continues WHERE continues.fold = ?1)",
        )?
        .execute([id])?;
    if removed == 0 {
        batch
            .connection
            .prepare_cached(
                "UPDATE fold SET key = NULL, until = NULL, ended = coalesce(ended, ?2) WHERE id = ?1",
            )?
            .execute(params![id, why])?;
    }
    Ok(())
}

/// Closes the first groups that ended by age; how many.
pub(super) fn sweep(batch: &mut Batch<'_>, now: i64, most: usize) -> Result<usize, SqlError> {
    let ended: Vec<i64> = {
        let mut select = batch.connection.prepare_cached(
            "SELECT id FROM fold INDEXED BY fold_until WHERE key IS NOT NULL AND until < ?1
             ORDER BY until, id LIMIT ?2",
        )?;
        let rows = select.query_map(params![now, most as i64], |row| row.get(0))?;
        rows.collect::<Result<_, _>>()?
    };
    for &id in &ended {
        close(batch, id, None)?;
    }
    Ok(ended.len())
}

/// After the clock was set back, no group lives longer than if its last alert had come now. Reads all open groups, but only then.
pub(super) fn set_back(batch: &mut Batch<'_>, now: i64) -> Result<(), SqlError> {
    if batch.open()?.latest <= now + SKEW {
        return Ok(());
    }
    let latest = |batch: &Batch<'_>| -> Result<i64, SqlError> {
        Ok(batch
            .connection
            .prepare_cached(
                "SELECT coalesce(max(last_at), 0) FROM fold INDEXED BY fold_until
                 WHERE key IS NOT NULL",
            )?
            .query_row([], |row| row.get(0))?)
    };
    if latest(batch)? > now + SKEW {
        tracing::warn!("the clock was set back; groups of repeats end by the new time");
        batch
            .connection
            .prepare_cached(
                "UPDATE fold SET until = until - (last_at - ?1), last_at = ?1,
                    opened_at = min(opened_at, ?1)
                 WHERE key IS NOT NULL AND last_at > ?1",
            )?
            .execute([now])?;
    }
    batch.open()?.latest = latest(batch)?;
    Ok(())
}

/// The alert a group goes on from.
pub(super) fn continues(
    connection: &Connection,
    id: i64,
) -> Result<Option<(i64, Continues)>, SqlError> {
    Ok(connection
        .prepare_cached("SELECT sink, proof_id, proof_link, why FROM continues WHERE fold = ?1")?
        .query_row([id], |row| {
            let continues = Continues {
                id: row.get(1)?,
                link: row.get(2)?,
                why: row.get(3)?,
            };
            Ok((row.get(0)?, continues))
        })
        .optional()?)
}

/// A group for people, with how much of it was told.
pub(super) fn group(
    connection: &Connection,
    id: i64,
    told: i64,
) -> Result<Option<Group>, SqlError> {
    let found = connection
        .prepare_cached(
            "SELECT kind, coalesce(alert.reference, ''), fold.level, opened_at, last_at, folded, fields,
                ended
             FROM fold LEFT JOIN alert ON alert.id = fold.parent WHERE fold.id = ?1",
        )?
        .query_row([id], |row| {
            let fields: Option<Vec<u8>> = row.get(6)?;
            Ok(Group {
                id,
                kind: kind(row.get(0)?),
                parent: row.get(1)?,
                level: row.get(2)?,
                opened_at: timestamp(row.get(3)?),
                last_at: timestamp(row.get(4)?),
                folded: u64::try_from(row.get::<_, i64>(5)?).unwrap_or(0),
                fields: Fields::decode(&fields.unwrap_or_default()).summaries(),
                told: u64::try_from(told).unwrap_or(0),
                ended: row.get(7)?,
                members: Vec::new(),
            })
        })
        .optional()?;
    let Some(mut group) = found else {
        return Ok(None);
    };
    let mut select = connection.prepare_cached(
        "SELECT reference FROM alert INDEXED BY alert_fold
         WHERE outcome = 2 AND fold = ?1 ORDER BY id LIMIT ?2",
    )?;
    let rows = select.query_map(params![id, MOST_MEMBERS as i64], |row| row.get(0))?;
    group.members = rows.collect::<Result<_, _>>()?;
    Ok(Some(group))
}
