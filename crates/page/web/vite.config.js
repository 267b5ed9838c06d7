// How the page is built: three files with fixed names, the same bytes from the same source on every machine, and no
// code that looks at where it came from. The folders of `dist` are the paths at which it is served.
import { readFileSync } from "node:fs";
import { defineConfig } from "vite";

const licence = readFileSync(new URL("node_modules/preact/LICENSE", import.meta.url), "utf8").trim();

// A running labeltap for `npm run dev`; its guard wants to be asked as itself.
const tap = process.env.LABELTAP_URL ?? "http://127.0.0.1:2480";
const proxied = {
  target: tap,
  changeOrigin: true,
  configure: (proxy) => proxy.on("proxyReq", (request) => request.removeHeader("origin")),
};
const routes = ["/status", "/labelers", "/consumers", "/subjects", "/tail", "/handles"];

export default defineConfig({
  base: "./",
  build: {
    outDir: "../dist",
    emptyOutDir: true,
    assetsDir: "page",
    assetsInlineLimit: 0,
    target: "es2022",
    modulePreload: false,
    reportCompressedSize: false,
    rollupOptions: {
      output: {
        banner: `/*! This file contains Preact, under this licence:\n\n${licence}\n*/`,
        entryFileNames: "page/app.js",
        assetFileNames: "page/app[extname]",
      },
    },
  },
  esbuild: { legalComments: "inline" },
  server: { proxy: Object.fromEntries(routes.map((route) => [`^${route}(/|\\?|$)`, proxied])) },
});
