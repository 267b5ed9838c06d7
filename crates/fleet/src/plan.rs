//! Compares the labelers that are wanted with those that somebody looks after.
//!
//! The manager asks for a plan whenever either side changes, and on a slow tick in case it
//! missed something. A plan is the whole difference, so asking twice does no harm.

use label::Did;
use std::collections::BTreeSet;

/// One thing to do about one labeler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Stop following this labeler.
    Stop(Did),
    /// Start following this labeler.
    Start(Did),
}

/// What turns `running` into `wanted`.
#[must_use]
pub fn plan(wanted: &BTreeSet<Did>, running: &BTreeSet<Did>) -> Vec<Change> {
    let stop = running.difference(wanted).cloned().map(Change::Stop);
    let start = wanted.difference(running).cloned().map(Change::Start);
    stop.chain(start).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn dids() -> impl Strategy<Value = BTreeSet<Did>> {
        let did = (0u8..12).prop_map(|n| Did::parse(&format!("did:web:l{n}.test")).unwrap());
        proptest::collection::btree_set(did, 0..12)
    }

    proptest! {
        #[test]
        fn following_the_plan_gets_there(wanted in dids(), mut running in dids()) {
            for change in plan(&wanted, &running) {
                let fresh = match change {
                    Change::Stop(did) => running.remove(&did),
                    Change::Start(did) => running.insert(did),
                };
                prop_assert!(fresh, "stopped what did not run, or started what did");
            }
            prop_assert_eq!(&running, &wanted);
            prop_assert!(plan(&wanted, &running).is_empty());
        }
    }
}
