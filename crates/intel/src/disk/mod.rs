//! The files of a store, and what a crash at each step leaves.
//!
//! ```text
//! MANIFEST            JSON: which of the others count, and the providers' cursors
//! indicators-<n>.log  segments: batches of changes, each with the whole indicator; only appended to   (segment.rs)
//! index-<n>.run       sorted fingerprints with the places of the indicators in the segments           (run.rs)
//! staged-<n>.run      the same for a part of a whole list that is being taken in
//! lock                held by the process that writes
//! ```
//!
//! An indicator's bytes are written once, into a segment, and read from there when something matches. The index file is loaded
//! into memory; changes behind it are read back from the newest segment (the journal) at opening.
//!
//! | crash …                                        | leaves                                        | and the next opening |
//! |---|---|---|
//! | while a batch is appended to the journal       | a torn batch at the end                       | cuts it off: neither changes nor cursor happened |
//! | after its sync                                 | the batch                                     | has all of it |
//! | while an index or a segment is written         | a file that no manifest names                 | removes it |
//! | while `MANIFEST.new` is written                | the old manifest                              | goes on from the old files |
//! | after the rename, before the old files go      | the new manifest, old files beside it         | removes them |
//!
//! Files are synced before the manifest that names them is renamed into place, and the folder after it.

pub(crate) mod bytes;
pub(crate) mod entry;
pub(crate) mod folder;
pub(crate) mod manifest;
pub(crate) mod merge;
pub(crate) mod run;
pub(crate) mod segment;
