//! What an analyst would look up: addresses, hashes, domains, URLs, file names.

/// The kind of an [`Observable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObservableKind {
    /// A domain name, lower case.
    Domain,
    /// An e-mail address.
    Email,
    /// A file's name without its folder.
    FileName,
    /// An IPv4 or IPv6 address in its shortest form. Public and private: the sink decides.
    Ip,
    /// Lower-case hexadecimal, 32 digits.
    Md5,
    /// Lower-case hexadecimal, 40 digits.
    Sha1,
    /// Lower-case hexadecimal, 64 digits.
    Sha256,
    /// Lower-case hexadecimal, 128 digits.
    Sha512,
    /// A URL with its scheme.
    Url,
}

/// One value worth looking up, and where it stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observable {
    /// What it is.
    pub kind: ObservableKind,
    /// Its normal form.
    pub value: String,
    /// The field it stood in, dotted: `data.win.eventdata.destinationIp`.
    pub field: String,
}

pub(crate) fn observables(_tree: &serde_json::Value) -> Vec<Observable> {
    Vec::new()
}
