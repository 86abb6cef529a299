//! A page to look at the stored alerts: a list, newest first, and each alert with its JSON.
//!
//! Everything shown came from attackers' log lines, so: all text goes through [`escape`], the policy allows no
//! script and nothing from elsewhere, and a request under a foreign host name (DNS rebinding) is refused.
//! No key is needed, since the port is on loopback only. Called by `routes.rs`; faults never hit it.

use hyper::http::request::Parts;
use serde_json::Value;

use crate::answer::Answer;
use crate::errors;
use crate::sandbox::Shared;
use crate::store::{Alert, Store};
use crate::tables;

/// Rows of the list; older alerts are only counted.
const ROWS_SHOWN: usize = 500;
/// Tags shown per row.
const TAGS_SHOWN: usize = 6;
/// Bytes of JSON shown; a browser does not like more.
const JSON_SHOWN: usize = 512 * 1024;
const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const MOST_SEVERE_FIRST: [&str; 6] = [
    "Critical",
    "High",
    "Medium",
    "Low",
    "Informational",
    "Unspecified",
];

/// Whether a path belongs to the page and not to the pretended server.
pub(crate) fn is_page(path: &str) -> bool {
    path == "/" || path.starts_with("/page/")
}

/// Answers `/`, `/page/style.css` and `/page/alerts/{id}`.
pub(crate) fn answer(shared: &Shared, head: &Parts) -> Answer {
    if !names_this_machine(head) {
        return Answer::html(
            403,
            "Forbidden",
            "Open this page as 127.0.0.1 or localhost.",
        );
    }
    let path = head.uri.path();
    if path == "/page/style.css" {
        return shown(
            "text/css; charset=utf-8",
            include_str!("page.css").to_owned(),
        );
    }
    let store = shared.store();
    if path == "/" {
        return shown("text/html; charset=utf-8", list(shared, &store));
    }
    let id = path
        .strip_prefix("/page/alerts/")
        .and_then(|id| id.parse().ok());
    match id.and_then(|id: i64| store.alerts.get(&id)) {
        Some(alert) => shown("text/html; charset=utf-8", detail(shared, &store, alert)),
        None => errors::not_found(false),
    }
}

fn names_this_machine(head: &Parts) -> bool {
    let host = head
        .headers
        .get("host")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name == "127.0.0.1" || name == "localhost"
}

fn shown(content_type: &'static str, body: String) -> Answer {
    Answer {
        status: 200,
        content_type,
        body: body.into_bytes(),
        headers: Vec::new(),
    }
    .with_header("content-security-policy", POLICY.to_owned())
    .with_header("x-content-type-options", "nosniff".to_owned())
    .with_header("referrer-policy", "no-referrer".to_owned())
    .with_header("cache-control", "no-store".to_owned())
}

/// Text that cannot become markup: the five special characters as entities; control characters and those that
/// turn the writing direction become visible.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(character),
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                out.push('\u{fffd}');
            }
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n\
         <link rel=\"stylesheet\" href=\"/page/style.css\">\n</head>\n<body>\n{body}</body>\n</html>\n",
        escape(title)
    )
}

fn list(shared: &Shared, store: &Store) -> String {
    let count = store.alerts.len();
    let noun = if count == 1 { "alert" } else { "alerts" };
    let mut body = format!(
        "<header><h1>{count} {noun}</h1><span class=\"quiet\">Sandbox standing in for DFIR-IRIS {}, \
         kept in memory only; latest arrivals first</span></header>\n<main>\n{}",
        escape(&shared.options.version),
        tally(shared, store)
    );
    if count > ROWS_SHOWN {
        body.push_str(&format!(
            "<p class=\"quiet\">The newest {ROWS_SHOWN} are shown.</p>\n"
        ));
    }
    if count == 0 {
        body.push_str("<div class=\"sheet empty\">No alert has arrived yet.</div>\n");
    } else {
        body.push_str(
            "<div class=\"sheet\"><table>\n<thead><tr><th>Event time (UTC)</th><th>Severity</th><th>Title</th>\
             <th>Customer</th><th>Reference</th><th>Tags</th><th class=\"number\">IOCs</th></tr></thead>\n<tbody>\n",
        );
        for alert in store.alerts.values().rev().take(ROWS_SHOWN) {
            row(shared, alert, &mut body);
        }
        body.push_str("</tbody>\n</table></div>\n");
    }
    body.push_str("</main>\n");
    document("Sandbox alerts", &body)
}

