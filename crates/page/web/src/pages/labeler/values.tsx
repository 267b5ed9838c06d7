// What a labeler says, counted by value and time.

import { within } from "../../api/ask";
import { usePoll } from "../../api/poll";
import type { Values } from "../../api/shapes";
import { Columns, COLOURS, type Layer } from "../../charts/columns";
import { Empty, Section, Waiting } from "../../parts/pieces";
import { Table } from "../../parts/table";
import { When } from "../../parts/text";
import { count, many, percent, period } from "../../words/format";

const EVERY_MS = 30_000;

export function ValueCounts({ did }: { did: string }) {
  const { data, refusal } = usePoll<Values>(within("labelers", did, "/values"), EVERY_MS);
  return (
    <Section id="values" title="What it says" note={data && <>counted <When at={data.as_of} /></>}>
      {!data && refusal?.status === 503 ? (
        <Empty>Its labels are being counted for the first time: {refusal.message}</Empty>
      ) : !data ? (
        <Waiting refusal={refusal} what="counts" />
      ) : data.labels === 0 ? (
        <Empty>No label of it is stored.</Empty>
      ) : (
        <Counted values={data} />
      )}
    </Section>
  );
}

function Counted({ values }: { values: Values }) {
  const layers = layersOf(values);
  const rows = [
    ...values.values.map((one) => ({ ...one, name: one.val, own: true })),
    ...(values.others.values > 0 ? [{ ...values.others, name: many(values.others.values, "other value"), own: false }] : []),
  ];
  return (
    <>
      <Columns periods={values.periods} layers={layers} label={summary(values)} />
      <Table
        label="Labels by value"
        rows={rows}
        id={({ name, own }) => `${own}${name}`}
        most={30}
        columns={[
          { key: "val", head: "value", wide: true, lead: true, cell: ({ name, own }) => <span class={own ? "val" : "hint"}>{name}</span> },
          { key: "labels", head: "labels", number: true, cell: ({ labels }) => count(labels) },
          { key: "share", head: "share", number: true, cell: ({ labels }) => percent(labels, values.labels) },
          { key: "negations", head: "taken back", number: true, cell: ({ negations }) => count(negations) },
        ]}
      />
      <details>
        <summary>By {values.step}, as a table</summary>
        <ByPeriod values={values} layers={layers} />
      </details>
    </>
  );
}

/** The largest by themselves, the rest as one. */
function layersOf({ values, others, periods }: Values): Layer[] {
  const own = values.slice(0, values.length > COLOURS ? COLOURS - 1 : COLOURS);
  const rest = [...values.slice(own.length), ...(others.values > 0 ? [others] : [])];
  const layers = own.map(({ val, counts }) => ({ name: val, counts }));
  if (rest.length === 0) return layers;
  const counts = periods.map((_, at) => rest.reduce((sum, one) => sum + (one.counts[at] ?? 0), 0));
  return [...layers, { name: "all others", counts }];
}

function summary(values: Values): string {
  const most = values.values.slice(0, 3).map(({ val, labels }) => `${val} ${count(labels)}`);
  const from = period(values.periods[0] ?? "");
  const to = period(values.periods.at(-1) ?? "");
  return `Columns of labels by ${values.step}, from ${from} to ${to}: ${count(values.labels)} in all. Most: ${most.join(", ")}.`;
}

function ByPeriod({ values, layers }: { values: Values; layers: Layer[] }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={`Labels by ${values.step}`}>
      <table class="plain">
        <thead>
          <tr>
            <th scope="col">{values.step}</th>
            {layers.map(({ name }) => (
              <th key={name} scope="col" class="number">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {values.periods.map((name, at) => (
            <tr key={name}>
              <th scope="row">{period(name)}</th>
              {layers.map((layer) => (
                <td key={layer.name} class="number">
                  {count(layer.counts[at] ?? 0)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
