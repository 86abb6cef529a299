//! Moving waiting deliveries to another lane, after the operator mended what chooses it.

use rusqlite::params;

use super::{batch::Batch, error::SqlError, payload::unpack};

/// Moves what was not begun, or is known not to be at the sink. Reads each alert of the lane that waits, once.
pub(super) fn reroute(
    batch: &mut Batch<'_>,
    sink: &str,
    lane: &str,
    choose: &(dyn Fn(&[u8]) -> String + Send),
) -> Result<u64, SqlError> {
    let sink = batch.sink(sink)?;
    let from = batch.lane(sink, lane)?;
    let mut moves = Vec::new();
    {
        let mut select = batch.connection.prepare_cached(
            "SELECT delivery.id, payload.codec, payload.size, payload.body
             FROM delivery JOIN payload ON payload.alert = delivery.alert
             WHERE delivery.lane = ?1 AND delivery.state IN (0, 1) AND delivery.doubt = 0",
        )?;
        let mut rows = select.query([from])?;
        while let Some(row) = rows.next()? {
            let body = row.get_ref(3)?.as_blob().unwrap_or_default();
            // One whose bytes are damaged is found when it is claimed.
            if let Ok(payload) = unpack(row.get(1)?, row.get(2)?, body) {
                let to = choose(&payload);
                if to != lane {
                    moves.push((row.get::<_, i64>(0)?, to));
                }
            }
        }
    }
    for (delivery, to) in &moves {
        let to = batch.lane(sink, to)?;
        batch
            .connection
            .prepare_cached("UPDATE delivery SET lane = ?2 WHERE id = ?1")?
            .execute(params![delivery, to])?;
    }
    Ok(moves.len() as u64)
}
