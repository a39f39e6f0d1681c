/**
 * How the web app is built: into `dist`, or wherever `STUDYHALL_WEB_OUT` says (the
 * server's build script). Everything is a file of its own, since the server's
 * Content-Security-Policy allows no inline script.
 */
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { VitePWA } from "vite-plugin-pwa";

/** A server for `npm run dev` and `npm run preview`; it must allow their origin (`--cors-origins`). */
const server = process.env["STUDYHALL_URL"] || "http://127.0.0.1:8080";
const proxy = Object.fromEntries(["/api", "/sync"].map((path) => [path, { target: server, ws: true }]));

export default defineConfig({
  plugins: [
    react(),
    VitePWA({
      registerType: "prompt",
      injectRegister: null,
      manifest: {
        name: "Studyhall",
        short_name: "Studyhall",
        description: "Study together: rooms and notes that work offline",
        start_url: "/",
        display: "standalone",
        theme_color: "#2c6454",
        background_color: "#faf9f6",
        icons: [
          { src: "/icon-192.png", sizes: "192x192", type: "image/png" },
          { src: "/icon-512.png", sizes: "512x512", type: "image/png" },
          { src: "/icon.svg", sizes: "any", type: "image/svg+xml" },
        ],
      },
      workbox: {
        globPatterns: ["**/*.{js,css,html,svg,png,webmanifest}"],
        navigateFallback: "/index.html",
        navigateFallbackDenylist: [/^\/api\//, /^\/sync\//, /^\/ws\//, /^\/docs/, /^\/\.well-known\//],
        cleanupOutdatedCaches: true,
        clientsClaim: true,
      },
    }),
  ],
  server: { proxy },
  preview: { proxy },
  build: {
    outDir: process.env["STUDYHALL_WEB_OUT"] || "dist",
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
  },
});
