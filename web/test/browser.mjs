// The browser and the server of the tests.

import { chromium } from "playwright-core";

const baseURL = process.env.TENSORWIRE_URL;

/** The server under test, without a path. */
export function serverURL() {
  if (!baseURL) {
    throw new Error("TENSORWIRE_URL is not set: start a server and set it to the server's URL, such as http://127.0.0.1:8080");
  }
  return new URL(baseURL).origin;
}

/** launch starts the Chromium at $CHROMIUM, by default Debian's. */
export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      "--disable-component-update",
      "--no-first-run",
    ],
  });
}
