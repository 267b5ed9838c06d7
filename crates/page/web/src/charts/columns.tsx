// Counts by day or month, what is largest at the bottom of each column. The same numbers stand in a table.

import type { Ref } from "preact";
import { useState } from "preact/hooks";
import { compact, count, period, shortPeriod } from "../words/format";
import { ceiling } from "./scale";
import { useWidth } from "./width";

/** Told apart by so many colours; whatever is more is summed in one. */
export const COLOURS = 6;

export interface Layer {
  name: string;
  counts: number[];
}

const HEIGHT = 220;
/** The room that the name of a period takes. */
const TICK = 60;
const SPACE = { left: 44, right: 4, top: 8, bottom: 24 };

export function Columns({ periods, layers, label }: { periods: string[]; layers: Layer[]; label: string }) {
  const [pointed, point] = useState<number>();
  const [place, width] = useWidth();
  const sums = periods.map((_, at) => layers.reduce((sum, { counts }) => sum + (counts[at] ?? 0), 0));
  const top = ceiling(Math.max(...sums, 1));
  const wide = width - SPACE.left - SPACE.right;
  const high = HEIGHT - SPACE.top - SPACE.bottom;
  const step = wide / periods.length;
  const y = (value: number) => SPACE.top + (1 - value / top) * high;
  const every = Math.ceil((periods.length * (TICK + 16)) / wide);
  const told = pointed === undefined ? undefined : periods[pointed];

  return (
    <figure class="chart" ref={place as Ref<HTMLElement>}>
      <figcaption class="legend">
        {layers.map(({ name, counts }, colour) => (
          <span key={name} class="key">
            <i class={`swatch c${colour}`} aria-hidden="true" />
            <span class="wrap">{name}</span> {pointed !== undefined && <b>{count(counts[pointed] ?? 0)}</b>}
          </span>
        ))}
        {told && <span class="at">{period(told)}</span>}
      </figcaption>
      <svg viewBox={`0 0 ${width} ${HEIGHT}`} height={HEIGHT} role="img" aria-label={label} onPointerLeave={() => point(undefined)}>
        {[0, 0.5, 1].map((part) => (
          <g key={part}>
            <line class="grid" x1={SPACE.left} x2={width - SPACE.right} y1={y(top * part)} y2={y(top * part)} />
            <text class="tick" x={SPACE.left - 6} y={y(top * part) + 4} text-anchor="end">
              {compact(top * part)}
            </text>
          </g>
        ))}
        {periods.map((name, at) => {
          const x = SPACE.left + at * step;
          let below = 0;
          return (
            <g key={name} onPointerEnter={() => point(at)} class={pointed === at ? "pointed" : undefined}>
              <rect class="catch" x={x} y={SPACE.top} width={step} height={high} />
              {layers.map(({ name: layer, counts }, colour) => {
                const n = counts[at] ?? 0;
                const foot = below;
                below += n;
                return n > 0 ? (
                  <rect
                    key={layer}
                    class={`c${colour}`}
                    x={x + step * 0.1}
                    width={Math.max(1, Math.min(step * 0.8, 48))}
                    y={y(below)}
                    height={Math.max(0.5, y(foot) - y(below))}
                  />
                ) : null;
              })}
              {at % every === 0 && x + TICK <= width && (
                <text class="tick" x={x + step * 0.1} y={HEIGHT - 6}>
                  {shortPeriod(name)}
                </text>
              )}
            </g>
          );
        })}
      </svg>
    </figure>
  );
}
