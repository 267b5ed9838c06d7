//! labeltap.
