// Follow one more: by DID, or by handle, which the service looks up.

import { useState } from "preact/hooks";
import { ask, NoAnswer, Refusal, within } from "../../api/ask";
import { to } from "../../route";

/** Looking up a handle asks other machines. */
const LOOK_UP_MS = 30_000;

/** The account of somebody's handle. Whether it leads back to it is for the service to find out before it shows it. */
export async function didOf(text: string): Promise<string> {
  const name = text.replace(/^@/, "");
  if (name.startsWith("did:")) return name;
  const { did } = await ask<{ did: string }>(within("handles", name), { patience: LOOK_UP_MS });
  return did;
}

type Said = { kind: "added"; did: string; text: string } | { kind: "trouble"; text: string };

export function AddLabeler({ onAdded }: { onAdded(): void }) {
  const [text, type] = useState("");
  const [busy, setBusy] = useState(false);
  const [said, say] = useState<Said>();

  const add = async (event: Event) => {
    event.preventDefault();
    const wanted = text.trim();
    if (busy) return;
    if (wanted === "") {
      say({ kind: "trouble", text: "Write a DID, like did:plc:…, or a handle, like labeler.example." });
      return;
    }
    setBusy(true);
    say(undefined);
    try {
      const did = await didOf(wanted);
      await ask("labelers/add", { body: { dids: [did] } });
      say({ kind: "added", did, text: wanted });
      type("");
      onAdded();
    } catch (error) {
      say({ kind: "trouble", text: inWords(error, wanted) });
    } finally {
      setBusy(false);
    }
  };

  return (
    <form class="add" onSubmit={add} noValidate>
      <label for="add">DID or handle</label>
      <div class="row">
        <input
          id="add"
          name="add"
          value={text}
          onInput={(event) => type(event.currentTarget.value)}
          placeholder="labeler.example or did:plc:…"
          autoComplete="off"
          autoCapitalize="off"
          spellcheck={false}
          aria-describedby="add-said"
          aria-invalid={said?.kind === "trouble"}
        />
        <button type="submit" class="main" aria-disabled={busy}>
          {busy ? "One moment…" : "Add"}
        </button>
      </div>
      <p id="add-said" role="status" class={said?.kind === "trouble" ? "problem" : "said"}>
        {said?.kind === "trouble" && said.text}
        {said?.kind === "added" && (
          <>
            Added <span class="wrap">{said.text}</span>. <a href={to(["labelers", said.did])}>Watch it</a>
          </>
        )}
      </p>
    </form>
  );
}

function inWords(error: unknown, wanted: string): string {
  if (error instanceof NoAnswer) return error.message;
  if (!(error instanceof Refusal)) return String(error);
  if (wanted.startsWith("did:")) return error.message;
  switch (error.status) {
    case 404:
      return `There is no account with the handle ${wanted}.`;
    case 502:
    case 504:
      return `The handle ${wanted} could not be looked up: ${error.message}`;
    default:
      return error.message;
  }
}
