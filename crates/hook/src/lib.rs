//! What the hook and the daemon share: the socket frame and the spool file.
