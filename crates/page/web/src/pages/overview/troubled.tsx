// Who is in trouble, why, and what to do about it.

import type { Status, Troubled as One } from "../../api/shapes";
import { StateMark } from "../../parts/mark";
import { Section } from "../../parts/pieces";
import { Table } from "../../parts/table";
import { NextTry, Who } from "../../parts/text";
import { count, many, perSecond } from "../../words/format";
import { meaning } from "../../words/states";

export function Troubled({ status }: { status: Status }) {
  const more = status.troubled_total - status.troubled.length;
  return (
    <Section id="troubled" title="In trouble" note={many(status.troubled_total, "labeler")}>
      <Table
        label="Labelers in trouble"
        rows={status.troubled}
        id={({ did }) => did}
        most={5}
        columns={[
          { key: "who", head: "labeler", lead: true, cell: ({ did, handle }) => <Who did={did} handle={handle} /> },
          { key: "state", head: "state", cell: ({ state }) => <StateMark state={state} /> },
          { key: "why", head: "why", wide: true, cell: (one) => <Why one={one} /> },
          { key: "todo", head: "what to do", wide: true, cell: (one) => todo(one) },
        ]}
      />
      {more > 0 && <p class="hint">…and {many(more, "other", "others")}; see the list of labelers by state.</p>}
    </Section>
  );
}

function Why({ one }: { one: One }) {
  return (
    <>
      {why(one)}
      {one.error && <q class="said">{one.error}</q>}
      {one.rejected_per_minute > 0 && (
        <div class="hint">
          {perSecond(one.rejected_per_minute)} a minute, {count(one.rejected)} ever.
        </div>
      )}
      {one.retry_after && (
        <div class="hint">
          <NextTry at={one.retry_after} failures={one.retry_count} />
        </div>
      )}
    </>
  );
}

function why({ state, rejected_per_minute }: One): string {
  if (rejected_per_minute > 0) return "Its labels are rejected.";
  return isRead(state) ? "Its stream is open, and something is wrong with it." : meaning(state).means;
}

function todo({ state, rejected_per_minute }: One): string {
  if (rejected_per_minute > 0) return "Open it: the verdicts and samples there say what is wrong with them.";
  if (isRead(state)) return "Nothing here: what can be read is read. Tell whoever runs it.";
  return meaning(state).todo;
}

function isRead(state: string): boolean {
  return state === "live" || state === "backfilling";
}
