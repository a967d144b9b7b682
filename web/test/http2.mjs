// Chromium with HTTP/2 over TLS: the page and its RPCs on one connection. `make interop`
// runs it.
//
// usage: node http2.mjs https://HOST:PORT
//
// The server must have the models of make interop. Its certificate is not verified.
import assert from "node:assert/strict";
import { launch } from "./browser.mjs";

const [origin] = process.argv.slice(2);
const browser = await launch();
try {
  const tab = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await tab.newPage();
  await page.goto(origin);

  const seen = await page.evaluate(async () => {
    const service = "/inference.GRPCInferenceService/";
    const json = (path, message) => fetch(service + path, {
      method: "POST", headers: { "Content-Type": "application/json", "Connect-Protocol-Version": "1" }, body: JSON.stringify(message),
    });
    const frame = (model) => {
      const text = new TextEncoder().encode(JSON.stringify({
        modelName: model, inputs: [{ name: "INPUT0", datatype: "FP32", shape: ["1", "2"], contents: { fp32Contents: [1, 2] } }],
      }));
      const envelope = new Uint8Array(5 + text.length);
      new DataView(envelope.buffer).setUint32(1, text.length);
      envelope.set(text, 5);
      return envelope;
    };

    const unary = await (await json("ModelReady", { name: "simple" })).json();
    const missing = await json("ModelMetadata", { name: "nowhere" });

    // A bidirectional stream with one body in each direction: browsers deliver the
    // response only after the request is complete.
    const stream = await fetch(`${service}ModelStreamInfer`, {
      method: "POST", headers: { "Content-Type": "application/connect+json", "Connect-Protocol-Version": "1" },
      body: new Blob([frame("identity_fp32"), frame("nowhere"), frame("identity_fp32")]),
    });
    const responses = [];
    const body = new Uint8Array(await stream.arrayBuffer());
    for (let at = 0; at < body.length;) {
      const length = new DataView(body.buffer).getUint32(at + 1);
      responses.push(JSON.parse(new TextDecoder().decode(body.subarray(at + 5, at + 5 + length))));
      at += 5 + length;
    }

    const tensor = new Float32Array(5_000_000).map((_, i) => i);
    const header = new TextEncoder().encode(JSON.stringify({
      inputs: [{ name: "INPUT0", datatype: "FP32", shape: [1, tensor.length], parameters: { binary_data_size: tensor.byteLength } }],
      parameters: { binary_data_output: true },
    }));
    const large = await fetch("/v2/models/identity_fp32/infer", {
      method: "POST", headers: { "Content-Type": "application/octet-stream", "Inference-Header-Content-Length": `${header.length}` },
      body: new Blob([header, tensor]),
    });
    const back = new Float32Array((await large.arrayBuffer()).slice(Number(large.headers.get("Inference-Header-Content-Length"))));

    return {
      unary, missing: [missing.status, (await missing.json()).code], responses,
      large: [large.status, back.length, back.every((value, i) => value === tensor[i])],
      protocols: ["navigation", "resource"].flatMap((type) => performance.getEntriesByType(type))
        .map((entry) => [new URL(entry.name).pathname, entry.nextHopProtocol]),
    };
  });

  assert.deepEqual(seen.unary, { ready: true });
  assert.deepEqual(seen.missing, [404, "not_found"]);
  assert.equal(seen.responses.length, 4, "three responses and the end of the stream");
  assert.equal(seen.responses[0].inferResponse.modelName, "identity_fp32");
  assert.match(seen.responses[1].errorMessage, /nowhere/);
  assert.equal(seen.responses[2].inferResponse.modelName, "identity_fp32");
  assert.deepEqual(seen.responses[3], {});
  assert.deepEqual(seen.large, [200, 5_000_000, true]);
  for (const path of ["/", "/inference.GRPCInferenceService/ModelStreamInfer", "/v2/models/identity_fp32/infer"]) {
    assert.ok(seen.protocols.some(([seenPath]) => seenPath === path), `${path} is not among ${seen.protocols}`);
  }
  for (const [path, protocol] of seen.protocols) {
    assert.equal(protocol, "h2", path);
  }
  console.log(`ok: ${seen.protocols.length} requests over h2`);
} finally {
  await browser.close();
}
