// What the service answers, as `schema/openapi.json` has it. Whatever may be absent is optional, and nothing is null.

export type State =
  | "pending"
  | "connecting"
  | "backfilling"
  | "live"
  | "waiting"
  | "no-service"
  | "no-key"
  | "auth-required"
  | "gone"
  | "paused"
  | "over-limit";

export interface Status {
  version: string;
  now: string;
  started_at: string;
  store: {
    accepts_writes: boolean;
    refusal?: string;
    labels: number;
    last_id: number;
    file_bytes: number;
    free_bytes?: number;
    min_free_bytes: number;
  };
  limits: { labelers: number; labels_per_labeler?: number };
  labelers: { total: number; by_state: Partial<Record<State, number>> };
  rejected: Record<string, number>;
  rates: { labels: number; rejected: number; delivered: number };
  history: History;
  backfills: Backfill[];
  backfilling: number;
  busiest: { did: string; handle?: string; labels_per_second: number; labels: number }[];
  troubled: Troubled[];
  troubled_total: number;
  firehose?: {
    connected: boolean;
    error?: string;
    lag_seconds?: number;
    silent_seconds?: number;
    events: number;
    cursor: number;
  };
  consumers: StatusConsumer[];
  consumers_total: number;
}

/** Counts per step, oldest first. */
export interface History {
  step_seconds: number;
  labels: number[];
  rejected: number[];
  delivered: number[];
}

export interface Backfill {
  did: string;
  handle?: string;
  state: State;
  cursor: number;
  head?: number;
  labels: number;
  labels_per_second: number;
  seconds_left?: number;
}

export interface Troubled {
  did: string;
  handle?: string;
  state: State;
  error?: string;
  rejected: number;
  rejected_per_minute: number;
  retry_count: number;
  retry_after?: string;
}

export interface StatusConsumer {
  name: string;
  /** A part of labeltap itself. */
  reserved?: boolean;
  lag: number;
  in_flight: number;
  connections: number;
  oldest_unacked_seconds?: number;
  webhook?: boolean;
  last_error?: string;
}

export interface Labeler {
  did: string;
  handle?: string;
  state: State;
  service_url?: string;
  key?: string;
  cursor: number;
  epoch: number;
  caught_up: boolean;
  labels: number;
  rejected: number;
  last_label_at?: string;
  connected_since?: string;
  error?: string;
  retry_count: number;
  retry_after?: string;
  sources: string[];
  /** A record as somebody else wrote it: of any shape. */
  declaration?: unknown;
}

/** What a labeler said. One that was accepted has all of it; of any other what is not of its type is left out. */
export interface Label {
  src?: string;
  uri?: string;
  val?: string;
  cts?: string;
  cid?: string;
  neg?: boolean;
  exp?: string;
  [other: string]: unknown;
}

export interface Rejected {
  seq: number;
  verdict: string;
  reason: string;
  received_at: string;
  label?: unknown;
}

export interface Happening {
  id: number;
  change: string;
  state: State;
  service_url?: string;
  cursor: number;
  epoch: number;
  at: string;
}

export interface KeyTime {
  key: string;
  from?: string;
  until?: string;
}

export interface Values {
  step: "day" | "month";
  periods: string[];
  values: (Counted & { val: string })[];
  others: Counted & { values: number };
  labels: number;
  as_of: string;
}

export interface Counted {
  labels: number;
  negations: number;
  counts: number[];
}

export interface Subject {
  subject: string;
  labels: Label[];
  history: Said[];
  cursor?: string;
}

export interface Said {
  id: number;
  seq: number;
  received_at: string;
  label: Label;
}

export interface Tail {
  events: TailEvent[];
  next: number;
  /** Taken by the filter, and more than were asked for. */
  left_out: number;
  /** Not looked at, since there was too much of the log to read. */
  passed_over?: number;
}

export interface TailEvent {
  id: number;
  type: string;
  label?: Label & { labelerDID?: string; live?: boolean; seq?: number; verdict?: string };
  labeler?: { did: string; change: string; state: State; cursor?: number; epoch?: number };
  label_state?: { src: string; uri: string; val: string; state: string; label_id: number };
}

export interface Consumer {
  name: string;
  position: number;
  lag: number;
  in_flight: number;
  connections: number;
  filter?: Record<string, string[]>;
  webhook?: string;
  last_error?: string;
}

export interface Dead {
  id: number;
  deliveries: number;
  last_error?: string;
}
