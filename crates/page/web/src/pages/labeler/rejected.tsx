// What a labeler said that is no label: how much of which kind, and samples with the reason.

import { within } from "../../api/ask";
import { usePages } from "../../api/pages";
import { usePoll } from "../../api/poll";
import type { Rejected } from "../../api/shapes";
import { VerdictMark } from "../../parts/mark";
import { Empty, More, Section, Waiting } from "../../parts/pieces";
import { Table } from "../../parts/table";
import { When } from "../../parts/text";
import { count, many } from "../../words/format";
import { judgement } from "../../words/verdicts";

export function RejectedLabels({ did, total }: { did: string; total: number }) {
  const verdicts = usePoll<{ verdicts: Record<string, number> }>(within("labelers", did, "/verdicts"), 5_000);
  const pages = usePages<Rejected>(within("labelers", did, "/rejected"), "rejected", 5_000, 10);
  const { items, refusal } = pages;
  const counts = Object.entries(verdicts.data?.verdicts ?? {}).sort(([, one], [, other]) => other - one);
  return (
    <Section id="rejected-labels" title="Rejected" note={total > 0 && many(total, "label")}>
      {counts.length > 0 && (
        <ul class="verdicts">
          {counts.map(([verdict, n]) => (
            <li key={verdict}>
              <b>{count(n)}</b> <VerdictMark verdict={verdict} />
              <span class="hint">
                {judgement(verdict).means} {judgement(verdict).todo}
              </span>
            </li>
          ))}
        </ul>
      )}
      {!items ? (
        <Waiting refusal={refusal} what="samples" />
      ) : items.length === 0 ? (
        <Empty>Nothing it said was rejected.</Empty>
      ) : (
        <Table
          label="Rejected labels"
          rows={items}
          id={(one) => `${one.seq} ${one.received_at} ${one.verdict} ${JSON.stringify(one.label)?.slice(0, 200)}`}
          most={10_000}
          columns={[
            { key: "at", head: "received", cell: ({ received_at }) => <When at={received_at} /> },
            { key: "verdict", head: "verdict", cell: ({ verdict }) => <VerdictMark verdict={verdict} /> },
            { key: "reason", head: "reason", wide: true, cell: ({ reason }) => <span class="wrap">{reason}</span> },
            { key: "label", head: "label", wide: true, cell: ({ seq, label }) => <Sample seq={seq} label={label} /> },
          ]}
        />
      )}
      <More {...pages} />
    </Section>
  );
}

function Sample({ seq, label }: { seq: number; label: unknown }) {
  const { val, uri } = (typeof label === "object" && label !== null ? label : {}) as Record<string, unknown>;
  return (
    <details>
      <summary>
        {typeof val === "string" && <span class="val">{val}</span>}{" "}
        {typeof uri === "string" ? <span class="mono wrap hint">{uri}</span> : `frame ${count(seq)}`}
      </summary>
      <pre tabIndex={0}>{JSON.stringify({ seq, label }, null, 2)}</pre>
    </details>
  );
}
