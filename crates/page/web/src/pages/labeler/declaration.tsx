// The values that a labeler declares, in its own words.

import { useMemo, useState } from "preact/hooks";
import { Empty, Section } from "../../parts/pieces";
import { Table } from "../../parts/table";
import { many } from "../../words/format";
import { type Declared, declared } from "./record";

/** The record has to be the same object for as long as it says the same: it may be large, and is read once. */
export function Declaration({ record }: { record: unknown }) {
  const values = useMemo(() => declared(record, navigator.languages), [record]);
  const [opened, open] = useState(false);
  return (
    <Section id="declaration" title="Declaration" note={record === undefined ? undefined : many(values.length, "value")}>
      {record === undefined ? (
        <Empty>None is known: it has published no app.bsky.labeler.service record, or it has not been read yet.</Empty>
      ) : (
        <>
          <Table
            label="Declared values"
            rows={values}
            id={({ val }) => val}
            most={50}
            columns={[
              { key: "val", head: "value", lead: true, cell: ({ val }) => <span class="val">{val}</span> },
              { key: "name", head: "name and description", wide: true, cell: (one) => <Words one={one} /> },
              { key: "severity", head: "severity", cell: ({ severity }) => severity ?? "–" },
              { key: "blurs", head: "blurs", cell: ({ blurs }) => blurs ?? "–" },
              { key: "setting", head: "by default", cell: ({ setting, adult }) => `${setting ?? "–"}${adult ? ", adults only" : ""}` },
            ]}
          />
          <details onToggle={(event) => open(event.currentTarget.open)}>
            <summary>The record as it is</summary>
            {opened && <AsItIs record={record} />}
          </details>
        </>
      )}
    </Section>
  );
}

function AsItIs({ record }: { record: unknown }) {
  const text = useMemo(() => JSON.stringify(record, null, 2), [record]);
  return <pre tabIndex={0}>{text}</pre>;
}

function Words({ one: { name, description, lang } }: { one: Declared }) {
  if (name === undefined && description === undefined) return <span class="hint">no definition of its own</span>;
  return (
    <span lang={lang} dir="auto">
      <strong>{name}</strong>
      {description && <div class="hint long">{description}</div>}
    </span>
  );
}
