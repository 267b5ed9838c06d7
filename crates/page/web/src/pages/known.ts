// The handles of everybody followed, for pages that show labels of many. Asked for once in a while.

import { allLabelers } from "../api/pages";
import { usePoll } from "../api/poll";

const EVERY_MS = 300_000;

export function useNames(): void {
  usePoll("labelers", EVERY_MS, allLabelers);
}
