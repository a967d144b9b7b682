// The result panel: the server's response, or its error.

import type { Classification, InferenceResponse } from "../../gen/es/modelserving/predictor_pb.js";
import { describeError, type Prediction } from "./client.js";
import { byId, h, setText } from "./dom.js";
import { formatBytes, formatScore, formatTime, formatValue } from "./format.js";

/** The maximum number of displayed values of an output without classes. */
const maxValues = 24;

/** ResultView displays one result at a time. */
export class ResultView {
  readonly #result = byId("result", HTMLElement);
  readonly #summary = byId("summary", HTMLElement);
  readonly #hint = byId("hint", HTMLElement);
  readonly #error = byId("error", HTMLElement);
  readonly #scores = byId("scores", HTMLOListElement);
  readonly #values = byId("values", HTMLElement);
  readonly #facts = byId("facts", HTMLElement);

  /** showHint displays the hint for a page without an image. */
  showHint(): void {
    this.#clear();
    this.#hint.hidden = false;
    this.#result.ariaBusy = "false";
  }

  /** showWaiting keeps the last result, dimmed, until the next one arrives. */
  showWaiting(): void {
    this.#result.ariaBusy = "true";
  }

  showPrediction(prediction: Prediction): void {
    this.#clear();
    const { response } = prediction;
    if (response.classifications.length > 0) {
      this.#showScores(response.classifications);
    } else {
      this.#showValues(response);
    }
    const { modelName, modelVersion } = response;
    this.#summary.append(" ", h("small", { textContent: modelVersion ? `${modelName}, version ${modelVersion}` : modelName }));
    this.#showFacts(prediction);
    this.#result.ariaBusy = "false";
  }

  showError(error: unknown): void {
    this.#clear();
    const { code, message } = describeError(error);
    this.#error.replaceChildren(h("code", { textContent: code }), " ", h("span", { textContent: message }));
    this.#error.hidden = false;
    this.#result.ariaBusy = "false";
  }

  #clear(): void {
    for (const part of [this.#summary, this.#error, this.#values]) {
      setText(part, "");
    }
    // A live region must stay in the accessibility tree to be announced.
    this.#summary.hidden = false;
    this.#hint.hidden = true;
    this.#scores.replaceChildren();
    this.#facts.replaceChildren();
  }

  #showScores(classifications: Classification[]): void {
    const scores = classifications.map(({ score }) => score);
    const areProbabilities = scores.every((score) => score >= 0 && score <= 1);
    // Other scores are drawn relative to the largest one.
    const full = areProbabilities ? 1 : Math.max(...scores.map(Math.abs));
    const rows = classifications.map((classification) => {
      const bar = h("div", { className: "bar" });
      bar.style.width = `${Math.max(0, classification.score / full) * 100}%`;
      return h(
        "li",
        {},
        h("span", {
          className: "label",
          textContent: labelOf(classification),
          attributes: { "data-testid": "label" },
        }),
        h("span", {
          className: "score",
          textContent: formatScore(classification.score, areProbabilities),
          attributes: { "data-testid": "score" },
        }),
        h("div", { className: "track", attributes: { "aria-hidden": "true" } }, bar),
      );
    });
    this.#scores.replaceChildren(...rows);
    const [best] = classifications;
    if (best) {
      this.#summary.replaceChildren(
        h("strong", { textContent: labelOf(best) }),
        " ",
        h("span", { textContent: formatScore(best.score, areProbabilities) }),
      );
    }
  }

  #showValues({ shape, predictions }: InferenceResponse): void {
    const values = predictions.slice(0, maxValues).map(formatValue).join("  ");
    const more = predictions.length - maxValues;
    this.#summary.replaceChildren(
      h("strong", { textContent: shape.length === 0 ? "scalar" : shape.join(" × ") }),
      " ",
      h("span", { textContent: predictions.length === 1 ? "one value" : `${predictions.length} values` }),
    );
    setText(this.#values, more > 0 ? `${values}  … and ${more} more` : values);
  }

  #showFacts({ response, protocol, roundTripMs, sent, received }: Prediction): void {
    const { timings } = response;
    const facts: [string, string][] = [
      ["Round trip", formatTime(roundTripMs)],
      ["Up", formatBytes(sent)],
      ["Down", formatBytes(received)],
      ["Protocol", protocol === "grpc-web" ? "gRPC-Web" : "Connect"],
    ];
    if (timings) {
      facts.push(
        ["Decode", formatTime(Number(timings.decodeUs) / 1000)],
        ["Preprocess", formatTime(Number(timings.preprocessUs) / 1000)],
        ["Queue", formatTime(Number(timings.queueUs) / 1000)],
        ["Compute", formatTime(Number(timings.computeUs) / 1000)],
      );
    }
    this.#facts.replaceChildren(
      ...facts.map(([name, value]) => h("div", {}, h("dt", { textContent: name }), h("dd", { textContent: value }))),
    );
  }
}

function labelOf({ label, index }: Classification): string {
  return label || `class ${index}`;
}
