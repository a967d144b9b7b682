// A typical Node.js client: @grpc/grpc-js with the stubs of @grpc/proto-loader from the
// public contract. It calls a server with the models of make interop, and prints the
// checks that passed.
//
// usage: node client.mjs HOST:PORT [CA.PEM]
//
// With the certificate of the server's CA, it uses TLS.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';

const api = fileURLToPath(new URL('../../../../api', import.meta.url));
const contract = loader.loadSync('inference/grpc_service.proto', {
  includeDirs: [api], keepCase: true, longs: Number, enums: String, oneofs: true,
});
const { inference } = grpc.loadPackageDefinition(contract);

const [address, authority] = process.argv.slice(2);
const credentials = authority ? grpc.credentials.createSsl(readFileSync(authority)) : grpc.credentials.createInsecure();
// The default limit of gRPC's clients, 4 MB, is too low for the large tensor.
const client = new inference.GRPCInferenceService(address, credentials, { 'grpc.max_receive_message_length': 32 << 20 });

// call returns a promise for one of the client's methods.
function call(method, request = {}) {
  return new Promise((resolve, reject) => {
    client[method](request, { deadline: Date.now() + 60_000 }, (error, response) => (error ? reject(error) : resolve(response)));
  });
}

const numbers = Int32Array.from({ length: 16 }, (_, i) => i);
const ones = new Int32Array(16).fill(1);

// request returns a request to `simple` for the sum and the difference of numbers and
// ones. Their bytes are little-endian on all of Node.js's platforms except s390x.
function request(changes = {}) {
  return {
    model_name: 'simple',
    id: 'javascript',
    inputs: ['INPUT0', 'INPUT1'].map((name) => ({ name, datatype: 'INT32', shape: [1, 16] })),
    raw_input_contents: [numbers, ones].map((values) => Buffer.from(values.buffer)),
    ...changes,
  };
}

function checkSums(response) {
  assert.equal(response.id, 'javascript');
  assert.deepEqual(response.outputs.map((output) => [output.name, output.datatype, output.shape]),
    [['OUTPUT0', 'INT32', [1, 16]], ['OUTPUT1', 'INT32', [1, 16]]]);
  const [sum, difference] = response.raw_output_contents.map((raw) => Array.from({ length: 16 }, (_, i) => raw.readInt32LE(4 * i)));
  assert.deepEqual(sum, Array.from(numbers, (n) => n + 1));
  assert.deepEqual(difference, Array.from(numbers, (n) => n - 1));
}

const checks = {
  async 'the server is live and ready'() {
    assert.deepEqual(await call('ServerLive'), { live: true });
    assert.deepEqual(await call('ServerReady'), { ready: true });
    assert.deepEqual(await call('ModelReady', { name: 'simple', version: '1' }), { ready: true });
  },

  async 'a model is described'() {
    const metadata = await call('ModelMetadata', { name: 'simple' });
    assert.deepEqual(metadata.inputs[0], { name: 'INPUT0', datatype: 'INT32', shape: [-1, 16] });
    const { config } = await call('ModelConfig', { name: 'simple' });
    assert.equal(config.max_batch_size, 8);
    assert.equal(config.input[0].data_type, 'TYPE_INT32');
    const { model_stats: statistics } = await call('ModelStatistics', { name: 'simple' });
    assert.equal(statistics.length, 1);
  },

  async 'raw tensors'() {
    checkSums(await call('ModelInfer', request()));
  },

  async 'typed tensors'() {
    const typed = request({ raw_input_contents: [] });
    typed.inputs[0].contents = { int_contents: [...numbers] };
    typed.inputs[1].contents = { int_contents: [...ones] };
    checkSums(await call('ModelInfer', typed));
  },

  async 'an error has its code'() {
    await assert.rejects(call('ModelInfer', request({ model_name: 'nowhere' })), { code: grpc.status.NOT_FOUND });
    await assert.rejects(call('ModelInfer', request({ raw_input_contents: [Buffer.alloc(63), Buffer.alloc(64)] })),
      { code: grpc.status.INVALID_ARGUMENT, details: /INPUT0/ });
  },

  async 'a stream continues after an error'() {
    const stream = client.ModelStreamInfer({ deadline: Date.now() + 60_000 });
    for (const message of [request(), request({ model_name: 'nowhere' }), request()]) {
      stream.write(message);
    }
    stream.end();
    const responses = [];
    for await (const response of stream) {
      responses.push(response);
    }
    assert.equal(responses.length, 3);
    checkSums(responses[0].infer_response);
    assert.notEqual(responses[1].error_message, '');
    checkSums(responses[2].infer_response);
  },

  async '20 MB in both directions'() {
    const values = 5_000_000;
    const tensor = Buffer.from(new Float32Array(values).fill(0.5).buffer);
    const { raw_output_contents: contents } = await call('ModelInfer', {
      model_name: 'identity_fp32',
      inputs: [{ name: 'INPUT0', datatype: 'FP32', shape: [1, values] }],
      raw_input_contents: [tensor],
    });
    assert.equal(contents.length, 1);
    assert.ok(tensor.equals(contents[0]), 'the response has another tensor');
  },
};

for (const [name, check] of Object.entries(checks)) {
  try {
    await check();
  } catch (error) {
    console.error(`failed: ${name}`);
    throw error;
  }
  console.log(`ok: ${name}`);
}
client.close();
