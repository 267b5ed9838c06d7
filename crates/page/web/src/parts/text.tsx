// Small pieces of text: times, who somebody is, what can be copied.

import { useEffect, useRef, useState } from "preact/hooks";
import { to } from "../route";
import { absolute, count, relative } from "../words/format";
import { nameOf } from "../words/names";
import { useNow } from "../words/clock";
import { isSubject } from "../words/subject";

/** A time as a distance from now; the time itself is in the title. */
export function When({ at }: { at: string }) {
  const now = useNow();
  const ms = Date.parse(at);
  if (Number.isNaN(ms)) return <span>{at}</span>;
  return (
    <time dateTime={at} title={absolute(ms)}>
      {relative(ms, now)}
    </time>
  );
}

/** When somebody is tried again; one that is over is about to be. */
export function NextTry({ at, failures }: { at: string; failures: number }) {
  const due = Date.parse(at) <= useNow();
  return (
    <>
      {failures > 1 ? `Failed ${count(failures)} times in a row; the` : "The"} next try is {due ? "due" : <When at={at} />}.
    </>
  );
}

/** Whoever has this DID, under their handle where it is known; leads to the labeler's page. */
export function Who({ did, handle }: { did: string; handle?: string | undefined }) {
  const name = handle ?? nameOf(did);
  return (
    <a class="who" href={to(["labelers", did])} title={did}>
      {name ? (
        <>
          <span class="handle">{name}</span> <span class="did">{did}</span>
        </>
      ) : (
        <span class="did alone">{did}</span>
      )}
    </a>
  );
}

/** What a label is about: a link to the look-up where that knows such things, and to nowhere else. */
export function SubjectLink({ uri }: { uri: string }) {
  if (!isSubject(uri)) return <span class="mono wrap">{uri}</span>;
  return (
    <a class="mono wrap" href={to(["subject", uri])}>
      {uri}
    </a>
  );
}

export function Copy({ text, what }: { text: string; what: string }) {
  const [said, say] = useState("");
  const timer = useRef<number>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      say("copied");
    } catch {
      say("not copied: the browser does not allow it here");
    }
    clearTimeout(timer.current);
    timer.current = setTimeout(() => say(""), 2_000);
  };
  return (
    <>
      <button type="button" class="quiet copy" onClick={copy} aria-label={`Copy ${what}`}>
        copy
      </button>
      <span class="said" role="status">
        {said}
      </span>
    </>
  );
}
