//! A hit as `crates/intel` finds it, in the sinks' words.

use alertbridge_alert::{
    ObservableKind,
    observables::{Kind, Observable},
};
use alertbridge_intel::{Hit, How, Indicator, Tlp};
use alertbridge_sinks::{IntelHit, Matched};

/// What a sink shows of a hit.
pub fn shown(hit: &Hit) -> IntelHit {
    let indicator = &*hit.indicator;
    let (matched, detail) = how(hit);
    IntelHit {
        value: value(&hit.observable),
        kind: kind(hit.observable.kind),
        indicator: name(indicator),
        indicator_id: Some(indicator.id.clone()),
        description: indicator.description.clone(),
        created_by: indicator.created_by.clone(),
        pattern: (!indicator.pattern.is_empty()).then(|| indicator.pattern.clone()),
        score: indicator.score.map(u32::from),
        confidence: indicator.confidence.map(u32::from),
        labels: indicator.labels.clone(),
        marking: marking(indicator),
        link: indicator.link.clone(),
        matched,
        detail,
        expired: hit.expired,
        revoked: indicator.revoked,
        valid_from: indicator.valid_from.map(|at| at.to_string()),
        valid_until: indicator.valid_until.map(|at| at.to_string()),
        provider: indicator.provider.clone(),
        observable: None,
    }
}

/// Tells a pair of an alert and an indicator from others of the alert: 16 hexadecimal digits.
pub fn pair(hit: &IntelHit) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher
        .update(&(hit.provider.len() as u64).to_le_bytes())
        .update(hit.provider.as_bytes())
        .update(hit.indicator_id.as_deref().unwrap_or_default().as_bytes());
    hasher.finalize().to_hex()[..16].to_owned()
}

fn name(indicator: &Indicator) -> String {
    [&indicator.name, &indicator.pattern, &indicator.id]
        .into_iter()
        .find(|name| !name.trim().is_empty())
        .cloned()
        .unwrap_or_default()
}

/// The normal form; where case matters to people, as it was written.
fn value(observable: &Observable) -> String {
    match (observable.kind, &observable.written) {
        (Kind::Url | Kind::Email | Kind::FileName, Some(written)) => written.clone(),
        _ => observable.value.clone(),
    }
}

fn kind(kind: Kind) -> ObservableKind {
    match kind {
        Kind::Sha256 => ObservableKind::Sha256,
        Kind::Sha512 => ObservableKind::Sha512,
        Kind::Sha1 => ObservableKind::Sha1,
        Kind::Md5 => ObservableKind::Md5,
        Kind::Ip => ObservableKind::Ip,
        Kind::Url => ObservableKind::Url,
        Kind::Domain => ObservableKind::Domain,
        Kind::Email => ObservableKind::Email,
        Kind::FileName | Kind::Directory => ObservableKind::FileName,
    }
}

fn how(hit: &Hit) -> (Matched, String) {
    let name = name(&hit.indicator);
    match hit.how {
        How::Exact => (Matched::Pattern, String::new()),
        How::Cidr => (Matched::Pattern, format!("in the network of {name}")),
        How::Pattern => (
            Matched::Pattern,
            format!("by the pattern {}", hit.indicator.pattern),
        ),
        How::UrlHost => (
            Matched::PartialPattern,
            format!("the host of a URL is named by {name}"),
        ),
        How::Parent => (
            Matched::PartialPattern,
            format!("below the domain of {name}"),
        ),
    }
}

/// The strictest traffic light, else the first marking.
fn marking(indicator: &Indicator) -> Option<String> {
    indicator
        .markings
        .iter()
        .filter_map(|marking| Some((Tlp::of_marking(marking)?, marking)))
        .max_by_key(|(tlp, _)| *tlp)
        .map(|(_, marking)| marking)
        .or_else(|| indicator.markings.first())
        .cloned()
}
