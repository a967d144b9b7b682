// Messages above the limit, sent by Node.js's HTTP/2 client, which @connectrpc/connect-node uses.
// Each call must be answered with the error, and the connection must stay usable.
//
// usage: node large.mjs URL [CERTIFICATE]
import { readFileSync } from 'node:fs';
import http2 from 'node:http2';

const [url, certificate] = process.argv.slice(2);
const session = http2.connect(url, certificate ? { ca: readFileSync(certificate) } : {});
session.on('error', (err) => fail(`session: ${err.message}`));

// A call that hangs must not hang the test.
const timeout = setTimeout(() => fail('a call was not answered'), 120_000);

function fail(message) {
  console.error(message);
  process.exit(1);
}

function call(headers, body) {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':method': 'POST', ':path': '/modelserving.Predictor/FastPredict', ...headers });
    let response;
    let text = '';
    stream.on('response', (fields) => (response = fields));
    stream.on('data', (data) => (text += data));
    stream.on('error', reject);
    stream.on('close', () => resolve({ status: response?.[':status'], grpc: response?.['grpc-status'], text }));
    stream.end(body);
  });
}

for (const size of [68e6, 100e6, 200e6]) {
  const message = Buffer.alloc(size);
  const enveloped = Buffer.alloc(5 + size);
  enveloped.writeUInt32BE(size, 1);
  const calls = {
    gRPC: [{ 'content-type': 'application/grpc' }, enveloped],
    'Connect with content-length': [{ 'content-type': 'application/proto', 'content-length': size }, message],
    'Connect without content-length': [{ 'content-type': 'application/proto' }, message],
  };
  for (const [name, [headers, body]] of Object.entries(calls)) {
    const { status, grpc, text } = await call(headers, body).catch((err) => fail(`${name}, ${size} bytes: ${err.message}`));
    if (grpc !== '8' && !(status === 429 && text.includes('resource_exhausted'))) {
      fail(`${name}, ${size} bytes: status ${status}, grpc-status ${grpc}: ${text}`);
    }
    const after = await call({ 'content-type': 'application/json' }, '{}').catch((err) => fail(`after ${name}, ${size} bytes: ${err.message}`));
    if (!after.text.includes('code')) {
      fail(`after ${name}, ${size} bytes: ${JSON.stringify(after)}`);
    }
  }
}
clearTimeout(timeout);
session.close();
