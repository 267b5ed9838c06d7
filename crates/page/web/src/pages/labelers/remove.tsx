// Asks once more before a labeler is removed.

import { useState } from "preact/hooks";
import { ask } from "../../api/ask";
import { Dialog, Problem } from "../../parts/pieces";
import { many } from "../../words/format";

export interface Removed {
  did: string;
  handle?: string;
  labels: number;
}

export function RemoveLabeler({ one, onClose, onRemoved }: { one: Removed; onClose(): void; onRemoved(): void }) {
  const [purge, setPurge] = useState(false);
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<string>();

  const remove = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setTrouble(undefined);
    try {
      await ask("labelers/remove", { body: { dids: [one.did], ...(purge ? { purge: true } : {}) }, patience: 60_000 });
      onRemoved();
    } catch (error) {
      setTrouble(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  };

  return (
    <Dialog title="Remove this labeler?" onClose={onClose}>
      <form onSubmit={remove}>
        <p>
          <strong class="wrap">{one.handle ?? one.did}</strong> is not followed any more from now on, and does not come back by
          discovery. What it said stays stored, and it can be added again at any time.
        </p>
        <label class="check">
          <input type="checkbox" checked={purge} onChange={(event) => setPurge(event.currentTarget.checked)} />
          delete its labels too ({many(one.labels, "label")}; this cannot be undone)
        </label>
        {trouble && <Problem>{trouble}</Problem>}
        <div class="buttons">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="danger" disabled={busy}>
            {busy ? "One moment…" : purge ? "Remove and delete" : "Remove"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
