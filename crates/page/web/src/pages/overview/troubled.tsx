// Who is in trouble, why, and what to do about it.

import type { Status, Troubled as One } from "../../api/shapes";
import { StateMark } from "../../parts/mark";
import { Section } from "../../parts/pieces";
import { Table } from "../../parts/table";
import { NextTry, Who } from "../../parts/text";
import { count, many, perSecond } from "../../words/format";
import { to } from "../../route";
import { meaning } from "../../words/states";
import { LASTING, lasting, needy } from "./verdict";

export function Troubled({ status }: { status: Status }) {
  const stays = ({ state }: One) => LASTING.includes(state);
  const now = status.troubled.filter((one) => !stays(one));
  const needing = needy(status);
  const more = needing - now.length;
  return (
    <Section id="troubled" title="In trouble" note={needing > 0 && many(needing, "labeler")}>
      {now.length > 0 && <Those label="Labelers in trouble" rows={now} />}
      {more > 0 && <p class="hint">…and {many(more, "other", "others")}; see the list of labelers by state.</p>}
      <ForGood n={lasting(status)} rows={status.troubled.filter(stays)} />
    </Section>
  );
}

/** Those that stay as they are until their operator does something: folded, since there is seldom anything to do. */
function ForGood({ n, rows }: { n: number; rows: One[] }) {
  if (n === 0) return null;
  return (
    <details class="for-good">
      <summary>
        {many(n, "labeler")} gone or without a service: {n === 1 ? "it has" : "they have"} no part in the sentence above
      </summary>
      {rows.length > 0 && <Those label="Labelers gone or without a service" rows={rows} />}
      {rows.length < n && (
        <p class="hint">
          All of them: <a href={to(["labelers"], { state: "gone" })}>gone</a>,{" "}
          <a href={to(["labelers"], { state: "no-service" })}>without a service</a>.
        </p>
      )}
    </details>
  );
}

function Those({ label, rows }: { label: string; rows: One[] }) {
  return (
    <Table
      label={label}
      rows={rows}
      id={({ did }) => did}
      most={5}
      columns={[
        { key: "who", head: "labeler", lead: true, cell: ({ did, handle }) => <Who did={did} handle={handle} /> },
        { key: "state", head: "state", cell: ({ state }) => <StateMark state={state} /> },
        { key: "why", head: "why", wide: true, cell: (one) => <Why one={one} /> },
        { key: "todo", head: "what to do", wide: true, cell: (one) => todo(one) },
      ]}
    />
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
