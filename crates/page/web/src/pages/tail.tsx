// What comes in, as it comes: asked for once a second while somebody looks, and never more rows than can be read.

import { useEffect, useRef, useState } from "preact/hooks";
import { ask, NoAnswer, query, Refusal, Withdrawn } from "../api/ask";
import { lineNow, onTurn } from "../api/line";
import type { Tail, TailEvent } from "../api/shapes";
import { StateMark, VerdictMark } from "../parts/mark";
import { Empty, Problem, Section, Title } from "../parts/pieces";
import { Table } from "../parts/table";
import { SubjectLink, When, Who } from "../parts/text";
import { become, type Route, to } from "../route";
import { change } from "../words/changes";
import { count, many } from "../words/format";
import { ALL_VERDICTS } from "../words/verdicts";
import { useNames } from "./known";
import { What } from "./subject";

const EVERY_MS = 1_000;
const MOST_ROWS = 300;
const MOST_AT_ONCE = 200;
/** Nobody has finished typing before that. */
const PAUSE_MS = 400;

const FIELDS = ["types", "src", "val", "uri", "subject", "verdict"] as const;
type Filter = Partial<Record<(typeof FIELDS)[number], string>>;

/** An event, or a place where some are missing. */
type Row = TailEvent | Gap;

interface Gap {
  id: string;
  type: "gap";
  text: string;
}

export function TailPage({ route }: { route: Route }) {
  const filter: Filter = {};
  for (const field of FIELDS) {
    const value = route.query.get(field);
    if (value) filter[field] = value;
  }
  const [paused, pause] = useState(false);
  const { rows, refusal, seen } = useTail(filter, paused);
  useNames();
  const change = (next: Filter) => become(to(["tail"], { ...filter, ...next }));

  return (
    <>
      <Title plain="Live">Live</Title>
      <Filters filter={filter} onChange={change} />
      <Section
        id="tail"
        title={paused ? "Paused" : "As it comes"}
        note={
          <>
            {many(seen, "event")} so far{" "}
            <button type="button" onClick={() => pause(!paused)} aria-pressed={paused}>
              {paused ? "Resume" : "Pause"}
            </button>
          </>
        }
      >
        {refusal && <Problem>{refusal.message}</Problem>}
        {rows.length === 0 && !refusal ? (
          <Empty>{nothing(filter)}</Empty>
        ) : (
          <Events rows={rows} />
        )}
      </Section>
    </>
  );
}

function nothing(filter: Filter): string {
  if (filter.types === "label-state") {
    return "Nothing like that. What becomes of labels is recorded only while there is a consumer that asks for label-state; docs/delivery.md says how.";
  }
  return Object.keys(filter).length > 0 ? "Nothing like that has come lately." : "Nothing has come yet.";
}

interface Heard {
  rows: Row[];
  seen: number;
  refusal?: Refusal;
}

function useTail(filter: Filter, paused: boolean): Heard {
  const wanted = JSON.stringify(filter);
  const [heard, hear] = useState<Heard & { wanted: string }>({ wanted, rows: [], seen: 0 });
  const after = useRef<{ wanted: string; id?: number }>({ wanted });
  if (after.current.wanted !== wanted) after.current = { wanted };

  useEffect(() => {
    if (paused) return;
    const left = new AbortController();
    let timer: number | undefined;
    let asking = false;

    const look = async () => {
      clearTimeout(timer);
      if (asking || left.signal.aborted || document.hidden || lineNow().locked) return;
      asking = true;
      try {
        const { id } = after.current;
        const fields = JSON.parse(wanted) as Filter;
        const path = query("tail", { after: id, limit: id === undefined ? 50 : MOST_AT_ONCE, ...fields });
        const tail = await ask<Tail>(path, { signal: left.signal });
        after.current = { wanted, id: tail.next };
        // Where the end is before what was seen, the log has begun anew, and its numbers mean other events.
        const goesOn = id !== undefined && tail.next >= id;
        hear((before) => ({ wanted, ...(goesOn && before.wanted === wanted ? added(before, tail) : added(NOTHING, tail)) }));
      } catch (trouble) {
        if (trouble instanceof Withdrawn) return;
        if (trouble instanceof Refusal) hear((before) => ({ ...before, wanted, refusal: trouble }));
        // What the filter says is wrong; asking again would not mend it.
        if (trouble instanceof Refusal && trouble.status === 400) {
          hear({ wanted, rows: [], seen: 0, refusal: trouble });
          return;
        }
        if (!(trouble instanceof Refusal || trouble instanceof NoAnswer)) throw trouble;
      } finally {
        asking = false;
      }
      timer = setTimeout(look, EVERY_MS);
    };

    const seen = () => void look();
    document.addEventListener("visibilitychange", seen);
    const deaf = onTurn(seen);
    timer = setTimeout(look, after.current.id === undefined ? PAUSE_MS / 2 : 0);
    return () => {
      left.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
      deaf();
    };
  }, [wanted, paused]);

  return heard.wanted === wanted ? heard : NOTHING;
}

const NOTHING: Heard = { rows: [], seen: 0 };

