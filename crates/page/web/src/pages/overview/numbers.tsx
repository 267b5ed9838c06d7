// The totals, each with the one thing to know about it.

import type { ComponentChildren } from "preact";
import type { Status } from "../../api/shapes";
import { Progress } from "../../parts/pieces";
import { bytes, compact, count, duration, perSecond } from "../../words/format";

export function Numbers({ status }: { status: Status }) {
  const { store, labelers, limits, rates, firehose } = status;
  const open = (labelers.by_state.live ?? 0) + (labelers.by_state.backfilling ?? 0) + (labelers.by_state.connecting ?? 0);
  return (
    <dl class="numbers">
      <Number term="labels stored" value={compact(store.labels)} title={count(store.labels)}>
        {bytes(store.file_bytes)} on disk
      </Number>
      <Number term="labels a second" value={perSecond(rates.labels)}>
        {rates.rejected > 0 ? `${perSecond(rates.rejected)} rejected` : "none rejected"}, {perSecond(rates.delivered)} delivered
      </Number>
      <Number term="labelers" value={count(labelers.total)}>
        {count(open)} of {count(limits.labelers)} connections
      </Number>
      {store.free_bytes !== undefined && (
        <Number term="free on disk" value={bytes(store.free_bytes)}>
          {store.min_free_bytes > 0 ? `stops below ${bytes(store.min_free_bytes)}` : "no limit is set"}
          {store.min_free_bytes > 0 && store.free_bytes < 4 * store.min_free_bytes && (
            <Progress label="Room left above the limit" done={Math.max(0, store.free_bytes - store.min_free_bytes)} all={3 * store.min_free_bytes} />
          )}
        </Number>
      )}
      {firehose ? (
        <Number
          term="firehose"
          value={!firehose.connected ? "away" : firehose.lag_seconds === undefined ? "connected" : `${duration(firehose.lag_seconds)} behind`}
        >
          {firehose.silent_seconds !== undefined && firehose.silent_seconds > 10
            ? `silent for ${duration(firehose.silent_seconds)}`
            : `${compact(firehose.events)} events seen`}
        </Number>
      ) : (
        <Number term="firehose" value="off">
          changes are learned hourly
        </Number>
      )}
      <Number term="running for" value={duration((Date.parse(status.now) - Date.parse(status.started_at)) / 1000)}>
        version {status.version}
      </Number>
    </dl>
  );
}

function Number({ term, value, title, children }: { term: string; value: string; title?: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{term}</dt>
      <dd>
        <span class="value" title={title}>
          {value}
        </span>
        <span class="hint">{children}</span>
      </dd>
    </div>
  );
}
