// Writes docs/encodings.svg from the tables of docs/performance.md: what the same image
// costs in each encoding, on the wire and in the server. `make generate` runs it.

import { readFileSync, writeFileSync } from "node:fs";

const page = readFileSync("docs/performance.md", "utf8");

/** cells returns the cells of the first row of a table that begins with the given ones. */
function cells(table, ...begin) {
  const section = page.split(`<!-- bench:begin ${table} -->`)[1].split(`<!-- bench:end ${table} -->`)[0];
  const row = section.split("\n").find((line) => line.startsWith(`| ${begin.join(" | ")} |`));
  if (!row) {
    throw new Error(`docs/performance.md: the table ${table} has no row ${begin.join(", ")}`);
  }
  return row.split("|").slice(1, -1).map((cell) => cell.trim());
}

/** ratio returns the ratio in a value such as "1.03 ms (1.00×)". */
function ratio(text) {
  return Number(/\(([\d.]+)×\)/.exec(text)[1]);
}

/** number returns a value such as "1.03 ms (1.00×)" in its smallest unit. */
function number(text) {
  const [, digits, unit] = /^([\d.,]+) ?(µs|ms|s)?/.exec(text);
  return Number(digits.replaceAll(",", "")) * ({ ms: 1e3, s: 1e6 }[unit] ?? 1);
}

const bars = [
  ["raw bytes", "Protobuf, `bytes raw_image`", ["gRPC", "HTTP/2", "`bytes`"]],
  ["packed floats", "Protobuf, `repeated float tensor_data`", ["gRPC", "HTTP/2", "`repeated float`"]],
  ["JSON, base64", "JSON, `rawImage` in base64", ["Connect, JSON", "HTTP/1.1", "base64"]],
  ["JSON numbers", "JSON, `tensorData` as numbers", ["Connect, JSON", "HTTP/1.1", "numbers"]],
].map(([label, encoding, roundtrip]) => ({
  label,
  bytes: cells("encodings", encoding)[1],
  cpu: cells("roundtrips", ...roundtrip)[6],
}));

const [row, left, width, gap] = [30, 110, 240, 90];
const chart = (title, x, key, format) => {
  const max = Math.max(...bars.map((bar) => number(bar[key])));
  return [
    `<text class="title" x="${x}" y="20">${title}</text>`,
    ...bars.map((bar, i) => {
      const length = Math.max(2, Math.round((number(bar[key]) / max) * width));
      const y = 34 + i * row;
      const times = ratio(bar[key]);
      return `<rect x="${x}" y="${y}" width="${length}" height="18" rx="2"/><text x="${x + length + 6}" y="${y + 14}">${format(number(bar[key]))}, ${times < 10 ? times.toFixed(1) : Math.round(times)}×</text>`;
    }),
  ];
};
const second = left + width + gap + 30;
const lines = [
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${second + width + gap + 20} ${40 + bars.length * row}" font-family="system-ui, sans-serif" font-size="13" role="img" aria-label="Bytes and server CPU of one request, by encoding">`,
  "<style>text { fill: #1f2328 } .title { font-weight: 600 } rect { fill: #0969da } @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } rect { fill: #58a6ff } }</style>",
  ...bars.map((bar, i) => `<text x="${left - 8}" y="${48 + i * row}" text-anchor="end">${bar.label}</text>`),
  ...chart("bytes of a request", left, "bytes", (bytes) => `${Math.round(bytes / 1000)} kB`),
  ...chart("server CPU of a request", second, "cpu", (us) => (us < 1000 ? `${Math.round(us)} µs` : `${(us / 1000).toFixed(1)} ms`)),
  "</svg>",
];
writeFileSync("docs/encodings.svg", lines.join("\n") + "\n");
