// Counts over the last minutes: labels as an area, what was rejected and delivered as lines. A picture for whoever looks,
// with its numbers in a table below for whoever does not.

import type { Ref } from "preact";
import { useState } from "preact/hooks";
import type { History } from "../api/shapes";
import { count, perSecond, timeOfDay } from "../words/format";
import { ceiling } from "./scale";
import { useWidth } from "./width";

const HEIGHT = 180;
const SPACE = { left: 44, right: 8, top: 8, bottom: 22 };

interface Series {
  key: "labels" | "rejected" | "delivered";
  name: string;
}

const SERIES: Series[] = [
  { key: "labels", name: "labels stored" },
  { key: "delivered", name: "events delivered" },
  { key: "rejected", name: "labels rejected" },
];

export function Rates({ history, now }: { history: History; now: string }) {
  const [pointed, point] = useState<number>();
  const [place, width] = useWidth();
  const steps = history.labels.length;
  const end = Date.parse(now);
  const rate = (key: Series["key"], step: number) => (history[key][step] ?? 0) / history.step_seconds;
  const all = SERIES.flatMap(({ key }) => history[key].map((n) => n / history.step_seconds));
  const top = ceiling(Math.max(...all, 1));
  // Ten minutes wide from the first moment on, so that nothing seems to slow down as it fills.
  const span = Math.max(steps, Math.round(600 / history.step_seconds));
  const wide = width - SPACE.left - SPACE.right;
  const high = HEIGHT - SPACE.top - SPACE.bottom;
  const x = (step: number) => SPACE.left + ((span - steps + step) / (span - 1)) * wide;
  const y = (value: number) => SPACE.top + (1 - value / top) * high;
  const line = (key: Series["key"]) =>
    history[key].map((_, step) => `${step === 0 ? "M" : "L"}${x(step).toFixed(1)} ${y(rate(key, step)).toFixed(1)}`).join("");
  const timeOf = (step: number) => end - (steps - 1 - step) * history.step_seconds * 1000;

  const follow = (event: PointerEvent) => {
    const box = (event.currentTarget as SVGElement).getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * width;
    const step = Math.round(((at - SPACE.left) / wide) * (span - 1)) - (span - steps);
    point(step >= 0 && step < steps ? step : undefined);
  };
  const minutes = width < 480 ? [10, 5, 0] : [10, 8, 6, 4, 2, 0];
  const shown = pointed ?? steps - 1;

  return (
    <figure class="chart" ref={place as Ref<HTMLElement>}>
      <figcaption class="legend">
        {SERIES.map(({ key, name }) => (
          <span key={key} class={`key ${key}`}>
            <svg width="22" height="10" aria-hidden="true">
              <path class={`line ${key}`} d="M1 5H21" />
            </svg>
            {name} <b>{perSecond(rate(key, shown))}/s</b>
          </span>
        ))}
        <span class="at">{pointed === undefined ? "now" : `at ${timeOfDay(timeOf(pointed))}`}</span>
      </figcaption>
      <svg
        viewBox={`0 0 ${width} ${HEIGHT}`}
        height={HEIGHT}
        role="img"
        aria-label={summary(history)}
        onPointerMove={follow}
        onPointerLeave={() => point(undefined)}
      >
        {[0, 0.5, 1].map((part) => (
          <g key={part}>
            <line class="grid" x1={SPACE.left} x2={width - SPACE.right} y1={y(top * part)} y2={y(top * part)} />
            <text class="tick" x={SPACE.left - 6} y={y(top * part) + 4} text-anchor="end">
              {perSecond(top * part)}
            </text>
          </g>
        ))}
        {minutes.map((ago) => {
          const at = SPACE.left + (1 - ago / 10) * wide;
          return (
            <text key={ago} class="tick" x={at} y={HEIGHT - 6} text-anchor={ago === 0 ? "end" : ago === 10 ? "start" : "middle"}>
              {ago === 0 ? "now" : `−${ago} min`}
            </text>
          );
        })}
        {steps > 1 && <path class="area" d={`${line("labels")}L${x(steps - 1).toFixed(1)} ${y(0)}L${x(0).toFixed(1)} ${y(0)}Z`} />}
        {SERIES.map(({ key }) => (
          <path key={key} class={`line ${key}`} d={line(key)} />
        ))}
        {pointed !== undefined && (
          <line class="pointer" x1={x(pointed)} x2={x(pointed)} y1={SPACE.top} y2={HEIGHT - SPACE.bottom} />
        )}
      </svg>
      <details>
        <summary>As a table</summary>
        <ByMinute history={history} end={end} />
      </details>
    </figure>
  );
}

function summary(history: History): string {
  const minutes = Math.round((history.labels.length * history.step_seconds) / 60);
  const parts = SERIES.map(({ key, name }) => {
    const values = history[key];
    const sum = values.reduce((all, n) => all + n, 0);
    return `${name}: ${count(sum)} in all, ${perSecond(Math.max(...values) / history.step_seconds)} a second at most`;
  });
  return `Chart of the last ${minutes} minutes. ${parts.join("; ")}.`;
}

function ByMinute({ history, end }: { history: History; end: number }) {
  const each = Math.max(1, Math.round(60 / history.step_seconds));
  const rows = [];
  for (let last = history.labels.length; last > 0; last -= each) {
    const sum = (key: Series["key"]) => history[key].slice(Math.max(0, last - each), last).reduce((all, n) => all + n, 0);
    const at = end - (history.labels.length - last) * history.step_seconds * 1000;
    rows.push({ at, labels: sum("labels"), delivered: sum("delivered"), rejected: sum("rejected") });
  }
  return (
    <table class="plain">
      <thead>
        <tr>
          <th scope="col">minute until</th>
          {SERIES.map(({ key, name }) => (
            <th key={key} scope="col" class="number">
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.at}>
            <th scope="row">{timeOfDay(row.at)}</th>
            {SERIES.map(({ key }) => (
              <td key={key} class="number">
                {count(row[key])}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
