// Which handle goes with which DID, from whatever was answered so far.

const names = new Map<string, string>();

export function learnNames(known: Iterable<{ did: string; handle?: string }>): void {
  for (const { did, handle } of known) {
    if (handle) names.set(did, handle);
  }
}

export function nameOf(did: string): string | undefined {
  return names.get(did);
}
