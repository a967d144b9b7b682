// The page: sends an image to the selected model, and displays the result and the
// same call for other clients.

import { ResultView } from "./result.js";
import { type Protocol, describeError, predict } from "./client.js";
import { copyText } from "./clipboard.js";
import { byId } from "./dom.js";
import { DrawingInput } from "./drawing.js";
import { ModelSelect } from "./models.js";
import { ImageFileInput } from "./imagefile.js";
import { type Call, curl, grpcurl, python } from "./snippets.js";
import { makeTabs } from "./tabs.js";

/** The file name in snippets for an image without a file. */
const defaultName = "image.png";

let image: { content: Blob; name: string } | undefined;
let pending = new AbortController();

const resultView = new ResultView();
const models = new ModelSelect(() => {
  showSnippets();
  void send();
});
const imageFile = new ImageFileInput((file) => {
  drawing.clear();
  setImage(file, file.name || defaultName);
});
const drawing = new DrawingInput({
  onStart: clearImage,
  // Not before: without its preview the file's tile is smaller on a phone, and the canvas
  // would move under the pen.
  onDrawing: (png) => {
    imageFile.clear();
    setImage(png, defaultName);
  },
  onClear: () => {
    imageFile.clear();
    clearImage();
  },
});

function setImage(content: Blob, name: string): void {
  image = { content, name };
  showSnippets();
  void send();
}

/** clearImage removes the image and its result. */
function clearImage(): void {
  image = undefined;
  pending.abort();
  resultView.showHint();
  showSnippets();
}

/** send sends the image to the selected model. It cancels an earlier request. */
async function send(): Promise<void> {
  pending.abort();
  pending = new AbortController();
  const { signal } = pending;
  if (!image || !models.name) {
    resultView.showHint();
    return;
  }
  resultView.showWaiting();
  try {
    const bytes = new Uint8Array(await image.content.arrayBuffer());
    signal.throwIfAborted();
    const prediction = await predict(protocol(), models.name, bytes, signal);
    signal.throwIfAborted();
    resultView.showPrediction(prediction);
  } catch (error) {
    if (!signal.aborted) {
      models.failed(describeError(error).code);
      resultView.showError(error);
    }
  }
}

const protocols = [...document.querySelectorAll<HTMLInputElement>("input[name=protocol]")];

function protocol(): Protocol {
  return protocols.some(({ checked, value }) => checked && value === "grpc-web") ? "grpc-web" : "connect";
}

/** readProtocol selects the protocol in the URL, and keeps the URL up to date. */
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
  const call = { origin: location.origin, model: models.name, file: image?.name ?? defaultName };
  for (const [element, write] of snippets) {
    element.textContent = write(call);
  }
}

function setUpTabs(): void {
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
setUpTabs();
showSnippets();
void models.load();
