export interface Device {
  /** In plain words: "Firefox on Windows". */
  readonly name: string;
  readonly kind: "desktop" | "phone" | "tablet" | "tool" | "unknown";
}

type Pattern = readonly [pattern: RegExp, name: string];

// The first that fits: most browsers also name those whose pages they want.
const browsers: readonly Pattern[] = [
  [/\bEdg(?:A|iOS)?\//, "Edge"],
  [/\bOPR\/|\bOPiOS\//, "Opera"],
  [/\bVivaldi\//, "Vivaldi"],
  [/\bSamsungBrowser\//, "Samsung Internet"],
  [/\bFirefox\/|\bFxiOS\//, "Firefox"],
  [/\bHeadlessChrome\//, "Chrome without a window"],
  [/\bChromium\//, "Chromium"],
  [/\bChrome\/|\bCriOS\//, "Chrome"],
  [/\bVersion\/.*\bSafari\//, "Safari"],
];

const systems: readonly (readonly [RegExp, string, Device["kind"]])[] = [
  [/\biPhone\b|\biPod\b/, "iPhone", "phone"],
  [/\biPad\b/, "iPad", "tablet"],
  [/\bAndroid\b(?=.*\bMobile\b)/, "Android", "phone"],
  [/\bAndroid\b/, "Android", "tablet"],
  [/\bCrOS\b/, "ChromeOS", "desktop"],
  [/\bWindows\b/, "Windows", "desktop"],
  [/\bMac OS X\b|\bMacintosh\b/, "macOS", "desktop"],
  [/\bLinux\b|\bX11\b/, "Linux", "desktop"],
];

const tools: readonly Pattern[] = [
  [/^curl\//i, "curl"],
  [/^wget\//i, "Wget"],
  [/^(?:python-)?(?:requests|httpx|urllib|aiohttp)\b|^python/i, "a Python script"],
  [/^(?:node|undici|axios)\b/i, "a Node.js script"],
  [/^go-http-client\//i, "a Go program"],
  [/^(?:okhttp|java|apache-httpclient)\b/i, "a Java program"],
  [/^postman/i, "Postman"],
];

/** What somebody signed in with, as far as it says so itself. */
export function deviceOf(userAgent: string | null | undefined): Device {
  const text = userAgent?.trim() ?? "";
  if (text === "") return { name: "Unknown device", kind: "unknown" };
  const tool = tools.find(([pattern]) => pattern.test(text));
  if (tool) return { name: tool[1], kind: "tool" };
  const browser = browsers.find(([pattern]) => pattern.test(text))?.[1];
  const [, system, kind] = systems.find(([pattern]) => pattern.test(text)) ?? [];
  if (browser !== undefined && system !== undefined) return { name: `${browser} on ${system}`, kind: kind ?? "unknown" };
  if (browser !== undefined || system !== undefined) return { name: browser ?? `A browser on ${system ?? ""}`, kind: kind ?? "unknown" };
  const product = /^[^\s/;(]{1,40}/.exec(text)?.[0];
  return { name: product !== undefined && product !== "Mozilla" ? product : "Unknown device", kind: "unknown" };
}
