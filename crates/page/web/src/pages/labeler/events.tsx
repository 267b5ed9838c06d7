// What happened to a labeler, and when.

import { within } from "../../api/ask";
import { usePages } from "../../api/pages";
import type { Happening } from "../../api/shapes";
import { Empty, More, Section, Waiting } from "../../parts/pieces";
import { StateMark } from "../../parts/mark";
import { Table } from "../../parts/table";
import { When } from "../../parts/text";
import { change } from "../../words/changes";
import { count } from "../../words/format";

export function Events({ did }: { did: string }) {
  const pages = usePages<Happening>(within("labelers", did, "/events"), "events", 5_000, 15);
  const { items, refusal } = pages;
  return (
    <Section id="events" title="What happened">
      {!items ? (
        <Waiting refusal={refusal} what="events" />
      ) : items.length === 0 ? (
        <Empty>Nothing yet.</Empty>
      ) : (
        <Table
          label="What happened"
          rows={items}
          id={({ id }) => id}
          most={10_000}
          columns={[
            { key: "at", head: "when", cell: ({ at }) => <When at={at} /> },
            {
              key: "change",
              head: "what",
              wide: true,
              lead: true,
              cell: (one) => (
                <>
                  {change(one.change)}
                  {one.change === "service-changed" && one.service_url && <div class="hint mono wrap">{one.service_url}</div>}
                </>
              ),
            },
            { key: "state", head: "state then", cell: ({ state }) => <StateMark state={state} /> },
            { key: "cursor", head: "cursor", number: true, cell: ({ cursor }) => count(cursor) },
            { key: "epoch", head: "epoch", number: true, spare: true, cell: ({ epoch }) => count(epoch) },
          ]}
        />
      )}
      <More {...pages} />
    </Section>
  );
}
