// One question to the service. It has a time limit, and its end is either an answer, a refusal in the service's own
// shape, or silence; what is no JSON comes from somebody in between and counts as silence.

import * as line from "./line";

const PATIENCE_MS = 10_000;

export const STATUS = "status";

/** The service said no. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly kind: string,
    message: string,
  ) {
    super(message);
  }
}

/** Nobody said anything. */
export class NoAnswer extends Error {}

/** The asker has left. */
export class Withdrawn extends Error {}

export interface Asking {
  body?: unknown;
  signal?: AbortSignal;
  patience?: number;
}

export async function ask<T>(path: string, { body, signal, patience = PATIENCE_MS }: Asking = {}): Promise<T> {
  const limit = AbortSignal.timeout(patience);
  const request: RequestInit = {
    cache: "no-store",
    redirect: "error",
    signal: signal ? AbortSignal.any([signal, limit]) : limit,
  };
  if (body !== undefined) {
    request.method = "POST";
    request.headers = { "content-type": "application/json" };
    request.body = JSON.stringify(body);
  }
  let response: Response;
  let text: string;
  try {
    response = await fetch(address(path), request);
    text = await response.text();
  } catch {
    if (signal?.aborted) throw new Withdrawn();
    // A question that takes long says nothing about the service, but that how it is doing takes long does.
    if (limit.aborted && path !== STATUS) throw new NoAnswer("It takes too long to answer that; try again.");
    line.silent();
    throw new NoAnswer("labeltap does not answer.");
  }
  return read<T>(response, text);
}

function read<T>(response: Response, text: string): T {
  let said: unknown;
  try {
    said = text === "" ? undefined : JSON.parse(text);
  } catch {
    line.silent();
    throw new NoAnswer(`something else answers in labeltap's place, with status ${response.status}.`);
  }
  if (response.status === 401) {
    line.locked();
    throw new Refusal(401, "AuthRequired", "The password is needed.");
  }
  line.answered();
  if (response.ok) return said as T;
  const { error, message } = (said ?? {}) as { error?: unknown; message?: unknown };
  throw new Refusal(response.status, String(error ?? response.status), String(message ?? response.statusText));
}

/**
 * Where `path` is. Written out, since the page's own address may have been given with user and password in it: a path
 * would inherit them, and browsers ask no such address. They remember what they were given all the same.
 */
function address(path: string): string {
  return new URL(path, `${location.origin}${location.pathname}`).href;
}

/** A path with one part that others wrote. */
export function within(before: string, part: string, after = ""): string {
  return `${before}/${encodeURIComponent(part)}${after}`;
}

/** A path with those of the parameters that have a value. */
export function query(path: string, parameters: Record<string, string | number | undefined>): string {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== "");
  if (given.length === 0) return path;
  return `${path}?${given.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join("&")}`;
}
