import { describe, expect, it } from "vitest";
import { deviceOf } from "./device";

const webkit = "AppleWebKit/537.36 (KHTML, like Gecko)";

describe("deviceOf", () => {
  it.each([
    [`Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${webkit} Chrome/138.0.0.0 Safari/537.36`, "Chrome on macOS", "desktop"],
    [`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${webkit} Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0`, "Edge on Windows", "desktop"],
    [`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${webkit} Chrome/138.0.0.0 Safari/537.36 OPR/120.0.0.0`, "Opera on Windows", "desktop"],
    ["Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux", "desktop"],
    ["Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15", "Safari on macOS", "desktop"],
    ["Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1", "Safari on iPhone", "phone"],
    ["Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/138.0 Mobile/15E148 Safari/604.1", "Chrome on iPhone", "phone"],
    ["Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/140.0 Mobile/15E148 Safari/605.1.15", "Firefox on iPad", "tablet"],
    [`Mozilla/5.0 (Linux; Android 10; K) ${webkit} Chrome/138.0.0.0 Mobile Safari/537.36`, "Chrome on Android", "phone"],
    [`Mozilla/5.0 (Linux; Android 14; SM-X710) ${webkit} SamsungBrowser/28.0 Chrome/130.0.0.0 Safari/537.36`, "Samsung Internet on Android", "tablet"],
    [`Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) ${webkit} Chrome/138.0.0.0 Safari/537.36`, "Chrome on ChromeOS", "desktop"],
    [`Mozilla/5.0 (X11; Linux x86_64) ${webkit} HeadlessChrome/138.0.0.0 Safari/537.36`, "Chrome without a window on Linux", "desktop"],
    ["Mozilla/5.0 (X11; Linux x86_64)", "A browser on Linux", "desktop"],
    ["curl/8.5.0", "curl", "tool"],
    ["python-requests/2.32.3", "a Python script", "tool"],
    ["python-httpx/0.28.1", "a Python script", "tool"],
    ["node", "a Node.js script", "tool"],
    ["Go-http-client/2.0", "a Go program", "tool"],
    ["WeeklyReport/3.1 (cron)", "WeeklyReport", "unknown"],
    ["Mozilla/5.0", "Unknown device", "unknown"],
    ["  ", "Unknown device", "unknown"],
    [null, "Unknown device", "unknown"],
  ])("%s", (userAgent, name, kind) => {
    expect(deviceOf(userAgent)).toEqual({ name, kind });
  });
});
