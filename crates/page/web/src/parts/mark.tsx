// A state or verdict as a sign with its name. The sign has a shape for each mood, so colour is never all there is.

import { meaning, type Mood } from "../words/states";

export function Sign({ mood }: { mood: Mood }) {
  return (
    <svg class={`sign ${mood}`} viewBox="0 0 12 12" width="12" height="12" aria-hidden="true" focusable="false">
      {mood === "good" && <circle cx="6" cy="6" r="5" />}
      {mood === "busy" && (
        <>
          <circle cx="6" cy="6" r="4" class="ring" />
          <path d="M6 2a4 4 0 0 1 0 8z" />
        </>
      )}
      {mood === "rest" && <path d="M6 .8 11.6 11H.4z" />}
      {mood === "bad" && <path d="M2.6.8 6 4.2 9.4.8l1.8 1.8L7.8 6l3.4 3.4-1.8 1.8L6 7.8l-3.4 3.4-1.8-1.8L4.2 6 .8 2.6z" />}
    </svg>
  );
}

export function StateMark({ state }: { state: string }) {
  const { mood, name, means } = meaning(state);
  return (
    <span class={`mark ${mood}`} title={means}>
      <Sign mood={mood} />
      {name}
    </span>
  );
}

const GOOD = ["verified", "verified-old-key"];

export function VerdictMark({ verdict }: { verdict: string }) {
  const mood = GOOD.includes(verdict) ? "good" : "bad";
  return (
    <span class={`mark ${mood}`}>
      <Sign mood={mood} />
      {verdict}
    </span>
  );
}