/** Newest first, and no more than can be shown. What was before the first answer is not missed. */
function added(before: Heard, { events, next, left_out, passed_over = 0 }: Tail): Heard {
  const known = new Set(before.rows.map(({ id }) => id));
  const fresh: Row[] = events.filter(({ id }) => !known.has(id)).reverse();
  const gaps: Row[] = [];
  if (before !== NOTHING) {
    if (left_out > 0) gaps.push({ id: `left out before ${next}`, type: "gap", text: `not shown: ${count(left_out)} came at once` });
    if (passed_over > 0) {
      const text = `${many(passed_over, "event was", "events were")} not looked at while this page was away`;
      gaps.push({ id: `passed over before ${next}`, type: "gap", text });
    }
  }
  return { rows: [...fresh, ...gaps, ...before.rows].slice(0, MOST_ROWS), seen: before.seen + fresh.length };
}

function Events({ rows }: { rows: Row[] }) {
  return (
    <Table
      label="Events, newest first"
      rows={rows}
      id={({ id }) => id}
      most={MOST_ROWS}
      rowClass={(row) => (row.type === "gap" ? "left-out" : "")}
      columns={[
        { key: "id", head: "event", number: true, spare: true, cell: (row) => ("text" in row ? "…" : count(row.id)) },
        { key: "what", head: "what", lead: true, cell: (row) => <EventWhat row={row} /> },
        { key: "about", head: "about", wide: true, cell: (row) => <About row={row} /> },
        { key: "who", head: "by", wide: true, cell: (row) => <By row={row} /> },
        { key: "made", head: "made", cell: (row) => ("label" in row && row.label?.cts ? <When at={row.label.cts} /> : "") },
      ]}
    />
  );
}

function EventWhat({ row }: { row: Row }) {
  if ("text" in row) return <span class="hint">{row.text}</span>;
  if (row.label) {
    const { verdict, live } = row.label;
    return (
      <>
        <What label={row.label} />
        {verdict && verdict !== "verified" && (
          <>
            {" "}
            <VerdictMark verdict={verdict} />
          </>
        )}
        {live === false && <span class="hint"> history</span>}
      </>
    );
  }
  if (row.labeler) return <>{change(row.labeler.change)}</>;
  if (row.label_state) {
    const { val, state } = row.label_state;
    return (
      <>
        <span class="val">{val}</span> {state}
      </>
    );
  }
  return <>{row.type}</>;
}

function About({ row }: { row: Row }) {
  if ("text" in row) return null;
  const uri = row.label?.uri ?? row.label_state?.uri;
  if (uri !== undefined) return <SubjectLink uri={uri} />;
  return row.labeler ? <StateMark state={row.labeler.state} /> : null;
}

function By({ row }: { row: Row }) {
  if ("text" in row) return null;
  const did = row.label?.src ?? row.label_state?.src ?? row.labeler?.did;
  return did ? <Who did={did} /> : null;
}

function Filters({ filter, onChange }: { filter: Filter; onChange(next: Filter): void }) {
  // What is being typed goes with the rest; fields made anew have not been typed in.
  const [cleared, clear] = useState(0);
  const text = (field: "src" | "val" | "uri", label: string, placeholder: string, search = false) => (
    <label key={field}>
      <span>{label}</span>
      <Slow key={cleared} value={filter[field] ?? ""} name={field} placeholder={placeholder} search={search} onChange={(value) => onChange({ [field]: value })} />
    </label>
  );
  const choice = (field: "types" | "subject" | "verdict", label: string, all: [string, string][]) => (
    <label key={field}>
      <span>{label}</span>
      <select name={field} value={filter[field] ?? ""} onChange={(event) => onChange({ [field]: event.currentTarget.value })}>
        {all.map(([value, name]) => (
          <option key={value} value={value}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
      {text("val", "Value", "spam, or !*", true)}
      {text("src", "Labeler", "did:plc:…")}
      {text("uri", "Subject", "at://did:plc:…/*")}
      {choice("subject", "Kind of subject", [
        ["", "any"],
        ["account", "accounts"],
        ["record", "records"],
        ["other", "others"],
      ])}
      {choice("verdict", "Verdict", [["", "accepted"], ...ALL_VERDICTS.map((one): [string, string] => [one, one])])}
      {choice("types", "Events", [
        ["", "labels"],
        ["labeler", "labelers"],
        ["label-state", "states of labels"],
        ["label,labeler,label-state", "all"],
      ])}
      {Object.keys(filter).length > 0 && (
        <button
          type="button"
          onClick={() => {
            clear(cleared + 1);
            onChange({ types: "", src: "", val: "", uri: "", subject: "", verdict: "" });
          }}
        >
          Clear
        </button>
      )}
    </form>
  );
}

/** A field whose text counts once nothing has been typed for a moment. */
function Slow({
  value,
  name,
  placeholder,
  search,
  onChange,
}: {
  value: string;
  name: string;
  placeholder: string;
  search: boolean;
  onChange(value: string): void;
}) {
  const [text, type] = useState(value);
  const timer = useRef<number>(undefined);
  // The other fields may have changed by the time it is said.
  const say = useRef(onChange);
  say.current = onChange;
  const said = useRef(value);
  useEffect(() => {
    // What was said here comes back while somebody may already be typing on.
    if (value === said.current) return;
    said.current = value;
    clearTimeout(timer.current);
    type(value);
  }, [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const typed = (next: string) => {
    type(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      said.current = next.trim();
      say.current(said.current);
    }, PAUSE_MS);
  };
  return (
    <input
      type="search"
      name={name}
      data-search={search ? "" : undefined}
      value={text}
      placeholder={placeholder}
      autoCapitalize="off"
      spellcheck={false}
      onInput={(event) => typed(event.currentTarget.value)}
    />
  );
}
