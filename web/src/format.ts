// Number formatting.

/** formatBytes formats a size in bytes, in units of 1024. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) {
    return `${bytes} B`;
  }
  return bytes < 1024 * 1024 ? `${short(bytes / 1024)} KiB` : `${short(bytes / 1024 / 1024)} MiB`;
}

/** formatTime formats a duration in milliseconds. */
export function formatTime(ms: number): string {
  if (ms < 1) {
    return `${Math.round(ms * 1000)} µs`;
  }
  return ms < 10_000 ? `${short(ms)} ms` : `${short(ms / 1000)} s`;
}

/** formatScore formats a probability in percent and any other score as a number. */
export function formatScore(score: number, isProbability: boolean): string {
  if (!isProbability) {
    return formatValue(score);
  }
  if (score > 0 && score < 0.0005) {
    return "< 0.1%";
  }
  if (score < 1 && score >= 0.9995) {
    return "> 99.9%";
  }
  return `${(score * 100).toFixed(1)}%`;
}

/** formatValue formats one value of a tensor. */
export function formatValue(value: number): string {
  return String(Number(value.toPrecision(5)));
}

function short(value: number): string {
  return value < 100 ? value.toFixed(1) : value.toFixed(0);
}
