//! Reads a whole value as what its form or its field says it is, and keeps it.

use super::{
    Kind, email,
    file::folder_of,
    file_name,
    found::{Found, Place},
    ip,
};

/// An address, a URL or an e-mail address, told by its form.
pub(super) fn by_form(found: &mut Found<'_>, place: &Place<'_>, text: &str) -> bool {
    if !text.contains(['.', ':']) {
        return false;
    }
    if address(found, place, text) || found.add_url(place, text) {
        return true;
    }
    // A list of addresses, as proxies write `X-Forwarded-For`.
    if text.contains(',') && text.split(',').all(|part| ip(part).is_some()) {
        for part in text.split(',') {
            address(found, place, part);
        }
        return true;
    }
    match text
        .contains(['@', '[', '('])
        .then(|| email(text))
        .flatten()
    {
        Some(address) => {
            found.add(place, Kind::Email, address, text);
            true
        }
        None => false,
    }
}

pub(super) fn address(found: &mut Found<'_>, place: &Place<'_>, text: &str) -> bool {
    let address = ip(text);
    if let Some(address) = address {
        found.add(place, Kind::Ip, address.to_string(), text);
    }
    address.is_some()
}

pub(super) fn domain(found: &mut Found<'_>, place: &Place<'_>, text: &str) -> bool {
    let name = super::domain(text);
    let is_name = name.is_some();
    if let Some(name) = name {
        found.add(place, Kind::Domain, name, text);
    }
    is_name
}

pub(super) fn file(found: &mut Found<'_>, place: &Place<'_>, key: &str, text: &str) {
    // A container's image is named `image` too: `nginx:latest`.
    if key == "image" && !text.contains(['/', '\\']) {
        return;
    }
    // `C:\x\a.dll:Zone.Identifier` is a stream of the file.
    let path = match text.rfind('\\') {
        Some(at) => match text[at..].find(':') {
            Some(stream) => &text[..at + stream],
            None => text,
        },
        None => text,
    };
    if let Some(name) = file_name(path) {
        found.add(place, Kind::FileName, name, "");
        if let Some(folder) = folder_of(path) {
            found.add(place, Kind::Directory, folder, "");
        }
    }
}
