interface AnyRule {
  readonly maxDays?: number | null;
  readonly maxCount?: number | null;
}

const number = new Intl.NumberFormat("en-US", { maximumFractionDigits: 2 });

const amount = (count: number, unit: string) => `${number.format(count)} ${unit}${count === 1 ? "" : "s"}`;

/** What a policy keeps; zero sets no bound. */
export function ruleInWords({ maxDays, maxCount }: AnyRule): string {
  const bounds = [maxDays ? amount(maxDays, "day") : "", maxCount ? `the latest ${amount(maxCount, "trace")} of a project` : ""].filter(Boolean);
  return bounds.length === 0 ? "Keeps everything" : `Keeps ${bounds.join(", and of these ")}`;
}

const weekdays = ["Sundays", "Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays"];

/** When a policy is carried out; what is more than one hour on some days is shown as it is. */
export function cronInWords(expression: string): string {
  const [, hour = "", , , day = ""] = expression.trim().split(/\s+/);
  const days = day === "*" ? "Every day" : /^[0-6](,[0-6])*$/.test(day) ? day.split(",").map((one) => weekdays[Number(one)]).join(", ") : null;
  if (days === null) return expression.trim();
  if (hour === "*") return `${days}, every hour`;
  if (/^\d+$/.test(hour)) return `${days} at ${hour.padStart(2, "0")}:00 UTC`;
  return expression.trim();
}

/** What is wrong with an expression, in the one form that there is; null when it may be right. */
export function cronProblem(expression: string): string | null {
  const fields = expression.trim().split(/\s+/);
  if (fields.length !== 5) return "Five fields: 0 HOUR * * WEEKDAY.";
  if (fields[0] !== "0") return "The first field, the minute, must be 0.";
  if (fields[2] !== "*" || fields[3] !== "*") return "Day and month, the third and fourth field, must be *.";
  const list = /^(\*|\d+(-\d+)?)(\/\d+)?(,(\*|\d+(-\d+)?)(\/\d+)?)*$/;
  return list.test(fields[1] ?? "") && list.test(fields[4] ?? "") ? null : "Hour and weekday are numbers, ranges or steps: 3, 1-5, */2.";
}
