// The keys that a labeler has signed with, and when.

import { within } from "../../api/ask";
import { usePoll } from "../../api/poll";
import type { KeyTime } from "../../api/shapes";
import { Empty, Problem, Section, Waiting } from "../../parts/pieces";
import { Table } from "../../parts/table";
import { When } from "../../parts/text";

export function Keys({ did, present }: { did: string; present?: string | undefined }) {
  // Asked again when its key has changed, since only then there is something new.
  const path = `${within("labelers", did, "/keys")}${present ? `#${present}` : ""}`;
  const { data, refusal, again } = usePoll<{ keys: KeyTime[] }>(path, 0);
  return (
    <Section id="keys" title="Keys">
      {refusal ? (
        <>
          <Problem>The directory could not be asked: {refusal.message}</Problem>
          <button type="button" onClick={again}>
            Try again
          </button>
        </>
      ) : !data ? (
        <Waiting what="keys" />
      ) : data.keys.length === 0 ? (
        <Empty>It has never had a key for labels.</Empty>
      ) : (
        <Table
          label="Keys"
          rows={[...data.keys].reverse()}
          id={({ key, from }) => `${key}${from}`}
          columns={[
            { key: "key", head: "key", wide: true, lead: true, cell: ({ key }) => <span class="mono wrap">{key}</span> },
            { key: "from", head: "from", cell: ({ from }) => (from ? <When at={from} /> : "not known") },
            { key: "until", head: "until", cell: ({ until }) => (until ? <When at={until} /> : "in use") },
          ]}
        />
      )}
    </Section>
  );
}
