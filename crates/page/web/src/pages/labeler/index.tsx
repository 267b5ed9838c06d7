// One labeler: how it is, what it is, what it says, and what has become of it.

import { useRef, useState } from "preact/hooks";
import { ask, within } from "../../api/ask";
import { usePoll } from "../../api/poll";
import type { Labeler } from "../../api/shapes";
import { StateMark } from "../../parts/mark";
import { Empty, Facts, Section, Title, Waiting } from "../../parts/pieces";
import { Copy, NextTry, When } from "../../parts/text";
import { to, go } from "../../route";
import { source } from "../../words/changes";
import { count } from "../../words/format";
import { learnNames } from "../../words/names";
import { meaning } from "../../words/states";
import { RemoveLabeler } from "../labelers/remove";
import { Declaration } from "./declaration";
import { Events } from "./events";
import { Keys } from "./keys";
import { RejectedLabels } from "./rejected";
import { ValueCounts } from "./values";

export function LabelerPage({ did }: { did: string }) {
  const { one, refusal, again } = useLabeler(did);
  const [removing, remove] = useState(false);
  if (one) learnNames([one]);
  if (!one) {
    return (
      <>
        <Title plain={did}>
          <span class="wrap did-title">{did}</span>
        </Title>
        {refusal?.status === 404 ? (
          <Empty>
            labeltap does not follow this account. <a href={to(["labelers"])}>Add it</a>, or see{" "}
            <a href={to(["subject", did])}>what is said about it</a>.
          </Empty>
        ) : (
          <Waiting refusal={refusal} what="labeler" />
        )}
      </>
    );
  }
  return (
    <>
      <div class="title">
        <Title plain={one.handle ?? did}>
          <span class={one.handle ? "wrap" : "wrap did-title"}>{one.handle ?? did}</span>
        </Title>
        <span class="actions">
          <a class="button" href={to(["tail"], { src: did })}>
            Watch live
          </a>
          <a class="button" href={to(["subject", did])}>
            What is said about it
          </a>
          <button type="button" class="danger quiet" onClick={() => remove(true)}>
            Remove…
          </button>
        </span>
      </div>
      <How one={one} />
      <Section id="facts" title="Facts">
        <Facts facts={facts(one)} />
      </Section>
      <ValueCounts did={did} />
      <RejectedLabels did={did} total={one.rejected} />
      <Declaration record={one.declaration} />
      <Events did={did} />
      <Keys did={did} present={one.key} />
      {removing && (
        <RemoveLabeler
          one={one}
          onClose={() => remove(false)}
          onRemoved={() => {
            again();
            go(to(["labelers"]));
          }}
        />
      )}
    </>
  );
}

/** A declaration may be 256 KiB, and comes with each answer: one longer than so many characters is asked for less often. */
const LONG_RECORD = 16_384;
const EVERY_MS = 2_000;
const SELDOM_MS = 10_000;

function useLabeler(did: string) {
  const kept = useRef<{ text: string | undefined; record: unknown }>({ text: undefined, record: undefined });
  const [every, pace] = useState(EVERY_MS);
  const { data: one, refusal, again } = usePoll<Labeler>(within("labelers", did), every, async (path, signal) => {
    const answer = await ask<Labeler>(path, { signal });
    const text = JSON.stringify(answer.declaration) as string | undefined;
    // The same object as before where it says the same, so that nothing is read and drawn again.
    if (text !== kept.current.text) kept.current = { text, record: answer.declaration };
    pace(text !== undefined && text.length > LONG_RECORD ? SELDOM_MS : EVERY_MS);
    return { ...answer, declaration: kept.current.record };
  });
  return { one, refusal, again };
}

/** How it is, in words. */
function How({ one }: { one: Labeler }) {
  const { mood, means, todo } = meaning(one.state);
  return (
    <div class={`headline ${mood}`}>
      <p class="sentence" role="status">
        <StateMark state={one.state} /> {means}
      </p>
      {one.error && (
        <p>
          The latest trouble: <q class="said">{one.error}</q>
        </p>
      )}
      {one.retry_after && (
        <p>
          <NextTry at={one.retry_after} failures={one.retry_count} />
        </p>
      )}
      {mood !== "good" && mood !== "busy" && (
        <p>
          <strong>What to do:</strong> {todo}
        </p>
      )}
    </div>
  );
}

function facts(one: Labeler): [string, preact.ComponentChildren][] {
  const wrap = (text: string | undefined, otherwise: string) => (text ? <span class="mono wrap">{text}</span> : otherwise);
  return [
    [
      "DID",
      <>
        <span class="mono wrap">{one.did}</span> <Copy text={one.did} what="the DID" />
      </>,
    ],
    ["handle", wrap(one.handle, "none that leads back to this DID")],
    ["address", wrap(one.service_url, "not known")],
    [
      "key",
      one.key ? (
        <>
          <span class="mono wrap">{one.key}</span> <Copy text={one.key} what="the key" />
        </>
      ) : (
        "not known"
      ),
    ],
    ["labels stored", count(one.labels)],
    ["rejected", count(one.rejected)],
    ["last label", one.last_label_at ? <When at={one.last_label_at} /> : "none yet"],
    ["connected", one.connected_since ? <>since <When at={one.connected_since} /></> : "no"],
    ["caught up", one.caught_up ? "yes" : "not yet"],
    ["cursor", `${count(one.cursor)}, the sequence number of the last frame stored`],
    ["epoch", one.epoch > 1 ? `${count(one.epoch)}: it has started over` : count(one.epoch)],
    ["known from", one.sources.map(source).join("; ") || "not known"],
  ];
}
