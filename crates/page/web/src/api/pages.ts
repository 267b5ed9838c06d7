// Lists that come in pages: all of it at once, or one page and then more on request.

import { useEffect, useState } from "preact/hooks";
import { ask, NoAnswer, query, Refusal } from "./ask";
import type { Labeler } from "./shapes";
import { usePoll } from "./poll";
import { now } from "../words/clock";
import { learnNames } from "../words/names";

/** No list is read without an end, whatever the service says. */
const MOST_PAGES = 200;

export async function allLabelers(_path: string, signal: AbortSignal): Promise<Labeler[]> {
  const all: Labeler[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const answer = await ask<{ labelers: Labeler[]; cursor?: string }>(query("labelers", { limit: 1000, cursor }), {
      signal,
    });
    all.push(...answer.labelers);
    cursor = answer.cursor;
    if (cursor === undefined) break;
  }
  learnNames(all);
  return all;
}

interface Page<T> {
  items: T[];
  cursor?: string;
}

export interface Pages<T> {
  items?: T[];
  refusal?: Refusal;
  trouble?: string;
  /** Whether there is more to be had. */
  more?: () => void;
  busy: boolean;
  /** Since when the list stays as it is, in milliseconds; absent while it is kept up to date. */
  asOf?: number;
  /** Begins again with the first page, kept up to date. */
  again(): void;
}

/** A list under `field` of the answer: its first page kept up to date, and further ones added on request. */
export function usePages<T>(path: string, field: string, every: number, limit = 50): Pages<T> {
  const [older, grow] = useState<{ path: string; page: Page<T> } | undefined>();
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<string>();
  const mine = older?.path === path ? older.page : undefined;
  // Once more pages are shown the first stays as it is, so that nothing moves and nothing is missing in between.
  const first = usePoll<Page<T>>(query(path, { limit }), mine ? 0 : every, async (url, signal) => read(await ask(url, { signal })));
  useEffect(() => {
    grow(undefined);
    setTrouble(undefined);
  }, [path]);

  function read(answer: Record<string, unknown>): Page<T> {
    const cursor = answer["cursor"];
    const items = (answer[field] ?? []) as T[];
    return typeof cursor === "string" ? { items, cursor } : { items };
  }

  const [frozen, freeze] = useState<{ page: Page<T> | undefined; at: number }>();
  const head = mine && frozen?.page ? frozen.page : first.data;
  const cursor = mine ? mine.cursor : first.data?.cursor;
  const more = async () => {
    if (busy || cursor === undefined) return;
    setBusy(true);
    setTrouble(undefined);
    try {
      const next = read(await ask(query(path, { limit, cursor })));
      if (!mine) freeze({ page: first.data, at: now() });
      const items = [...(mine?.items ?? []), ...next.items];
      grow({ path, page: next.cursor === undefined ? { items } : { items, cursor: next.cursor } });
    } catch (error) {
      if (error instanceof Refusal || error instanceof NoAnswer) setTrouble(error.message);
    } finally {
      setBusy(false);
    }
  };
  const again = () => {
    grow(undefined);
    first.again();
  };
  return {
    busy,
    again,
    ...(head ? { items: [...head.items, ...(mine?.items ?? [])] } : {}),
    ...(first.refusal ? { refusal: first.refusal } : {}),
    ...(trouble ? { trouble } : {}),
    ...(mine && frozen ? { asOf: frozen.at } : {}),
    ...(cursor === undefined ? {} : { more: () => void more() }),
  };
}
