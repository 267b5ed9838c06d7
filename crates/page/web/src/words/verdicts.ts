// What can be said of a label, in words.

export interface Judgement {
  means: string;
  todo: string;
}

const VERDICTS: Record<string, Judgement> = {
  verified: { means: "The signature holds under the labeler's key.", todo: "" },
  "verified-old-key": { means: "The signature holds under a key that the labeler had at the time.", todo: "" },
  "bad-signature": {
    means: "The signature holds under no key the labeler had at the time.",
    todo: "If there are many, it signs wrongly: labeltap check tells its operator how. Right after a change of keys it mends itself.",
  },
  unsigned: { means: "There is no signature.", todo: "The labeler runs old software; tell its operator." },
  "foreign-src": {
    means: "It is said in the name of somebody else than the labeler that sent it.",
    todo: "A labeler that relays others, or forges. Such labels are never taken.",
  },
  "unsupported-version": { means: "The version is missing or not 1.", todo: "The labeler runs old software." },
  malformed: {
    means: "A field is missing, of the wrong type or over its limit, or the encoding is not canonical.",
    todo: "The reason of each sample says which.",
  },
};

/** Those that are no labels. */
export const REJECTED = ["malformed", "unsupported-version", "foreign-src", "unsigned", "bad-signature"];

export const ALL_VERDICTS = ["verified", "verified-old-key", ...REJECTED];

export function judgement(verdict: string): Judgement {
  return VERDICTS[verdict] ?? { means: "", todo: "" };
}
