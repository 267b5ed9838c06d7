// Numbers and times as people read them. The page is in English, so these are too, whatever the browser's language.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const fine = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const finer = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const share = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 0 });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const full = new Intl.DateTimeFormat("en-GB", {
  weekday: "short",
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  timeZoneName: "short",
});
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
const shortDay = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const month = new Intl.DateTimeFormat("en-GB", { month: "short", year: "numeric", timeZone: "UTC" });

export function count(n: number): string {
  return whole.format(n);
}

/** For where there is little room. */
export function compact(n: number): string {
  return Math.abs(n) < 10_000 ? whole.format(n) : short.format(n);
}

export function perSecond(n: number): string {
  if (n === 0) return "0";
  if (n < 0.01) return "under 0.01";
  if (n < 1) return finer.format(n);
  return n < 100 ? fine.format(n) : whole.format(n);
}

export function percent(part: number, all: number): string {
  if (all <= 0) return "0%";
  const ratio = part / all;
  if (ratio > 0 && ratio < 0.01) return "under 1%";
  // Not done before it is done.
  return ratio < 1 && ratio > 0.99 ? "99%" : share.format(ratio);
}

/** `1 labeler`, `2 labelers`. */
export function many(n: number, one: string, more = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : more}`;
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

export function bytes(n: number): string {
  let size = n;
  let unit = 0;
  while (size >= 1024 && unit < UNITS.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${unit === 0 || size >= 100 ? whole.format(size) : fine.format(size)} ${UNITS[unit]}`;
}

/** A length of time, in its two largest units at most. */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3_600) return two(s, 60, "min", 1, "s");
  if (s < 86_400) return two(s, 3_600, "h", 60, "min");
  return two(s, 86_400, "d", 3_600, "h");
}

function two(seconds: number, large: number, one: string, small: number, other: string): string {
  const rest = Math.floor((seconds % large) / small);
  const first = `${Math.floor(seconds / large)} ${one}`;
  return rest === 0 ? first : `${first} ${rest} ${other}`;
}

export function timeOfDay(ms: number): string {
  return clock.format(ms);
}

export function absolute(ms: number): string {
  return full.format(ms);
}

/** `2026-10` and `2026-10-24`, as they stand in counts. */
export function period(text: string): string {
  const ms = Date.parse(text.length === 7 ? `${text}-01T00:00:00Z` : `${text}T00:00:00Z`);
  if (Number.isNaN(ms)) return text;
  return text.length === 7 ? month.format(ms) : day.format(ms);
}

/** The same where there is little room: the year is told by what is around. */
export function shortPeriod(text: string): string {
  const ms = Date.parse(`${text}T00:00:00Z`);
  return text.length === 7 || Number.isNaN(ms) ? period(text) : shortDay.format(ms);
}

/** How long ago, or in how long. */
export function relative(ms: number, now: number): string {
  const seconds = (now - ms) / 1000;
  if (Math.abs(seconds) < 1.5) return "now";
  const length = coarse(Math.abs(seconds));
  return seconds > 0 ? `${length} ago` : `in ${length}`;
}

function coarse(s: number): string {
  if (s < 60) return `${Math.round(s)} s`;
  if (s < 3_600) return `${Math.round(s / 60)} min`;
  if (s < 2 * 86_400) return `${Math.round(s / 3_600)} h`;
  if (s < 60 * 86_400) return `${Math.round(s / 86_400)} days`;
  if (s < 730 * 86_400) return `${Math.round(s / (30.44 * 86_400))} months`;
  return `${Math.round(s / (365.25 * 86_400))} years`;
}