fn tally(shared: &Shared, store: &Store) -> String {
    let mut out = String::from("<ul class=\"tally\">");
    for name in MOST_SEVERE_FIRST {
        let alerts = store.alerts.values();
        let count = alerts
            .filter(|alert| severity(shared, alert) == name)
            .count();
        if count > 0 {
            out.push_str(&format!("<li>{} <b>{count}</b></li>", badge(name)));
        }
    }
    out.push_str("</ul>\n");
    out
}

fn severity(shared: &Shared, alert: &Alert) -> &'static str {
    let id = alert.integer("alert_severity_id").unwrap_or_default();
    tables::name_of(tables::severities(shared.options.ids), id).unwrap_or("Unspecified")
}

fn badge(severity: &str) -> String {
    format!(
        "<span class=\"severity {}\">{severity}</span>",
        severity.to_ascii_lowercase()
    )
}

fn customer<'a>(shared: &'a Shared, alert: &Alert) -> &'a str {
    let known = shared
        .options
        .customers
        .iter()
        .find(|(id, _)| *id == alert.customer());
    known.map_or("unknown", |(_, name)| name.as_str())
}

/// `2026-11-20T10:11:12.123000` as people read it, to the second.
fn readable_time(alert: &Alert) -> String {
    let text = alert.text("alert_source_event_time").unwrap_or_default();
    let seconds = text.split('.').next().unwrap_or_default();
    escape(&seconds.replace('T', " "))
}

fn title(alert: &Alert) -> String {
    let text = alert.text("alert_title").unwrap_or_default();
    if text.trim().is_empty() {
        "(no title)".to_owned()
    } else {
        escape(text)
    }
}

fn tags(alert: &Alert, most: usize) -> String {
    let all = alert.text("alert_tags").unwrap_or_default();
    let mut all: Vec<&str> = all
        .split(',')
        .filter(|tag| !tag.trim().is_empty())
        .collect();
    // Where a row has no room for all: what a review says of the alert is never among the others.
    all.sort_by_key(|tag| !tag.trim().starts_with("ai-"));
    let mut out = String::new();
    for tag in all.iter().take(most) {
        out.push_str(&format!("<bdi class=\"tag\">{}</bdi>", escape(tag)));
    }
    if all.len() > most {
        out.push_str(&format!(
            "<span class=\"quiet\">and {} more</span>",
            all.len() - most
        ));
    }
    out
}

fn row(shared: &Shared, alert: &Alert, out: &mut String) {
    out.push_str(&format!(
        "<tr><td class=\"time\">{}</td><td>{}</td>\
         <td class=\"title\"><a href=\"/page/alerts/{}\"><bdi class=\"clamp\">{}</bdi></a></td>\
         <td><bdi>{}</bdi></td><td class=\"ref\"><bdi class=\"clamp\">{}</bdi></td><td class=\"tags\">{}</td>\
         <td class=\"number\">{}</td></tr>\n",
        readable_time(alert),
        badge(severity(shared, alert)),
        alert.id,
        title(alert),
        escape(customer(shared, alert)),
        escape(alert.text("alert_source_ref").unwrap_or_default()),
        tags(alert, TAGS_SHOWN),
        alert.ioc_ids.len(),
    ));
}

