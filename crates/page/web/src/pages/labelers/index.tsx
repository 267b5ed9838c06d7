// Everybody that is followed: to be filtered, sorted, added and removed.

import { useState } from "preact/hooks";
import { allLabelers } from "../../api/pages";
import type { Labeler, Status } from "../../api/shapes";
import { usePoll } from "../../api/poll";
import { StateMark } from "../../parts/mark";
import { Empty, Section, Title, Waiting } from "../../parts/pieces";
import { type Sorting, Table } from "../../parts/table";
import { When, Who } from "../../parts/text";
import { become, type Route, to } from "../../route";
import { compact, count, many } from "../../words/format";
import { meaning, ORDER } from "../../words/states";
import { AddLabeler } from "./add";
import { RemoveLabeler } from "./remove";

/** How often a list of so many is asked for; a thousand are half a megabyte. */
function pace(total: number): number {
  if (total <= 300) return 3_000;
  return total <= 2_000 ? 10_000 : 30_000;
}

export function Labelers({ route, status }: { route: Route; status?: Status | undefined }) {
  const polled = usePoll<Labeler[]>("labelers", pace(status?.labelers.total ?? 0), allLabelers);
  const [removing, remove] = useState<Labeler>();
  const [sorting, sort] = useState<Sorting>({ key: "state", down: true });
  const state = route.query.get("state") ?? "";
  const text = route.query.get("q") ?? "";
  const ask = (next: { state?: string; q?: string }) => become(to(["labelers"], { state, q: text, ...next }));
  const all = polled.data;
  const shown = all?.filter((one) => (state === "" || one.state === state) && has(one, text));

  return (
    <>
      <Title plain="Labelers">Labelers</Title>
      <Section id="add-title" title="Add a labeler">
        <AddLabeler onAdded={polled.again} />
      </Section>
      <Section id="list" title="All labelers" note={all && shown && told(all.length, shown.length)}>
        <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
          <label>
            <span>Search</span>
            <input
              type="search"
              data-search
              value={text}
              placeholder="handle, DID, address or error"
              onInput={(event) => ask({ q: event.currentTarget.value })}
            />
          </label>
          <label>
            <span>State</span>
            <select value={state} onChange={(event) => ask({ state: event.currentTarget.value })}>
              <option value="">any</option>
              {ORDER.map((one) => (
                <option key={one} value={one}>
                  {meaning(one).name}
                  {all ? ` (${count(all.filter((labeler) => labeler.state === one).length)})` : ""}
                </option>
              ))}
            </select>
          </label>
        </form>
        {state !== "" && <p class="hint">{meaning(state).means} {meaning(state).todo !== "Nothing." && meaning(state).todo}</p>}
        {!shown && <Waiting refusal={polled.refusal} what="list" />}
        {all?.length === 0 && <Empty>Nobody is followed yet. Add a labeler above.</Empty>}
        {shown?.length === 0 && all && all.length > 0 && <Empty>None of the {many(all.length, "labeler")} is like that.</Empty>}
        {shown && shown.length > 0 && (
          <Table
            label="Labelers"
            rows={shown}
            id={({ did }) => did}
            sorting={sorting}
            onSort={sort}
            columns={[
              { key: "who", head: "labeler", lead: true, cell: ({ did, handle }) => <Who did={did} handle={handle} />, order: byName },
              {
                key: "state",
                head: "state",
                wide: true,
                cell: ({ state, error }) => (
                  <>
                    <StateMark state={state} />
                    {error && <q class="said">{error}</q>}
                  </>
                ),
                order: (one, other) => rank(one) - rank(other) || byName(other, one),
              },
              { key: "labels", head: "labels", number: true, cell: ({ labels }) => number(labels), order: (a, b) => a.labels - b.labels },
              {
                key: "rejected",
                head: "rejected",
                number: true,
                cell: ({ rejected }) => number(rejected),
                order: (a, b) => a.rejected - b.rejected,
              },
              {
                key: "last",
                head: "last label",
                cell: ({ last_label_at }) => (last_label_at ? <When at={last_label_at} /> : "never"),
                order: (a, b) => time(a.last_label_at) - time(b.last_label_at),
              },
              {
                key: "remove",
                head: "action",
                plain: true,
                cell: (one) => (
                  <button type="button" class="quiet" onClick={() => remove(one)} aria-label={`Remove ${one.handle ?? one.did}`}>
                    remove
                  </button>
                ),
              },
            ]}
          />
        )}
      </Section>
      {removing && (
        <RemoveLabeler
          one={removing}
          onClose={() => remove(undefined)}
          onRemoved={() => {
            remove(undefined);
            polled.again();
          }}
        />
      )}
    </>
  );
}

function told(all: number, shown: number): string {
  return all === shown ? many(all, "labeler") : `${count(shown)} of ${count(all)}`;
}

function number(n: number) {
  return <span title={count(n)}>{compact(n)}</span>;
}

function has(one: Labeler, text: string): boolean {
  const wanted = text.trim().toLowerCase();
  return [one.did, one.handle, one.service_url, one.error].some((part) => part?.toLowerCase().includes(wanted));
}

function byName(one: Labeler, other: Labeler): number {
  // Those without a handle come after those with one.
  const name = ({ handle, did }: Labeler) => (handle ? `a${handle}` : `b${did}`);
  return name(one) < name(other) ? -1 : 1;
}

function rank({ state }: Labeler): number {
  return ORDER.indexOf(state);
}

function time(at?: string): number {
  return at ? Date.parse(at) : 0;
}
