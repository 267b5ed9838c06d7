//! The stages of the line, each by itself, and the whole of it.

mod decode;
mod deliver;
mod e2e;
mod export;
mod firehose;
mod growth;
mod latency;
mod scan;
mod serve;
mod store;
mod verify;

use crate::args::Plan;

/// Something to measure.
pub(crate) struct Stage {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) run: fn(&Plan),
}

/// In the order in which a label meets them.
pub(crate) const ALL: &[Stage] = &[
    Stage { name: "decode", what: "frames in memory, one thread", run: decode::run },
    Stage { name: "verify", what: "labels in memory, one thread", run: verify::run },
    Stage {
        name: "store",
        what: "judged labels to a file, FULL, each batch awaited",
        run: store::run,
    },
    Stage {
        name: "scan",
        what: "a long log through filters, reads of 20,000 rows at most",
        run: scan::run,
    },
    Stage {
        name: "deliver",
        what: "a filled store to acks over a loopback socket, one process",
        run: deliver::run,
    },
    Stage {
        name: "e2e",
        what: "fake labelers, the program as a child, a client that acks 100 at a time",
        run: e2e::run,
    },
    Stage {
        name: "growth",
        what: "commits, and all of the line, with more and more stored before",
        run: growth::run,
    },
    Stage {
        name: "export",
        what: "a filled store to files on disk, and to tables",
        run: export::run,
    },
    Stage {
        name: "latency",
        what: "from a labeler's frame to a client's event, 100 labels/s",
        run: latency::run,
    },
    Stage {
        name: "serve",
        what: "hydration and queries of the program as a child, with 5 million labels stored",
        run: serve::run,
    },
    Stage { name: "firehose", what: "events of a relay in memory, one thread", run: firehose::run },
];

/// What the asynchronous stages run on: two threads, as the smallest machine has.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// A folder on the disk that holds `target`, since `/tmp` may be memory.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}
