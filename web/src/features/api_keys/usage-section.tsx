import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { BarChart } from "@/components/bar-chart";
import { DrawerSection } from "@/components/drawer";
import { Segmented } from "@/components/segmented";
import { FailureState, SkeletonRows } from "@/components/states";
import { cx } from "@/lib/cx";
import { formatCompact, formatCount, formatHour, formatUtcDay, plural } from "@/lib/format";
import { useNow } from "@/lib/hooks";
import styles from "./keys.module.css";
import { type Key, type KeyUsage, usageOptions } from "./platform";
import { type Bucket, bucketsOf, DAY_RANGE, formatBytes, formatShare, lastUseInWords, startOf, type UsageRange, usageRanges, WEEK_RANGE } from "./usage";

export function UsageSection({ apiKey }: { readonly apiKey: Key }) {
  const now = useNow();
  const [range, setRange] = useState<UsageRange>(WEEK_RANGE);
  const query = useQuery(usageOptions(apiKey.id, range, new Date(startOf(range, now)).toISOString()));
  return (
    <DrawerSection
      title="Usage"
      actions={
        <Segmented label="Time" value={range.id} options={usageRanges.map(({ id, label }) => ({ value: id, label }))} onChange={(id) => setRange(usageRanges.find((one) => one.id === id) ?? DAY_RANGE)} />
      }
    >
      {query.isPending ? (
        <SkeletonRows rows={3} label="Loading usage" />
      ) : query.isError ? (
        <FailureState error={query.error} onRetry={() => void query.refetch()} />
      ) : (
        <Usage usage={query.data} range={range} now={now} />
      )}
    </DrawerSection>
  );
}

function Usage({ usage, range, now }: { readonly usage: KeyUsage; readonly range: UsageRange; readonly now: number }) {
  const { totals, errorRate, byRoute, lastUsed } = usage;
  const last = (
    <p className={styles["soft"]}>{lastUsed ? `Last used ${lastUseInWords(lastUsed, now)}.` : "Never used yet."}</p>
  );
  if (totals.requests === 0) {
    return (
      <>
        {last}
        {lastUsed && <p className={styles["soft"]}>Nothing {range.text}.</p>}
      </>
    );
  }
  const buckets = bucketsOf(range, now, usage.series);
  const label = (bucket: Bucket) => {
    const iso = new Date(bucket.start).toISOString();
    return range.interval === "hour" ? formatHour(iso) : formatUtcDay(iso);
  };
  const bars = buckets.map((bucket) => ({ label: label(bucket), value: bucket.requests, bad: bucket.errors }));
  const peak = bars.reduce((highest, bar) => (bar.value > highest.value ? bar : highest), { label: "", value: 0, bad: 0 });
  const summary = `${plural(totals.requests, "request")} ${range.text}, ${formatShare(errorRate)} of them refused or failed. The most in one ${range.interval}: ${formatCount(peak.value)}, ${peak.label}.`;
  const places = usage.byCountry.filter((place) => place.country);
  const most = byRoute[0]?.requests ?? 1;
  return (
    <>
      {last}
      <dl className={styles["numbers"]}>
        <Fact name="Requests" text={formatCompact(totals.requests)} title={formatCount(totals.requests)} />
        <Fact name="Error rate" text={formatShare(errorRate)} title={plural(totals.errors, "error")} bad={errorRate > 0.05} />
        <Fact name="Spans" text={formatCompact(totals.spans)} title={formatCount(totals.spans)} />
        <Fact name="Received" text={formatBytes(totals.bytesIn)} title={plural(totals.bytesIn, "byte")} />
        <Fact name="Sent" text={formatBytes(totals.bytesOut)} title={plural(totals.bytesOut, "byte")} />
      </dl>
      <BarChart summary={summary} bars={bars} describe={(bar) => `${bar.label}: ${plural(bar.value, "request")}${bar.bad > 0 ? `, ${plural(bar.bad, "error")}` : ""}`} />
      <table className={styles["routes"]}>
        <caption className="visually-hidden">Requests by route</caption>
        <thead>
          <tr>
            <th scope="col">Route</th>
            <th scope="col">Requests</th>
            <th scope="col">Errors</th>
          </tr>
        </thead>
        <tbody>
          {byRoute.slice(0, 8).map((one) => (
            <tr key={one.route}>
              <td>
                <code>{one.route}</code>
                <span className={styles["share"]} aria-hidden="true">
                  <span style={{ width: `${String((one.requests / most) * 100)}%` }} />
                </span>
              </td>
              <td>{formatCount(one.requests)}</td>
              <td className={cx(one.errors > 0 && styles["danger"])}>{formatCount(one.errors)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {places.length > 0 && <p className={styles["soft"]}>From {places.map((place) => `${place.country ?? ""} (${formatCount(place.requests)})`).join(", ")}.</p>}
    </>
  );
}

function Fact({ name, text, title, bad = false }: { readonly name: string; readonly text: string; readonly title: string; readonly bad?: boolean }) {
  return (
    <div title={title}>
      <dt>{name}</dt>
      <dd className={cx(bad && styles["danger"])}>{text}</dd>
    </div>
  );
}
