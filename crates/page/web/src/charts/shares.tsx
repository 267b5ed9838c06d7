// How something is divided: one bar, and a legend with names and numbers that lead to the parts.

import { Sign } from "../parts/mark";
import type { Mood } from "../words/states";
import { count, percent } from "../words/format";

export interface Part {
  key: string;
  name: string;
  title: string;
  mood: Mood;
  n: number;
  href?: string;
}

export function Shares({ parts, label }: { parts: Part[]; label: string }) {
  const present = parts.filter(({ n }) => n > 0);
  const all = present.reduce((sum, { n }) => sum + n, 0);
  return (
    <div class="shares">
      <div class="stack" role="img" aria-label={`${label}: ${present.map(({ n, name }) => `${count(n)} ${name}`).join(", ")}`}>
        {present.map(({ key, n, mood, name }) => (
          <div key={key} class={mood} style={{ flexGrow: n }} title={`${name}: ${count(n)}, ${percent(n, all)}`} />
        ))}
      </div>
      <ul class="legend">
        {present.map(({ key, n, name, title, mood, href }) => (
          <li key={key}>
            {href ? (
              <a href={href} title={title}>
                <Sign mood={mood} /> <b>{count(n)}</b> {name}
              </a>
            ) : (
              <span title={title}>
                <Sign mood={mood} /> <b>{count(n)}</b> {name}
              </span>
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}
