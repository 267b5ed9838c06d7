// A table. On a narrow screen each row becomes a card, so its roles are written down: styles would take them away.

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { useNarrow } from "./narrow";

export interface Column<Row> {
  key: string;
  head: string;
  cell(row: Row): ComponentChildren;
  /** A number, at the right. */
  number?: boolean;
  /** Says which of two comes first; a column with it can be sorted by. */
  order?(one: Row, other: Row): number;
  /** Text that needs a lot of room. */
  wide?: boolean;
  /** What a row is about: the heading of its card. */
  lead?: boolean;
  /** Says itself what it is. */
  plain?: boolean;
  /** Left out where there is little room. */
  spare?: boolean;
}

export interface Sorting {
  key: string;
  down: boolean;
}

export interface TableProps<Row> {
  label: string;
  columns: Column<Row>[];
  rows: Row[];
  id(row: Row): string | number;
  sorting?: Sorting;
  onSort?(sorting: Sorting): void;
  /** How many rows are shown before one has to ask for more. */
  most?: number;
  rowClass?(row: Row): string;
}

export function Table<Row>({ label, columns, rows, id, sorting, onSort, most = 200, rowClass }: TableProps<Row>) {
  const [shown, show] = useState(most);
  const sorted = sort(rows, columns, sorting);
  const left = sorted.length - shown;
  // Cards have no heads to press.
  const narrow = useNarrow();
  return (
    <>
      {narrow && onSort && <SortBy columns={columns} sorting={sorting} onSort={onSort} />}
      <table role="table" aria-label={label}>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map((column) => (
              <th
                key={column.key}
                role="columnheader"
                scope="col"
                class={kind(column)}
                aria-sort={column.key === sorting?.key ? (sorting.down ? "descending" : "ascending") : undefined}
              >
                {column.order && onSort && !narrow ? (
                  <button type="button" class="sort" onClick={() => onSort(turned(column, sorting))}>
                    {column.head}
                    <span class="arrow" aria-hidden="true">{column.key === sorting?.key ? (sorting.down ? "↓" : "↑") : ""}</span>
                  </button>
                ) : (
                  <span class={column.plain ? "unseen" : undefined}>{column.head}</span>
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {keyed(sorted.slice(0, shown), id).map(([key, row]) => (
            <tr key={key} role="row" class={rowClass?.(row)}>
              {columns.map((column) => (
                <td
                  key={column.key}
                  role="cell"
                  data-head={column.head}
                  class={kind(column)}
                >
                  <div>{column.cell(row)}</div>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {left > 0 && (
        <p class="more">
          <button type="button" onClick={() => show(shown + most)}>
            Show {Math.min(left, most)} more of {left}
          </button>
        </p>
      )}
    </>
  );
}

function SortBy<Row>({
  columns,
  sorting,
  onSort,
}: {
  columns: Column<Row>[];
  sorting: Sorting | undefined;
  onSort(sorting: Sorting): void;
}) {
  const able = columns.filter(({ order }) => order);
  const by = able.find(({ key }) => key === sorting?.key);
  const pick = (key: string) => {
    const column = able.find((one) => one.key === key);
    if (column) onSort(turned(column));
  };
  return (
    <p class="sort-by">
      <label>
        Sort by{" "}
        <select value={sorting?.key} onChange={(event) => pick(event.currentTarget.value)}>
          {able.map(({ key, head }) => (
            <option key={key} value={key}>
              {head}
            </option>
          ))}
        </select>
      </label>
      {by && (
        <button type="button" onClick={() => onSort(turned(by, sorting))}>
          {sorting?.down ? "↓ descending" : "↑ ascending"}
        </button>
      )}
    </p>
  );
}

/** Each row under a key of its own, also where two say the same. */
function keyed<Row>(rows: Row[], id: (row: Row) => string | number): [string, Row][] {
  const seen = new Map<string | number, number>();
  return rows.map((row) => {
    const name = id(row);
    const before = seen.get(name) ?? 0;
    seen.set(name, before + 1);
    return [`${name}#${before}`, row];
  });
}

function kind<Row>({ number, wide, lead, plain, spare }: Column<Row>): string | undefined {
  const kinds = { number, wide, lead, plain, spare };
  return Object.keys(kinds).filter((name) => kinds[name as keyof typeof kinds]).join(" ") || undefined;
}

function sort<Row>(rows: Row[], columns: Column<Row>[], sorting?: Sorting): Row[] {
  const order = columns.find((column) => column.key === sorting?.key)?.order;
  if (!order) return rows;
  const sign = sorting?.down ? -1 : 1;
  return [...rows].sort((one, other) => sign * order(one, other));
}

/** The other way round; numbers begin with the largest. */
function turned<Row>(column: Column<Row>, sorting?: Sorting): Sorting {
  if (sorting?.key === column.key) return { key: column.key, down: !sorting.down };
  return { key: column.key, down: Boolean(column.number) };
}
