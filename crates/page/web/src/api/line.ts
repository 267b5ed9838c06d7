// Whether the service answers. Everything that asks tells this, and the banner and the pages hear of it.

import { useEffect, useState } from "preact/hooks";

export interface Line {
  /** Asked, and not answered. */
  away: boolean;
  /** The password is wanted. */
  locked: boolean;
  /** When it answered last what was asked, by the browser's clock; when the page was opened, before that. */
  answered: number;
}

let line: Line = { away: false, locked: false, answered: Date.now() };
const hearers = new Set<() => void>();

function become(next: Line): void {
  const changed = next.away !== line.away || next.locked !== line.locked;
  line = next;
  if (changed) {
    for (const hear of [...hearers]) hear();
  }
}

export function answered(): void {
  become({ away: false, locked: false, answered: Date.now() });
}

export function silent(): void {
  become({ ...line, away: true });
}

export function locked(): void {
  // A refusal brings nothing new: what is shown is as old as it was.
  become({ ...line, away: false, locked: true });
}

export function lineNow(): Line {
  return line;
}

/** Calls `hear` at every turn, until the answer is called. */
export function onTurn(hear: () => void): () => void {
  hearers.add(hear);
  return () => hearers.delete(hear);
}

export function useLine(): Line {
  const [, turn] = useState(0);
  useEffect(() => onTurn(() => turn((count) => count + 1)), []);
  return line;
}
