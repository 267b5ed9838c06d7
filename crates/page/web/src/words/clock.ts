// The time as the service has it: a browser's clock may be wrong by minutes. One ticking for the whole page.

import { useEffect, useState } from "preact/hooks";

let ahead = 0;
const hearers = new Set<() => void>();

/** What the service said the time is. */
export function setClock(now: string): void {
  const theirs = Date.parse(now);
  if (!Number.isNaN(theirs)) ahead = theirs - Date.now();
}

export function now(): number {
  return Date.now() + ahead;
}

setInterval(() => {
  if (!document.hidden) {
    for (const hear of [...hearers]) hear();
  }
}, 5_000);

/** The time, anew every few seconds. */
export function useNow(): number {
  const [, tick] = useState(0);
  useEffect(() => {
    const hear = () => tick((count) => count + 1);
    hearers.add(hear);
    return () => {
      hearers.delete(hear);
    };
  }, []);
  return now();
}
