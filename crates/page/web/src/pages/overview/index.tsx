// The first page: whether it works, and if not, who is in trouble and why.

import { useRef } from "preact/hooks";
import { Rates } from "../../charts/rates";
import { Shares } from "../../charts/shares";
import type { Status } from "../../api/shapes";
import { Section, Title, Waiting } from "../../parts/pieces";
import { to } from "../../route";
import type { Polled } from "../../api/poll";
import { count } from "../../words/format";
import { judgement } from "../../words/verdicts";
import { meaning, ORDER } from "../../words/states";
import { AddLabeler } from "../labelers/add";
import { Backfills, Busiest } from "./work";
import { ConsumersBrief } from "./consumers";
import { Headline } from "./headline";
import { Numbers } from "./numbers";
import { Troubled } from "./troubled";
import { lasting } from "./verdict";

export function Overview({ status }: { status: Polled<Status> }) {
  const now = status.data;
  return (
    <>
      <Title plain="Overview" unseen>
        Overview
      </Title>
      {now ? <Told status={now} again={status.again} /> : <Waiting refusal={status.refusal} what="status" />}
    </>
  );
}

function Told({ status, again }: { status: Status; again(): void }) {
  const nobody = status.labelers.total === 0;
  // The form stays once it was there, so that whoever has added somebody reads so, and keeps the focus.
  const begins = useRef(nobody);
  begins.current ||= nobody;
  return (
    <>
      <Headline status={status} />
      {begins.current && (
        <Section id="begin" title="Follow a labeler">
          <p>
            Name a labeler by its DID or handle; Bluesky's own is <code>moderation.bsky.app</code>. With{" "}
            <code>--discover-labelers</code> labeltap finds them all by itself.
          </p>
          <AddLabeler onAdded={again} />
        </Section>
      )}
      <Numbers status={status} />
      {status.troubled_total + lasting(status) > 0 && <Troubled status={status} />}
      <Section id="rates" title="The last ten minutes">
        <Rates history={status.history} now={status.now} />
      </Section>
      {!nobody && (
        <Section id="states" title="Labelers by state">
          <Shares label="Labelers by state" parts={states(status)} />
        </Section>
      )}
      {status.backfilling > 0 && <Backfills status={status} />}
      <div class="columns">
        <ConsumersBrief status={status} />
        <RejectedBrief rejected={status.rejected} />
        {status.busiest.length > 0 && <Busiest status={status} />}
      </div>
    </>
  );
}

function states({ labelers }: Status) {
  const known = new Set<string>(ORDER);
  const others = Object.keys(labelers.by_state).filter((state) => !known.has(state));
  return [...ORDER, ...others].map((state) => {
    const { mood, name, means } = meaning(state);
    const n = labelers.by_state[state as keyof typeof labelers.by_state] ?? 0;
    return { key: state, name, title: means, mood, n, href: to(["labelers"], { state }) };
  });
}

function RejectedBrief({ rejected }: { rejected: Record<string, number> }) {
  const rows = Object.entries(rejected).sort(([, one], [, other]) => other - one);
  const most = rows[0]?.[1] ?? 0;
  return (
    <Section id="rejected" title="Rejected, ever">
      {rows.length === 0 ? (
        <p class="empty">Nothing: every label so far was signed as it should be.</p>
      ) : (
        <ul class="bars">
          {rows.map(([verdict, n]) => (
            <li key={verdict}>
              <div>
                <a href={to(["tail"], { verdict })} title="Watch them as they come">
                  {verdict}
                </a>{" "}
                <b>{count(n)}</b>
              </div>
              <div class="bar bad" style={{ width: `${Math.max(1, (n / most) * 100)}%` }} aria-hidden="true" />
              <p class="hint">{judgement(verdict).means}</p>
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}
