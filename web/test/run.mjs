// Starts bin/tensorwire with the sample models on a free port, runs the page's
// tests or the screenshot script, and stops the server.
//
//   node web/test/run.mjs                  run the tests
//   node web/test/run.mjs screenshot FILE  write the screenshot for the README

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const [what, file] = process.argv.slice(2);

const server = spawn(`${root}bin/tensorwire`, ["serve", "--listen", "127.0.0.1:0", "--models", `${root}models`], {
  stdio: ["ignore", "pipe", "inherit"],
});
const stopped = new Promise((resolve) => server.once("exit", resolve));

// The server prints its URL when the models are loaded.
const address = await new Promise((resolve, reject) => {
  let printed = "";
  server.stdout.on("data", (chunk) => {
    printed += chunk;
    const match = /page\s+(\S+)\//.exec(printed);
    if (match) {
      resolve(match[1]);
    }
  });
  server.once("exit", (code) => reject(new Error(`the server exited with code ${code} before it was ready`)));
});

const args = what === "screenshot" ? [`${root}web/test/screenshot.mjs`, file] : ["--test", `${root}web/test/page.spec.mjs`];
const run = spawn(process.execPath, args, {
  stdio: ["ignore", "inherit", "inherit"],
  env: { ...process.env, TENSORWIRE_URL: address },
});
process.exitCode = await new Promise((resolve) => run.once("exit", (code) => resolve(code ?? 1)));

server.kill("SIGTERM");
const code = await stopped;
if (code !== 0) {
  console.error(`the server exited with code ${code} on SIGTERM`);
  process.exitCode ||= 1;
}
