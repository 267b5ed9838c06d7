// Is it working? One sentence, and what there is to say against it.

import type { State, Status } from "../../api/shapes";
import { bytes, count, duration, many } from "../../words/format";

export interface Finding {
  /** What it is about, and the same for as long as it lasts; its text has numbers that change. */
  key: string;
  /** `bad`: something is lost or stands still. `rest`: somebody should look at it when there is time. */
  grade: "bad" | "rest";
  text: string;
  todo: string;
  href?: string;
}

/** How long a consumer may leave an event unacked before it is worth a word. */
const LONG_UNACKED_S = 120;
/** How late the firehose may be. */
const LATE_S = 60;

export function findings(status: Status): Finding[] {
  return [...ofStore(status), ...ofFirehose(status), ...ofConsumers(status), ...ofLabelers(status)];
}

/** The one sentence. */
export function verdict(status: Status, found: Finding[]): { grade: "good" | "rest" | "bad"; text: string } {
  if (!status.store.accepts_writes) return { grade: "bad", text: "labeltap stands still: nothing can be stored." };
  const { total, by_state } = status.labelers;
  if (total === 0) return { grade: "good", text: "labeltap runs, and follows nobody yet." };
  const live = many(by_state.live ?? 0, "labeler");
  const filling = status.backfilling > 0 ? `, ${count(status.backfilling)} backfilling` : "";
  const rejected = lately(status);
  const bad = found.filter(({ grade }) => grade === "bad").length;
  if (found.length === 0) return { grade: "good", text: `All is well: ${live} live${filling}, ${rejected}.` };
  const what = many(found.length, "thing needs a look", "things need a look");
  return { grade: bad > 0 ? "bad" : "rest", text: `It works, but ${what}: ${live} live${filling}, ${rejected}.` };
}

/** The same for whoever listens: without what changes at every answer, so that only a turn is told. */
export function announced(status: Status, found: Finding[]): string {
  if (!status.store.accepts_writes) return "labeltap stands still.";
  if (status.labelers.total === 0) return "labeltap follows nobody yet.";
  return found.length === 0 ? "All is well." : `${many(found.length, "thing needs a look", "things need a look")}.`;
}

function rejectedLately({ history }: Status): number {
  const steps = Math.max(1, Math.round(60 / history.step_seconds));
  return history.rejected.slice(-steps).reduce((sum, step) => sum + step, 0);
}

function lately(status: Status): string {
  const n = rejectedLately(status);
  return n === 0 ? "nothing rejected in the last minute" : `${many(n, "label")} rejected in the last minute`;
}

function ofStore({ store }: Status): Finding[] {
  if (!store.accepts_writes) {
    return [
      {
        key: "store",
        grade: "bad",
        text: store.refusal ?? "The store accepts nothing.",
        todo: "Make room on the disk, or lower --min-free-space. Nothing is lost: labelers wait, and all goes on by itself.",
      },
    ];
  }
  if (store.free_bytes !== undefined && store.min_free_bytes > 0 && store.free_bytes < store.min_free_bytes * 1.5) {
    return [
      {
        key: "room",
        grade: "rest",
        text: `Only ${bytes(store.free_bytes)} are free; below ${bytes(store.min_free_bytes)} nothing more is read.`,
        todo: "Make room on the disk soon.",
      },
    ];
  }
  return [];
}

function ofFirehose({ firehose }: Status): Finding[] {
  if (!firehose) return [];
  if (!firehose.connected) {
    return [
      {
        key: "firehose",
        grade: "rest",
        text: `The relay's firehose is not connected${firehose.error ? `: ${firehose.error}` : "."}`,
        todo: "It is tried again by itself; until then new labelers and changes are heard of late. If it lasts, look at --relay-url.",
      },
    ];
  }
  if ((firehose.lag_seconds ?? 0) > LATE_S) {
    const lag = duration(firehose.lag_seconds ?? 0);
    return [{ key: "lag", grade: "rest", text: `The firehose is ${lag} behind.`, todo: "After a start it catches up by itself." }];
  }
  return [];
}

function ofConsumers({ consumers }: Status): Finding[] {
  return consumers.flatMap(({ name, lag, connections, webhook, last_error, oldest_unacked_seconds }): Finding[] => {
    const href = `#/consumers/${encodeURIComponent(name)}`;
    if (last_error && lag > 0) {
      const todo = "Look at its error and at the receiver; events are kept and sent again.";
      return [{ key: `consumer ${name}`, grade: "rest", text: `Consumer ${name} has trouble: ${last_error}`, todo, href }];
    }
    if ((connections > 0 || webhook) && (oldest_unacked_seconds ?? 0) > LONG_UNACKED_S) {
      const since = duration(oldest_unacked_seconds ?? 0);
      const todo = "Its client is connected and acks too little: look there.";
      return [{ key: `consumer ${name}`, grade: "rest", text: `Consumer ${name} has not acked an event for ${since}.`, todo, href }];
    }
    return [];
  });
}

function ofLabelers(status: Status): Finding[] {
  const n = needy(status);
  if (n === 0 && rejectedLately(status) > 0) {
    // Of one that was read a moment ago it is not known yet how fast it rejects.
    const todo = "Whose they are is said here in a moment, or in the list of labelers.";
    return [{ key: "rejected", grade: "rest", text: "Labels were rejected in the last minute.", todo, href: "#/labelers" }];
  }
  if (n === 0) return [];
  const text = n === 1 ? "One labeler is in trouble." : `${count(n)} labelers are in trouble.`;
  const todo = "They are listed below with the reason; the others are not affected.";
  return [{ key: "labelers", grade: "rest", text, todo, href: "#troubled" }];
}

/** States in which a labeler stays until its operator does something, which for most is never. */
export const LASTING: readonly State[] = ["gone", "no-service"];

/** How many are in trouble for good. They are listed, and nothing is said of them here: it would be said for ever. */
export function lasting({ labelers }: Status): number {
  return LASTING.reduce((sum, state) => sum + (labelers.by_state[state] ?? 0), 0);
}

/** How many labelers are in trouble that may end, so that one more makes a difference. */
export function needy(status: Status): number {
  return Math.max(0, status.troubled_total - lasting(status));
}