fn detail(shared: &Shared, store: &Store, alert: &Alert) -> String {
    let status = alert.integer("alert_status_id").unwrap_or_default();
    let status = tables::name_of(tables::STATUSES, status).unwrap_or("unknown");
    let mut facts = vec![
        ("Severity", badge(severity(shared, alert))),
        ("Status", escape(status)),
        ("Event time (UTC)", readable_time(alert)),
        (
            "Customer",
            format!("<bdi>{}</bdi>", escape(customer(shared, alert))),
        ),
    ];
    for (name, column) in [
        ("Source", "alert_source"),
        ("Reference", "alert_source_ref"),
        // Shown, never a link: it may say anything.
        ("Source link", "alert_source_link"),
        ("UUID", "alert_uuid"),
        ("Note", "alert_note"),
        ("Description", "alert_description"),
    ] {
        if let Some(text) = alert.text(column).filter(|text| !text.is_empty()) {
            facts.push((name, format!("<bdi class=\"long\">{}</bdi>", escape(text))));
        }
    }
    facts.push(("Tags", tags(alert, usize::MAX)));
    let resolution = alert.integer("alert_resolution_status_id");
    if let Some(name) = resolution.and_then(|id| tables::name_of(tables::RESOLUTIONS, id)) {
        facts.push(("Resolution", escape(name)));
    }
    let owner = alert.integer("alert_owner_id");
    let owner = owner.map_or("nobody", |id| shared.options.login_of(id));
    facts.push(("Owner", format!("<bdi>{}</bdi>", escape(owner))));
    for comment in &alert.comments {
        let text = format!("{}: {}", comment.user, comment.text);
        facts.push((
            "Comment",
            format!("<bdi class=\"long\">{}</bdi>", escape(&text)),
        ));
    }
    let mut body = format!(
        "<header><h1><bdi class=\"clamp\">{}</bdi></h1><span class=\"quiet\">Alert {}</span> <a href=\"/\">All alerts</a></header>\n\
         <main>\n<div class=\"sheet\"><table class=\"facts\">\n",
        title(alert),
        alert.id
    );
    for (name, html) in facts {
        body.push_str(&format!("<tr><th>{name}</th><td>{html}</td></tr>\n"));
    }
    body.push_str("</table></div>\n");
    let whole = store.print(alert, &shared.options, false);
    body.push_str(&observables(&whole));
    let mut json = serde_json::to_string_pretty(&whole).unwrap_or_default();
    if json.len() > JSON_SHOWN {
        let length = json.len();
        let mut end = JSON_SHOWN;
        while !json.is_char_boundary(end) {
            end -= 1;
        }
        json.truncate(end);
        json.push_str(&format!("\n… cut here, {length} bytes in all"));
    }
    body.push_str(&format!(
        "<h2>As the API returns it</h2>\n<div class=\"sheet\"><pre><bdi>{}</bdi></pre></div>\n</main>\n",
        escape(&json)
    ));
    document(alert.text("alert_title").unwrap_or("Alert"), &body)
}

/// IOCs and assets as small tables.
fn observables(printed: &Value) -> String {
    let mut out = String::new();
    for (heading, list, kind, value_key, kind_key) in [
        ("IOCs", "iocs", "ioc_type", "ioc_value", "type_name"),
        ("Assets", "assets", "asset_type", "asset_name", "asset_name"),
    ] {
        let rows = printed[list]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        if rows.is_empty() {
            continue;
        }
        out.push_str(&format!(
            "<h2>{heading}</h2>\n<div class=\"sheet\"><table class=\"facts\">\n"
        ));
        for row in rows {
            let name = row[kind][kind_key].as_str().unwrap_or("no type");
            let value = row[value_key].as_str().unwrap_or_default();
            let tlp = row["tlp"]["tlp_name"]
                .as_str()
                .map_or(String::new(), |tlp| format!("TLP:{tlp}"));
            out.push_str(&format!(
                "<tr><th>{}</th><td><bdi>{}</bdi></td><td class=\"quiet\">{}</td></tr>\n",
                escape(name),
                escape(value),
                escape(&tlp)
            ));
        }
        out.push_str("</table></div>\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn nothing_that_could_start_markup_survives() {
        let hostile = "<script>\"'&\u{0}\u{1b}\u{202e}x";
        assert_eq!(
            escape(hostile),
            "&lt;script&gt;&quot;&#39;&amp;\u{fffd}\u{fffd}\u{fffd}x"
        );
    }
}
