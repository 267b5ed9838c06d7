// One consumer: how it goes, what it takes, and the events that were set aside.

import { useState } from "preact/hooks";
import { ask, within } from "../../api/ask";
import { usePages } from "../../api/pages";
import { usePoll } from "../../api/poll";
import type { Consumer, Dead, Status } from "../../api/shapes";
import { Empty, Facts, More, Problem, Section, Title, Waiting } from "../../parts/pieces";
import { Table } from "../../parts/table";
import { to } from "../../route";
import { count, many } from "../../words/format";
import { oldest, Reader } from "./index";

/** So many at once. */
const MOST_RETRIED = 1_000;

export function ConsumerPage({ name, status }: { name: string; status?: Status | undefined }) {
  const { data: one, refusal } = usePoll<Consumer>(within("consumers", name), 2_000);
  const timed = status?.consumers.find((other) => other.name === name);
  return (
    <>
      <Title plain={`Consumer ${name}`}>
        Consumer <span class="wrap">{name}</span>
      </Title>
      {!one ? (
        refusal?.status === 404 ? (
          <Empty>
            There is no consumer of that name. <a href={to(["consumers"])}>All consumers</a>
          </Empty>
        ) : (
          <Waiting refusal={refusal} what="consumer" />
        )
      ) : (
        <>
          <Section id="facts" title="How it goes">
            <Facts
              facts={[
                ["behind", many(one.lag, "event")],
                ["in flight", `${count(one.in_flight)}: sent, and not acked yet`],
                ["oldest unacked", oldest(timed)],
                ["read by", <Reader one={one} reserved={timed?.reserved} />],
                ["position", `${count(one.position)}: every event up to this one is acked or passed over`],
                ["takes", <Takes filter={one.filter} />],
              ]}
            />
          </Section>
          <DeadLetters name={name} />
        </>
      )}
    </>
  );
}

function Takes({ filter }: { filter?: Record<string, string[]> | undefined }) {
  const fields = Object.entries(filter ?? {});
  if (fields.length === 0) return <>everything</>;
  return (
    <ul class="filter">
      {fields.map(([field, values]) => (
        <li key={field}>
          <code>{field}</code> <span class="wrap">{values.join(" or ")}</span>
        </li>
      ))}
    </ul>
  );
}

function DeadLetters({ name }: { name: string }) {
  const pages = usePages<Dead>(within("consumers", name, "/dead"), "dead", 3_000, 100);
  const [busy, setBusy] = useState(false);
  const [said, say] = useState<{ trouble: boolean; text: string }>();
  const { items, refusal } = pages;

  const retry = async (ids: number[]) => {
    if (busy) return;
    setBusy(true);
    say(undefined);
    try {
      await ask(within("consumers", name, "/dead/retry"), { body: { ids } });
      say({ trouble: false, text: `${many(ids.length, "event")} on the way again.` });
      pages.again();
    } catch (error) {
      say({ trouble: true, text: error instanceof Error ? error.message : String(error) });
    } finally {
      setBusy(false);
    }
  };

  return (
    <Section
      id="dead"
      title="Set aside"
      note={
        items &&
        items.length > 0 && (
          <button type="button" disabled={busy} onClick={() => retry(items.slice(0, MOST_RETRIED).map(({ id }) => id))}>
            Send all shown again
          </button>
        )
      }
    >
      {said && (said.trouble ? <Problem>{said.text}</Problem> : <p role="status" class="said">{said.text}</p>)}
      {!items ? (
        <Waiting refusal={refusal} what="events" />
      ) : items.length === 0 ? (
        <Empty>No event has been set aside. With --max-deliveries those that fail so often end up here.</Empty>
      ) : (
        <Table
          label="Events set aside"
          rows={items}
          id={({ id }) => id}
          most={10_000}
          columns={[
            { key: "id", head: "event", number: true, cell: ({ id }) => count(id) },
            { key: "deliveries", head: "sent", number: true, cell: ({ deliveries }) => many(deliveries, "time") },
            { key: "error", head: "last error", wide: true, cell: ({ last_error }) => (last_error ? <q class="said">{last_error}</q> : "–") },
            {
              key: "retry",
              head: "action",
              plain: true,
              cell: ({ id }) => (
                <button type="button" class="quiet" disabled={busy} onClick={() => retry([id])} aria-label={`send again: event ${id}`}>
                  send again
                </button>
              ),
            },
          ]}
        />
      )}
      <More {...pages} />
    </Section>
  );
}
