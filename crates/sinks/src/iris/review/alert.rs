//! One alert of IRIS as a [`SeenAlert`]. Every field may be missing or of another type; then it is as if it were not there.

use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};
use serde_json::Value;

use crate::{
    Outcome, SeenAlert,
    iris::{IrisSink, amend::positive, config::Customer, resolved::Resolved},
};

/// What is asked for where the server gives fields by name.
pub(super) const FIELDS: &str = "alert_id,alert_title,alert_description,alert_source_content,alert_source_ref,alert_tags,\
                                 alert_severity_id,severity,alert_status_id,status,alert_resolution_status_id,resolution_status,\
                                 alert_owner_id,alert_note,alert_customer_id,customer,alert_creation_time,alert_source_event_time,\
                                 modification_history";
/// The same without the two that may be large.
pub(super) const SMALL_FIELDS: &str = "alert_id,alert_title,alert_source_ref,alert_tags,alert_severity_id,severity,alert_status_id,\
                                       status,alert_resolution_status_id,resolution_status,alert_owner_id,alert_note,\
                                       alert_customer_id,customer,alert_creation_time,alert_source_event_time,modification_history";

impl IrisSink {
    pub(super) async fn read_one(&self, id: &str) -> Result<Option<SeenAlert>, Outcome> {
        let Some(id) = positive(id) else {
            return Ok(None);
        };
        let resolved = self.resolved(None).await?;
        let read = match self.fetch(id, FIELDS, row_id).await {
            // Longer than an answer may be, or unreadable: its small fields are better than nothing.
            Err(Outcome::Never { .. }) => self.fetch(id, SMALL_FIELDS, row_id).await,
            read => read,
        };
        Ok(read?.map(|row| self.seen_alert(&row, &resolved)))
    }

    pub(super) fn seen_alert(&self, row: &Value, resolved: &Resolved) -> SeenAlert {
        let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
        let number = |key: &str| row[key].as_i64();
        let name = |table: &str, key: &str, id: Option<i64>, by_id: Option<&str>| {
            let told = row[table][key].as_str().or(by_id);
            told.map(str::to_owned)
                .or_else(|| id.map(|id| id.to_string()))
        };
        let severity = number("alert_severity_id");
        let status = number("alert_status_id");
        let resolution = number("alert_resolution_status_id");
        let status = name(
            "status",
            "status_name",
            status,
            status.and_then(|id| resolved.status_name(id)),
        );
        SeenAlert {
            id: row_id(row).map(|id| id.to_string()).unwrap_or_default(),
            title: text("alert_title"),
            description: text("alert_description"),
            source_content: row["alert_source_content"].clone(),
            source_ref: text("alert_source_ref"),
            tags: tags(row),
            severity: name(
                "severity",
                "severity_name",
                severity,
                severity.and_then(|id| resolved.severity_name(id)),
            )
            .unwrap_or_default(),
            ended: status.as_deref().and_then(|status| self.ends(status)),
            status: status.unwrap_or_default(),
            resolution: name(
                "resolution_status",
                "resolution_status_name",
                resolution,
                None,
            ),
            owner: number("alert_owner_id"),
            note: text("alert_note"),
            lane: self.lane_of(row),
            created_at: time(&row["alert_creation_time"]),
            event_at: time(&row["alert_source_event_time"]),
            updated_at: updated(&row["modification_history"]),
        }
    }

    /// The customer as the configuration names it, by name or by id.
    fn lane_of(&self, row: &Value) -> String {
        let name = row["customer"]["customer_name"].as_str();
        let is_it = |customer: &&Customer| matches!((customer, name), (Customer::Name(known), Some(name)) if known.eq_ignore_ascii_case(name.trim()));
        let named = self.customers.all().find(is_it).map(Customer::to_string);
        let id = row["alert_customer_id"]
            .as_i64()
            .or_else(|| row["customer"]["customer_id"].as_i64());
        named
            .or_else(|| id.map(|id| id.to_string()))
            .unwrap_or_default()
    }
}

/// A row's id.
pub(super) fn row_id(row: &Value) -> Option<i64> {
    row["alert_id"].as_i64()
}

/// A row's tags, each without spaces around it.
pub(super) fn tags(row: &Value) -> Vec<String> {
    let tags = row["alert_tags"].as_str().unwrap_or_default().split(',');
    tags.map(str::trim)
        .filter(|tag| !tag.is_empty())
        .map(str::to_owned)
        .collect()
}

/// IRIS's columns are UTC without saying so (facts/iris.md §3).
fn time(value: &Value) -> Option<Timestamp> {
    let text = value.as_str()?.trim();
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    let local: DateTime = text.parse().ok()?;
    Some(local.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// The newest time of a history; its keys are seconds since 1970 with a fraction (facts/iris.md §6).
fn updated(history: &Value) -> Option<Timestamp> {
    let newest = history
        .as_object()?
        .keys()
        .filter_map(|key| key.trim().parse::<f64>().ok())
        .filter(|seconds| seconds.is_finite())
        .max_by(f64::total_cmp)?;
    let after_1970 = SignedDuration::try_from_secs_f64(newest).ok()?;
    Timestamp::UNIX_EPOCH.checked_add(after_1970).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_are_read_as_iris_writes_them_and_anything_else_is_none() {
        for (text, expected) in [
            (
                "2026-11-21T08:05:03.224509",
                Some("2026-11-21T08:05:03.224509Z"),
            ),
            ("2026-11-21 08:05:03", Some("2026-11-21T08:05:03Z")),
            ("2026-11-21T09:05:03+01:00", Some("2026-11-21T08:05:03Z")),
            ("soon", None),
        ] {
            let read = time(&json!(text)).map(|time| time.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        }
        assert_eq!(time(&json!(7)), None);
    }

    #[test]
    fn the_newest_line_of_a_history_counts_whatever_else_stands_there() {
        let history =
            json!({"1795250582.5": {}, "1795250590.25": 1, "x": {}, "nan": {}, "9.5": {}});
        let newest = updated(&history).unwrap();
        assert_eq!(newest.as_millisecond(), 1_795_250_590_250);
        assert_eq!(updated(&json!({"1e300": {}})), None);
        assert_eq!(updated(&json!([1])), None);
    }
}
