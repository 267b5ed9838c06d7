// Who reads what labeltap delivers, and how far behind they are.

import { ask, query } from "../../api/ask";
import { usePoll } from "../../api/poll";
import type { Consumer, Status, StatusConsumer } from "../../api/shapes";
import { Section, Title, Waiting } from "../../parts/pieces";
import { Table } from "../../parts/table";
import { to } from "../../route";
import { count, duration, many } from "../../words/format";
import { ITSELF } from "../overview/consumers";

const MOST_PAGES = 20;

export function Consumers({ status }: { status?: Status | undefined }) {
  const { data, refusal } = usePoll<Consumer[]>("consumers", 2_000, all);
  const timed = new Map<string, StatusConsumer>(status?.consumers.map((one) => [one.name, one]));
  return (
    <>
      <Title plain="Consumers">Consumers</Title>
      <Section id="consumers" title="All consumers" note={data && many(data.length, "consumer")}>
        {!data ? (
          <Waiting refusal={refusal} what="consumers" />
        ) : (
          <Table
            label="Consumers"
            rows={data}
            id={({ name }) => name}
            columns={[
              { key: "name", head: "name", lead: true, cell: ({ name }) => <a href={to(["consumers", name])}>{name}</a> },
              { key: "lag", head: "behind", number: true, cell: ({ lag }) => count(lag) },
              { key: "flight", head: "in flight", number: true, cell: ({ in_flight }) => count(in_flight) },
              { key: "oldest", head: "oldest unacked", number: true, cell: ({ name }) => oldest(timed.get(name)) },
              { key: "who", head: "read by", wide: true, cell: (one) => <Reader one={one} reserved={timed.get(one.name)?.reserved} /> },
            ]}
          />
        )}
        <p class="hint">
          A consumer is a named reader of the log. It gets every event it asks for until it acks it, so one that nobody reads only
          falls behind; nothing is lost by that. docs/delivery.md says how they are made.
        </p>
      </Section>
    </>
  );
}

async function all(_path: string, signal: AbortSignal): Promise<Consumer[]> {
  const found: Consumer[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const answer = await ask<{ consumers: Consumer[]; cursor?: string }>(query("consumers", { limit: 1000, cursor }), { signal });
    found.push(...answer.consumers);
    cursor = answer.cursor;
    if (cursor === undefined) break;
  }
  return found;
}

/** `/status` tells it of the fifty that are most behind. */
export function oldest(one?: StatusConsumer): string {
  if (!one) return "not known";
  return one.oldest_unacked_seconds === undefined ? "–" : duration(one.oldest_unacked_seconds);
}

export function Reader({ one, reserved = false }: { one: Consumer; reserved?: boolean | undefined }) {
  const { webhook, connections, last_error } = one;
  return (
    <>
      {reserved ? (
        ITSELF
      ) : webhook ? (
        <>
          webhook <span class="mono wrap">{webhook}</span>
        </>
      ) : connections === 0 ? (
        "nobody connected"
      ) : (
        many(connections, "connection")
      )}
      {last_error && <q class="said">{last_error}</q>}
    </>
  );
}
