// Builds the page into web/dist, which embed.go embeds in the binary.
//
//   node web/build.mjs

import { cp, mkdir, readdir, readFile, rm, appendFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const web = fileURLToPath(new URL(".", import.meta.url));
const dist = `${web}dist/`;

// esbuild keeps comments that are marked as legal. The notices of the bundled
// packages are not marked, so this plugin marks them.
const keepNotices = {
  name: "keep-notices",
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]node_modules[\\/].*\.js$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8");
      const notice = /^(?:\/\/.*\r?\n)+/.exec(source)?.[0];
      if (!notice?.includes("Copyright")) {
        return { contents: source, loader: "js" };
      }
      const text = notice.replaceAll(/^\/\//gm, "").replaceAll("*/", "* /");
      return { contents: `/*!\n${text}*/\n${source.slice(notice.length)}`, loader: "js" };
    });
  },
};

// dist/README is checked in and must be kept.
await mkdir(dist, { recursive: true });
for (const name of await readdir(dist)) {
  if (name !== "README") {
    await rm(dist + name, { recursive: true });
  }
}

await build({
  entryPoints: [`${web}src/main.ts`],
  outfile: `${dist}app.js`,
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "linked",
  plugins: [keepNotices],
  tsconfig: `${web}tsconfig.json`,
  logLevel: "warning",
});
// The bundled packages use the Apache License 2.0 but do not include its text, so it
// is copied from TypeScript's package.
const licence = fileURLToPath(import.meta.resolve("typescript/package.json")).replace("package.json", "LICENSE.txt");
await appendFile(`${dist}app.js.LEGAL.txt`, await readFile(licence));

await cp(`${web}static`, dist, { recursive: true });
