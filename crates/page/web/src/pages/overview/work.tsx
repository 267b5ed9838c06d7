// Who is being read at the moment, and who says most.

import type { Status } from "../../api/shapes";
import { Progress, Section } from "../../parts/pieces";
import { Table } from "../../parts/table";
import { Who } from "../../parts/text";
import { compact, count, duration, percent, perSecond } from "../../words/format";

export function Backfills({ status }: { status: Status }) {
  const { backfills, backfilling } = status;
  const note = backfills.length < backfilling ? `the ${backfills.length} fastest of ${count(backfilling)}` : undefined;
  return (
    <Section id="backfills" title="Backfills" note={note}>
      <Table
        label="Backfills"
        rows={backfills}
        id={({ did }) => did}
        columns={[
          { key: "who", head: "labeler", lead: true, cell: ({ did, handle }) => <Who did={did} handle={handle} /> },
          {
            key: "progress",
            head: "progress",
            wide: true,
            cell: ({ did, handle, cursor, head }) => (
              <>
                <Progress label={`Backfill of ${handle ?? did}`} done={cursor} all={head} />
                <span class="hint">
                  {head === undefined
                    ? `at ${count(cursor)}; the end is not known yet`
                    : `${percent(cursor, head)}: ${count(cursor)} of ${count(head)}`}
                </span>
              </>
            ),
          },
          { key: "labels", head: "labels", number: true, cell: ({ labels }) => compact(labels) },
          { key: "rate", head: "labels/s", number: true, cell: ({ labels_per_second }) => perSecond(labels_per_second) },
          {
            key: "left",
            head: "time left",
            number: true,
            cell: ({ seconds_left }) => (seconds_left === undefined ? "not known" : duration(seconds_left)),
          },
        ]}
      />
    </Section>
  );
}

export function Busiest({ status }: { status: Status }) {
  return (
    <Section id="busiest" title="Busiest in the last minute">
      <Table
        label="Busiest labelers"
        rows={status.busiest}
        id={({ did }) => did}
        columns={[
          { key: "who", head: "labeler", lead: true, cell: ({ did, handle }) => <Who did={did} handle={handle} /> },
          { key: "rate", head: "labels/s", number: true, cell: ({ labels_per_second }) => perSecond(labels_per_second) },
          { key: "labels", head: "labels", number: true, cell: ({ labels }) => compact(labels) },
        ]}
      />
    </Section>
  );
}
