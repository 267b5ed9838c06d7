// How far the consumers are behind, in brief.

import type { Status, StatusConsumer } from "../../api/shapes";
import { Section } from "../../parts/pieces";
import { Table } from "../../parts/table";
import { to } from "../../route";
import { compact, count, duration } from "../../words/format";

/** Who reads a consumer that is a part of the service. */
export const ITSELF = "labeltap itself (AppView)";

export function ConsumersBrief({ status }: { status: Status }) {
  const more = status.consumers_total - status.consumers.length;
  return (
    <Section id="consumers" title="Consumers" note={<a href={to(["consumers"])}>all</a>}>
      <Table
        label="Consumers"
        rows={status.consumers}
        id={({ name }) => name}
        columns={[
          { key: "name", head: "name", lead: true, cell: ({ name }) => <a href={to(["consumers", name])}>{name}</a> },
          { key: "lag", head: "behind", number: true, cell: ({ lag }) => <span title={count(lag)}>{compact(lag)}</span> },
          { key: "flight", head: "in flight", number: true, cell: ({ in_flight }) => count(in_flight) },
          { key: "oldest", head: "oldest unacked", number: true, cell: oldest },
          { key: "who", head: "reader", cell: (one) => reader(one) },
        ]}
      />
      {more > 0 && <p class="hint">…and {count(more)} that are less behind.</p>}
    </Section>
  );
}

function oldest({ oldest_unacked_seconds: seconds }: StatusConsumer): string {
  return seconds === undefined ? "–" : duration(seconds);
}

function reader({ connections, webhook, reserved, last_error }: StatusConsumer) {
  return (
    <>
      {reserved ? ITSELF : webhook ? "webhook" : connections === 0 ? "nobody connected" : `${connections} connected`}
      {last_error && <q class="said">{last_error}</q>}
    </>
  );
}
