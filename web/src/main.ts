// The page: an image goes to the chosen model, its answer and the same call for
// other clients are shown.

import { AnswerView } from "./answer.js";
import { type Protocol, predict } from "./client.js";
import { copyText } from "./copy.js";
import { byId } from "./dom.js";
import { DrawingInput } from "./drawing.js";
import { ModelChoice } from "./models.js";
import { PictureInput } from "./picture.js";
import { type Call, curl, grpcurl, python } from "./snippets.js";
import { makeTabs } from "./tabs.js";

/** What snippets call an image without a file. */
const unnamed = "image.png";

let image: { content: Blob; name: string } | undefined;
let pending = new AbortController();

const answer = new AnswerView();
const models = new ModelChoice(() => {
  showSnippets();
  void send();
});
const picture = new PictureInput((file) => {
  drawing.clear();
  take(file, file.name || unnamed);
});
const drawing = new DrawingInput(
  () => {
    picture.clear();
    drop();
  },
  (png) => take(png, unnamed),
);

function take(content: Blob, name: string): void {
  image = { content, name };
  showSnippets();
  void send();
}

/** drop forgets the image, and the answer with it. */
function drop(): void {
  image = undefined;
  pending.abort();
  answer.showNothing();
  showSnippets();
}

/** send asks the chosen model about the image. An older question is dropped. */
async function send(): Promise<void> {
  pending.abort();
  pending = new AbortController();
  const { signal } = pending;
  if (!image || !models.name) {
    answer.showNothing();
    return;
  }
  answer.showWaiting();
  try {
    const bytes = new Uint8Array(await image.content.arrayBuffer());
    signal.throwIfAborted();
    const prediction = await predict(protocol(), models.name, bytes, signal);
    signal.throwIfAborted();
    answer.showAnswer(prediction);
  } catch (error) {
    if (!signal.aborted) {
      answer.showError(error);
    }
  }
}

const protocols = [...document.querySelectorAll<HTMLInputElement>("input[name=protocol]")];

function protocol(): Protocol {
  return protocols.some(({ checked, value }) => checked && value === "grpc-web") ? "grpc-web" : "connect";
}

/** The address carries the protocol, so that a link can choose it. */
function readProtocol(): void {
  const wanted = new URLSearchParams(location.search).get("protocol");
  for (const radio of protocols) {
    radio.checked = radio.value === (wanted === "grpc-web" ? "grpc-web" : "connect");
    radio.addEventListener("change", () => {
      const url = new URL(location.href);
      url.searchParams.set("protocol", protocol());
      history.replaceState(null, "", url);
      void send();
    });
  }
}

const snippets: [HTMLElement, (call: Call) => string][] = [
  [byId("snippet-curl", HTMLElement), curl],
  [byId("snippet-grpcurl", HTMLElement), grpcurl],
  [byId("snippet-python", HTMLElement), python],
];

function showSnippets(): void {
  const call = { origin: location.origin, model: models.name, file: image?.name ?? unnamed };
  for (const [element, write] of snippets) {
    element.textContent = write(call);
  }
}

function makeCopyable(): void {
  const button = byId("copy", HTMLButtonElement);
  const status = byId("copy-status", HTMLElement);
  let shown: HTMLElement = button;
  makeTabs(byId("tabs", HTMLElement), (panel) => {
    shown = panel;
    status.textContent = "";
  });
  button.addEventListener("click", async () => {
    status.textContent = await copyText(shown);
  });
}

readProtocol();
makeCopyable();
showSnippets();
void models.load();
