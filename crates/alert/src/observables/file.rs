//! Names and folders of files, as `file:name` and `directory:path` in a pattern hold them.

/// The longest name most file systems take, in bytes.
const LONGEST_NAME: usize = 255;
/// The longest path Windows takes by default is 260, Linux 4096; no indicator comes near.
const LONGEST_FOLDER: usize = 1024;

/// The normal form of a file's name: its last part, lower case. Windows does not tell cases apart, and OpenCTI compares
/// without case.
///
/// ```
/// use alertbridge_alert::observables::file_name;
///
/// assert_eq!(file_name(r"C:\\Users\\Public\\Evil.EXE").as_deref(), Some("evil.exe"));
/// assert_eq!(file_name("/tmp/"), None);
/// ```
pub fn file_name(path: &str) -> Option<String> {
    let path = path.trim().trim_matches('"');
    let name = path.rsplit(['/', '\\']).next()?.trim();
    let is_name = !name.is_empty()
        && !matches!(name, "-" | "." | "..")
        && name.len() <= LONGEST_NAME
        && !name
            .contains(|c: char| c.is_control() || matches!(c, '"' | '*' | '?' | '<' | '>' | '|'));
    is_name.then(|| name.to_ascii_lowercase())
}

/// The normal form of a folder: lower case, each run of backslashes one (Windows events hold them doubled), without a
/// separator at its end.
///
/// ```
/// use alertbridge_alert::observables::directory;
///
/// assert_eq!(directory(r"C:\\Users\\Public\\").as_deref(), Some(r"c:\users\public"));
/// assert_eq!(directory("/tmp").as_deref(), Some("/tmp"));
/// assert_eq!(directory("tmp"), None);
/// ```
pub fn directory(path: &str) -> Option<String> {
    let wraps = |c: char| c.is_whitespace() || c == '"';
    let path = path.trim_matches(wraps);
    if path.len() > LONGEST_FOLDER || path.contains(char::is_control) {
        return None;
    }
    let mut normal = String::with_capacity(path.len());
    for c in path.chars() {
        if c != '\\' || !normal.ends_with('\\') {
            normal.push(c.to_ascii_lowercase());
        }
    }
    let kept = normal
        .trim_end_matches(|c| wraps(c) || matches!(c, '/' | '\\'))
        .len();
    normal.truncate(kept);
    // Relative folders and the root say nothing.
    (normal.contains(['/', '\\']) && !normal.starts_with('.')).then_some(normal)
}

/// The folder a file stands in.
pub(super) fn folder_of(path: &str) -> Option<String> {
    let end = path.rfind(['/', '\\'])?;
    directory(&path[..end])
}
