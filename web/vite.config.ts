import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const backend = process.env["PHOENIX_DEV_SERVER"] ?? "http://127.0.0.1:6006";

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "@": here("./src") } },
  // The server puts a fresh nonce in the place of this word on every page it sends.
  html: { cspNonce: "__CSP_NONCE__" },
  build: {
    // Fonts and images stay files: the policy has no `data:` for fonts.
    assetsInlineLimit: 0,
    target: ["chrome123", "firefox121", "safari17.5"],
    cssTarget: ["chrome123", "firefox121", "safari17.5"],
    modulePreload: { polyfill: false },
    // The explorer carries an editor and the GraphQL language; nothing else loads it.
    chunkSizeWarningLimit: 700,
    rollupOptions: {
      input: {
        index: here("./index.html"),
        docs: here("./docs.html"),
        graphiql: here("./graphiql.html"),
      },
    },
  },
  experimental: {
    // Pages name their files below the prefix that the server fills in;
    // scripts and styles find each other relative to themselves.
    renderBuiltUrl(filename, { hostType }) {
      return hostType === "html" ? `__BASENAME__/${filename}` : { relative: true };
    },
  },
  server: {
    proxy: {
      "/v1": backend,
      "/auth": backend,
      "/openapi.json": backend,
      "/graphql": {
        target: backend,
        bypass: (request) => (request.method === "GET" ? "/graphiql.html" : undefined),
      },
    },
  },
  test: { environment: "jsdom", include: ["src/**/*.test.{ts,tsx}"] },
});
