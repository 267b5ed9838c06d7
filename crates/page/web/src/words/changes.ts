// What happens to a labeler, in words.

const CHANGES: Record<string, string> = {
  added: "added",
  connected: "connected",
  "caught-up": "caught up: everything it said before is stored",
  disconnected: "connection lost",
  "key-changed": "it signs with a new key",
  "service-changed": "it moved to another address",
  "sequence-reset": "it started over; everything is read again",
  gap: "something it said cannot be had any more",
  removed: "removed",
  gone: "gone: there is no such account any more",
};

export function change(name: string): string {
  return CHANGES[name] ?? name;
}

const SOURCES: Record<string, string> = {
  api: "added by hand or by a program",
  config: "named by --labelers",
  identity: "seen on the firehose (identity)",
  record: "seen on the firehose (its declaration)",
  "relay-list": "in the relay's list",
  plc: "in the directory's log",
};

export function source(name: string): string {
  return SOURCES[name] ?? name;
}
