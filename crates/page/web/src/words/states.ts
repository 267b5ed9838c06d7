// What a labeler can be doing, in words for whoever has to do something about it. docs/labelers.md says more.

import type { State } from "../api/shapes";

/** How it stands: the colour and the sign of a state. */
export type Mood = "good" | "busy" | "rest" | "bad";

export interface Meaning {
  mood: Mood;
  name: string;
  means: string;
  todo: string;
}

export const STATES: Record<State, Meaning> = {
  live: { mood: "good", name: "live", means: "Caught up; what it says arrives as it is said.", todo: "Nothing." },
  backfilling: {
    mood: "busy",
    name: "backfilling",
    means: "What it said before is being read.",
    todo: "Nothing; it takes a while.",
  },
  connecting: {
    mood: "busy",
    name: "connecting",
    means: "Its DID document is being read, or its stream is being opened.",
    todo: "Nothing; wait a moment.",
  },
  pending: { mood: "busy", name: "pending", means: "Nobody has looked at it yet.", todo: "Nothing; wait a moment." },
  waiting: {
    mood: "rest",
    name: "waiting",
    means: "The last try failed; it is tried again by itself, after growing waits of 10 minutes at most.",
    todo: "Nothing, unless it lasts: a server or directory that is away comes back by itself. Then read the error.",
  },
  paused: {
    mood: "rest",
    name: "paused",
    means: "More labelers than connections are allowed; places go round, a minute each.",
    todo: "Raise --labeler-parallelism.",
  },
  "no-service": {
    mood: "bad",
    name: "no service",
    means: "Its DID document has no #atproto_labeler service that can be used, so there is nothing to connect to.",
    todo: "Tell whoever runs it, or remove it. It is looked at again hourly.",
  },
  "no-key": {
    mood: "bad",
    name: "no key",
    means: "Its DID document has no #atproto_label key that can be used, so nothing it says can be checked.",
    todo: "Tell whoever runs it, or remove it. It is looked at again hourly.",
  },
  "auth-required": {
    mood: "bad",
    name: "wants a password",
    means: "Its stream answers 401 or 403. Labels are public; this is a mistake in its set-up.",
    todo: "Tell whoever runs it. It is tried again by itself.",
  },
  gone: {
    mood: "bad",
    name: "gone",
    means: "There is no such DID any more: a tombstone, or a deleted account. What it said stays stored.",
    todo: "Remove it, and have its labels deleted too if they are to go.",
  },
  "over-limit": {
    mood: "bad",
    name: "over the limit",
    means: "As many of its labels are stored as --max-labels-per-labeler allows; nothing more is read.",
    todo: "Raise that limit, or remove the labeler.",
  },
};

/** The order in which states are shown: what goes well first. */
export const ORDER: State[] = [
  "live",
  "backfilling",
  "connecting",
  "pending",
  "paused",
  "waiting",
  "auth-required",
  "no-service",
  "no-key",
  "over-limit",
  "gone",
];

export function meaning(state: string): Meaning {
  return STATES[state as State] ?? { mood: "rest", name: state, means: "A state that this page does not know.", todo: "" };
}
