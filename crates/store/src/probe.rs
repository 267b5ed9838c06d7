//! Finds out whether the database takes writes again. When to ask is the writer's business.

use crate::StoreError;
use crate::desk::Desk;

/// How much is written: about what a large transaction needs. A disk that takes one small
/// page and then nothing is still full, and must not be taken for a good one every second.
const ROOM: i64 = 4 << 20;

/// Writes something; lands only if there is room for it.
pub(crate) fn fill(desk: &mut Desk<'_>) -> Result<(), StoreError> {
    desk.db.prepare_cached("INSERT INTO probe (filler) VALUES (zeroblob(?1))")?.execute([ROOM])?;
    Ok(())
}

/// Takes it away again; its pages are used for what comes next.
pub(crate) fn clear(desk: &mut Desk<'_>) -> Result<(), StoreError> {
    desk.db.prepare_cached("DELETE FROM probe")?.execute([])?;
    Ok(())
}
