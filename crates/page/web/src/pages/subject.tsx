// Everything said about one account or record: what applies now, and the whole story in its order.

import { useEffect, useState } from "preact/hooks";
import { NoAnswer, Refusal, within } from "../api/ask";
import { usePages } from "../api/pages";
import { usePoll } from "../api/poll";
import type { Label, Said, Subject } from "../api/shapes";
import { Empty, More, Problem, Section, Title, Waiting } from "../parts/pieces";
import { Table } from "../parts/table";
import { Copy, When, Who } from "../parts/text";
import { go, to } from "../route";
import { many } from "../words/format";
import { now } from "../words/clock";
import { useNames } from "./known";
import { didOf } from "./labelers/add";

export function SubjectPage({ subject }: { subject?: string | undefined }) {
  return (
    <>
      <Title plain="Look-up">Look up a subject</Title>
      <LookUp key={subject} subject={subject ?? ""} />
      {subject && <Story key={subject} subject={subject} />}
    </>
  );
}

/** The subject that somebody means: a DID, an at-uri, a handle, or the address of a profile or record in Bluesky's app. */
export async function meant(text: string): Promise<string> {
  const web = /^https?:\/\/bsky\.app\/profile\/([^/?#]+)(?:\/(post|feed|lists)\/([^/?#]+))?/.exec(text);
  if (web?.[1]) {
    const did = await didOf(decodeURIComponent(web[1]));
    const collections: Record<string, string> = { post: "post", feed: "generator", lists: "list" };
    return web[2] && web[3] ? `at://${did}/app.bsky.${web[2] === "post" ? "feed" : web[2] === "feed" ? "feed" : "graph"}.${collections[web[2]]}/${web[3]}` : did;
  }
  const uri = /^at:\/\/([^/]+)(\/.*)?$/.exec(text);
  if (uri?.[1]) return uri[1].startsWith("did:") ? text : `at://${await didOf(uri[1])}${uri[2] ?? ""}`;
  return didOf(text);
}

function LookUp({ subject }: { subject: string }) {
  const [text, type] = useState(subject);
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<string>();
  useEffect(() => type(subject), [subject]);
  const look = async (event: Event) => {
    event.preventDefault();
    const wanted = text.trim();
    if (busy || wanted === "") return;
    setBusy(true);
    setTrouble(undefined);
    try {
      go(to(["subject", await meant(wanted)]));
    } catch (error) {
      const known = error instanceof Refusal || error instanceof NoAnswer;
      setTrouble(known ? error.message : "That is neither a DID nor an at-uri nor a handle.");
    } finally {
      setBusy(false);
    }
  };
  return (
    <form class="filters" role="search" onSubmit={look}>
      <label class="grow">
        <span>DID, at-uri, handle, or the address of a post</span>
        <input
          type="search"
          data-search
          value={text}
          onInput={(event) => type(event.currentTarget.value)}
          placeholder="at://did:plc:…/app.bsky.feed.post/…"
          autoCapitalize="off"
          spellcheck={false}
        />
      </label>
      <button type="submit" class="main" disabled={busy}>
        {busy ? "One moment…" : "Look up"}
      </button>
      {trouble && <Problem>{trouble}</Problem>}
    </form>
  );
}

function Story({ subject }: { subject: string }) {
  const path = within("subjects", subject);
  const present = usePoll<Subject>(`${path}?limit=1`, 5_000);
  const pages = usePages<Said>(path, "history", 5_000, 100);
  useNames();
  const labels = present.data?.labels;
  const isAccount = subject.startsWith("did:");
  return (
    <>
      <p class="title-line">
        <span class="mono wrap">{subject}</span> <Copy text={subject} what="the subject" />
        {isAccount && (
          <>
            {" · "}
            <a href={to(["tail"], { uri: `at://${subject}/*` })}>what is said about its records, live</a>
          </>
        )}
      </p>
      <Section id="applies" title="What applies now" note={labels && labels.length > 0 && many(labels.length, "label")}>
        {!labels ? (
          <Waiting refusal={present.refusal} what="labels" />
        ) : labels.length === 0 ? (
          <Empty>Nothing applies to it now{pages.items?.length ? ", but something did; see below." : "."}</Empty>
        ) : (
          <Table
            label="What applies now"
            rows={labels}
            id={(label) => `${label.src} ${label.val}`}
            columns={[
              { key: "val", head: "value", lead: true, cell: ({ val }) => <span class="val">{val}</span> },
              { key: "src", head: "said by", wide: true, cell: ({ src }) => <Who did={src ?? ""} /> },
              { key: "cts", head: "since", cell: ({ cts }) => <When at={cts ?? ""} /> },
              { key: "exp", head: "until", cell: ({ exp }) => (exp ? <When at={exp} /> : "it is taken back") },
            ]}
          />
        )}
      </Section>
      <Section id="said" title="Everything said about it, oldest first">
        {!pages.items ? (
          pages.refusal ? null : <Waiting what="history" />
        ) : pages.items.length === 0 ? (
          <Empty>Nobody whom labeltap follows has ever said anything about it.</Empty>
        ) : (
          <Table
            label="Everything said about it"
            rows={pages.items}
            id={({ id }) => id}
            most={10_000}
            columns={[
              { key: "at", head: "received", cell: ({ received_at }) => <When at={received_at} /> },
              { key: "what", head: "what", wide: true, lead: true, cell: ({ label }) => <What label={label} /> },
              { key: "src", head: "by whom", wide: true, cell: ({ label }) => <Who did={label.src ?? ""} /> },
              { key: "cts", head: "made", cell: ({ label }) => <When at={label.cts ?? ""} /> },
            ]}
          />
        )}
        <More {...pages} />
      </Section>
    </>
  );
}

export function What({ label: { val, neg, exp } }: { label: Label }) {
  const over = exp !== undefined && Date.parse(exp) <= now();
  return (
    <>
      {val === undefined ? <span class="hint">no value that is text</span> : <span class={neg ? "val taken-back" : "val"}>{val}</span>}
      {neg && <span class="hint"> taken back</span>}
      {exp && (
        <span class="hint">
          {over ? " expired " : " expires "}
          <When at={exp} />
        </span>
      )}
    </>
  );
}
