// Asking again and again: never two at once, not while nobody looks at the page, and at once when the service is back.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ask, Refusal, Withdrawn } from "./ask";
import { lineNow, onTurn } from "./line";

export interface Polled<T> {
  data?: T;
  /** Why there is no newer answer; silence is told by the banner alone. */
  refusal?: Refusal;
  /** Asks again now. */
  again(): void;
}

interface Held<T> {
  path: string | null;
  data?: T;
  refusal?: Refusal;
}

/**
 * What `path` answers, asked `every` so many milliseconds; 0 asks once. `null` asks nothing. `load` may ask more than one
 * question; it is to be the same function at every call.
 */
export function usePoll<T>(
  path: string | null,
  every: number,
  load: (path: string, signal: AbortSignal) => Promise<T> = (path, signal) => ask<T>(path, { signal }),
): Polled<T> {
  const [held, hold] = useState<Held<T>>({ path });
  const wake = useRef<() => void>(() => {});
  const loader = useRef(load);
  loader.current = load;

  useEffect(() => {
    if (path === null) return;
    const left = new AbortController();
    let timer: number | undefined;
    let asking = false;
    let wanted = false;

    const look = async () => {
      clearTimeout(timer);
      if (left.signal.aborted || document.hidden || lineNow().locked) return;
      if (asking) {
        wanted = true;
        return;
      }
      asking = true;
      let next = every;
      try {
        const data = await loader.current(path, left.signal);
        hold({ path, data });
      } catch (trouble) {
        if (trouble instanceof Withdrawn) return;
        if (trouble instanceof Refusal) {
          // What is known stays, unless it is gone.
          hold((before) => (trouble.status === 404 ? { path, refusal: trouble } : { ...before, path, refusal: trouble }));
          if (trouble.status === 503) next = next || 5_000;
        } else {
          next = Math.max(next, 1_000);
        }
      } finally {
        asking = false;
      }
      if (wanted) {
        wanted = false;
        void look();
      } else if (next > 0 && !left.signal.aborted) {
        timer = setTimeout(look, next);
      }
    };

    const seen = () => {
      if (!document.hidden) void look();
    };
    const turned = () => {
      if (!lineNow().away) void look();
    };
    wake.current = () => void look();
    document.addEventListener("visibilitychange", seen);
    const deaf = onTurn(turned);
    void look();
    return () => {
      left.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
      deaf();
    };
  }, [path, every]);

  const again = useCallback(() => wake.current(), []);
  // What was answered to another question is no answer to this one.
  const { data, refusal } = held.path === path ? held : ({} as Held<T>);
  return { again, ...(data === undefined ? {} : { data }), ...(refusal === undefined ? {} : { refusal }) };
}
