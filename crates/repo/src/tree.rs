//! The way from the root of the tree to a key.

use crate::blocks::Blocks;
use crate::error::{Part, ProofError};
use crate::node::{Bounds, Node, height};
use cid::Cid;

/// Follows the way to a key. `None`: the key is not in the tree.
///
/// A key of height *n* stands *n* levels above the lowest, and each node is one level below
/// the one that links to it. So the way has an end, and it is known where a key would have to
/// be: what is not there is nowhere.
///
/// # Errors
/// When a node on the way is missing or not built by the rules. Nodes beside the way are not
/// looked at; most of them are not in the CAR.
pub(crate) fn find(blocks: &Blocks, root: Cid, key: &[u8]) -> Result<Option<Cid>, ProofError> {
    let goal = height(key);
    let (mut cid, mut bounds, mut level) = (root, Bounds::default(), None);
    loop {
        let broken = |what| ProofError::Node { cid, what };
        let node = Node::read(blocks.get(Part::Node, &cid)?).map_err(broken)?;
        let sight = node.look(key, bounds).map_err(broken)?;
        let here = match (sight.height, level) {
            (Some(here), None) => here,
            (Some(here), Some(level)) if here == level => here,
            (Some(_), Some(_)) => return Err(broken("stands at the wrong height")),
            // Between a key and another far below it are nodes with nothing but a link.
            (None, Some(level)) if level > 0 && sight.below.is_some() => level,
            (None, Some(_)) => return Err(broken("is empty")),
            (None, None) if sight.below.is_none() => return Ok(None),
            (None, None) => return Err(broken("is a root without keys")),
        };
        if sight.value.is_some() || here <= goal {
            return Ok(sight.value);
        }
        let Some(below) = sight.below else { return Ok(None) };
        (cid, bounds, level) = (below, sight.bounds, here.checked_sub(1));
    }
}
