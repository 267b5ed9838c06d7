// The frame around every page: where to go, whether the service is there, and which page it is.

import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { STATUS } from "./api/ask";
import { useLine } from "./api/line";
import { usePoll } from "./api/poll";
import type { Status } from "./api/shapes";
import { ConsumerPage } from "./pages/consumers/one";
import { Consumers } from "./pages/consumers/index";
import { LabelerPage } from "./pages/labeler/index";
import { Labelers } from "./pages/labelers/index";
import { Overview } from "./pages/overview/index";
import { SubjectPage } from "./pages/subject";
import { TailPage } from "./pages/tail";
import { Boundary } from "./parts/boundary";
import { Empty, Title } from "./parts/pieces";
import { type Route, useRoute } from "./route";
import { type Theme, useTheme } from "./theme";
import { setClock } from "./words/clock";
import { timeOfDay } from "./words/format";
import { learnNames } from "./words/names";

const PLACES: [string, string, string][] = [
  ["", "#/", "Overview"],
  ["labelers", "#/labelers", "Labelers"],
  ["subject", "#/subject", "Look-up"],
  ["tail", "#/tail", "Live"],
  ["consumers", "#/consumers", "Consumers"],
];

export function App() {
  const route = useRoute();
  const status = usePoll<Status>(STATUS, 2_000);
  const line = useLine();
  const main = useRef<HTMLElement>(null);
  const place = route.path[0] ?? "";

  if (status.data) {
    setClock(status.data.now);
    for (const named of [status.data.backfills, status.data.busiest, status.data.troubled]) learnNames(named);
  }
  useArrival(route, main);
  useSlash();

  return (
    <div class={line.away || line.locked ? "page old" : "page"}>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        Skip to the content
      </a>
      <header class="top">
        <a class="brand" href="#/">
          <svg viewBox="0 0 32 32" width="22" height="22" aria-hidden="true" focusable="false">
            <rect width="32" height="32" rx="7" />
            <path d="M6 9.5A2.5 2.5 0 0 1 8.5 7h7.7a2.5 2.5 0 0 1 1.8.8l7.3 7.5a2.5 2.5 0 0 1 0 3.5l-6 6a2.5 2.5 0 0 1-3.5 0L6.8 17.3A2.7 2.7 0 0 1 6 15.5Z" />
            <circle cx="11.5" cy="12.5" r="2.2" />
          </svg>
          labeltap
        </a>
        <nav aria-label="Pages">
          {PLACES.map(([name, href, title]) => (
            <a key={name} href={href} aria-current={place === name ? "page" : undefined}>
              {title}
            </a>
          ))}
        </nav>
        <ThemeSwitch />
      </header>
      <Banner version={status.data?.version} />
      <main ref={main} id="main" tabIndex={-1}>
        <Boundary key={route.path.join("/")}>
          <Page route={route} status={status} />
        </Boundary>
      </main>
      <footer>
        {status.data && <>labeltap {status.data.version} · </>}
        <kbd>/</kbd> leads to the search field
      </footer>
    </div>
  );
}

function Page({ route, status }: { route: Route; status: ReturnType<typeof usePoll<Status>> }) {
  const [place, one] = route.path;
  switch (place) {
    case undefined:
      return <Overview status={status} />;
    case "labelers":
      return one === undefined ? <Labelers route={route} status={status.data} /> : <LabelerPage key={one} did={one} />;
    case "subject":
      return <SubjectPage subject={one} />;
    case "tail":
      return <TailPage route={route} />;
    case "consumers":
      return one === undefined ? <Consumers status={status.data} /> : <ConsumerPage key={one} name={one} status={status.data} />;
    default:
      return (
        <>
          <Title plain="Nothing here">Nothing here</Title>
          <Empty>
            There is no such page. <a href="#/">Overview</a>
          </Empty>
        </>
      );
  }
}

/** What stands above everything while the service does not answer, or wants its password. */
function Banner({ version }: { version: string | undefined }) {
  const { away, locked, answered } = useLine();
  const first = useRef(version);
  first.current ??= version;
  return (
    <div role="alert" class="banners">
      {away && (
        <p class="banner">
          <strong>No answer from labeltap since {timeOfDay(answered)}</strong>; trying again. What you see is from then.
        </p>
      )}
      {locked && (
        <p class="banner">
          <strong>The password is needed.</strong> What you see is from {timeOfDay(answered)}.{" "}
          <button type="button" onClick={() => location.reload()}>
            Reload to give it
          </button>
        </p>
      )}
      {version !== first.current && (
        <p class="banner mild">
          labeltap is now version {version}.{" "}
          <button type="button" onClick={() => location.reload()}>
            Reload for its page
          </button>
        </p>
      )}
    </div>
  );
}

const NEXT: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };

function ThemeSwitch() {
  const [theme, change] = useTheme();
  return (
    <button type="button" class="quiet theme" onClick={() => change(NEXT[theme])} title="Light, dark, or as the system has it">
      Colours: {theme}
    </button>
  );
}

/** Whether somebody is on the way to the search field of another page. */
let searching = false;

/** Whoever follows a link arrives at the top, at the new heading. */
function useArrival(route: Route, main: { current: HTMLElement | null }): void {
  const path = route.path.join("/");
  const first = useRef(true);
  // Before anything else can be pressed: a moment later it might be on the way to another page.
  useLayoutEffect(() => {
    if (first.current) {
      first.current = false;
      return;
    }
    scrollTo(0, 0);
    const goal = searching ? "[data-search]" : "h1";
    searching = false;
    main.current?.querySelector<HTMLElement>(goal)?.focus({ preventScroll: true });
  }, [path]);
}

/** `/` leads to the search field: the page's own, or else the look-up of subjects. */
function useSlash(): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const { target } = event;
      const typing = target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName));
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || typing || document.querySelector("dialog[open]")) return;
      event.preventDefault();
      const field = document.querySelector<HTMLInputElement>("[data-search]");
      if (field) {
        field.focus();
        return;
      }
      searching = true;
      location.hash = "#/subject";
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
}
