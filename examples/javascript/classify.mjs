// Classify an image with one call, over Connect, gRPC or gRPC-Web.

import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { Predictor } from "../../gen/es/modelserving/predictor_pb.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    address: { type: "string", default: "localhost:8080" },
    model: { type: "string", default: "" }, // the server's default
    protocol: { type: "string", default: "connect" },
  },
});
const transports = {
  connect: createConnectTransport,
  grpc: createGrpcTransport,
  grpcweb: createGrpcWebTransport,
};
const createTransport = transports[values.protocol];
if (positionals.length !== 1 || !createTransport) {
  console.error("usage: node classify.mjs IMAGE [--address HOST:PORT] [--model NAME] [--protocol connect|grpc|grpcweb]");
  process.exit(2);
}

const transport = createTransport({ baseUrl: `http://${values.address}`, httpVersion: "2" });
const client = createClient(Predictor, transport);
const rawImage = await readFile(positionals[0]);
try {
  const response = await client.fastPredict({ rawImage, modelName: values.model }, { timeoutMs: 10_000 });
  for (const { label, score } of response.classifications) {
    console.log(`${label} ${score.toFixed(6)}`);
  }
} catch (error) {
  console.error(ConnectError.from(error).message);
  process.exitCode = 1;
}
