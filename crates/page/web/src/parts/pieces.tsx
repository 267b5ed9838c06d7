// Pieces that every page is made of.

import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { Refusal } from "../api/ask";
import { useLine } from "../api/line";
import type { Pages } from "../api/pages";
import { percent, timeOfDay } from "../words/format";

/** A page's heading; whoever comes here by a link or key is put on it. */
export function Title({ children, plain, unseen }: { children: ComponentChildren; plain: string; unseen?: boolean }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${plain} · labeltap`;
  }, [plain]);
  return (
    <h1 ref={heading} tabIndex={-1} class={unseen ? "unseen" : undefined}>
      {children}
    </h1>
  );
}

export function Section({
  id,
  title,
  note,
  children,
}: {
  id: string;
  title: string;
  note?: ComponentChildren;
  children: ComponentChildren;
}) {
  return (
    <section class="card" aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        {note && <div class="note">{note}</div>}
      </header>
      {children}
    </section>
  );
}

/** What is shown in the place of something that is not there: still coming, refused, or empty. */
export function Waiting({ refusal, what }: { refusal?: Refusal | undefined; what: string }) {
  const { away, locked } = useLine();
  if (refusal) {
    return (
      <p class="problem" role="alert">
        <strong>{refusal.kind}:</strong> {refusal.message}
      </p>
    );
  }
  return <p class="empty">{away || locked ? `No ${what}: labeltap has not answered.` : "One moment…"}</p>;
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}

export function Problem({ children }: { children: ComponentChildren }) {
  return (
    <p class="problem" role="alert">
      {children}
    </p>
  );
}

/** How much of something is done. */
export function Progress({ done, all, label }: { done: number; all?: number | undefined; label: string }) {
  if (all === undefined || all <= 0) {
    return <div class="progress unknown" role="progressbar" aria-label={label} aria-valuetext="the end is not known" />;
  }
  const ratio = Math.min(1, done / all);
  return (
    <div
      class="progress"
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.floor(ratio * 100)}
      aria-valuetext={percent(done, all)}
    >
      <div style={{ width: `${ratio * 100}%` }} />
    </div>
  );
}

/** Terms and what they are. */
export function Facts({ facts }: { facts: [string, ComponentChildren][] }) {
  return (
    <dl class="facts">
      {facts.map(([term, fact]) => (
        <div key={term}>
          <dt>{term}</dt>
          <dd>{fact}</dd>
        </div>
      ))}
    </dl>
  );
}

/** The end of a list that comes in pages: what there is to be had beyond it. */
export function More({ more, busy, trouble, asOf, again }: Pick<Pages<unknown>, "more" | "busy" | "trouble" | "asOf" | "again">) {
  return (
    <>
      {trouble && <Problem>{trouble}</Problem>}
      {(more || asOf !== undefined) && (
        <p class="more">
          {more && (
            <button type="button" onClick={more} aria-disabled={busy}>
              {busy ? "One moment…" : "Show more"}
            </button>
          )}
          {asOf !== undefined && (
            <span class="hint">
              {" "}
              As of {timeOfDay(asOf)}; what has come since is not in it.{" "}
              <button type="button" onClick={again}>
                Refresh
              </button>
            </span>
          )}
        </p>
      )}
    </>
  );
}

/** A question over the page. The browser keeps the focus in it and gives it back. */
export function Dialog({
  title,
  onClose,
  children,
}: {
  title: string;
  onClose(): void;
  children: ComponentChildren;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    return () => shown?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby="dialog-title"
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      // The browser says so a moment later, when the same question may have been asked again.
      onClose={() => dialog.current?.open === false && onClose()}
    >
      <h2 id="dialog-title">{title}</h2>
      {children}
    </dialog>
  );
}
