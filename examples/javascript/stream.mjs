// Send images as the frames of one stream, and print the responses as they arrive.
//
// Responses have the order of the frames. A bad frame, such as a file that is not an
// image, gets a response with an error; the stream continues.

import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { Predictor } from "../../gen/es/modelserving/predictor_pb.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { address: { type: "string", default: "localhost:8080" } },
});
if (positionals.length === 0) {
  console.error("usage: node stream.mjs IMAGE... [--address HOST:PORT]");
  process.exit(2);
}

// A bidirectional stream needs HTTP/2.
const transport = createConnectTransport({ baseUrl: `http://${values.address}`, httpVersion: "2" });
const client = createClient(Predictor, transport);

async function* frames() {
  for (const path of positionals) {
    yield { id: basename(path), rawImage: await readFile(path) };
  }
}

for await (const { id, error, classifications } of client.streamPredict(frames())) {
  if (error) {
    console.log(`${id}: ${error.code}: ${error.message}`);
  } else {
    const [best] = classifications;
    console.log(`${id}: ${best.label} ${best.score.toFixed(6)}`);
  }
}
