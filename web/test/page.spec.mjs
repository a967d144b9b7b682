// Tests of the page in a real browser with a running server for models/:
//
//   TENSORWIRE_URL=http://127.0.0.1:8080 node --test web/test/page.spec.mjs
//
// run.mjs starts such a server.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { launch, serverURL } from "./browser.mjs";
import { digitPNG, encodePNG } from "./png.mjs";

const model = "digits";
const listModels = "**/modelserving.Predictor/ListModels*";
const fastPredict = "**/modelserving.Predictor/FastPredict";

let origin;
let browser;

before(async () => {
  origin = serverURL();
  browser = await launch();
});

after(() => browser?.close());

/**
 * pageTest opens the page and runs body on it. It fails if the browser logs an error
 * or a warning that does not match expected.
 */
function pageTest(name, body, { path = "/", expected, prepare, ...context } = {}) {
  test(name, { timeout: 60_000 }, async (t) => {
    const tab = await browser.newContext(context);
    const page = await tab.newPage();
    page.setDefaultTimeout(15_000);
    const messages = [];
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) {
        messages.push(message.text());
      }
    });
    page.on("pageerror", (error) => messages.push(String(error)));
    await page.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) => {
        console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`);
      });
    });
    try {
      await prepare?.(page);
      await page.goto(origin + path);
      await body(page, t);
      const unexpected = messages.filter((text) => !expected?.test(text));
      assert.deepEqual(unexpected, [], "the browser logged errors or warnings");
    } finally {
      await tab.close();
    }
  });
}

async function ready(page) {
  await page.locator("#model:enabled").waitFor();
  await page.selectOption("#model", model);
}

function choose(page, buffer, name = "digit.png") {
  return page.setInputFiles("#file", { name, mimeType: "image/png", buffer });
}

/** bestLabel waits for the current result and returns its best label. */
async function bestLabel(page) {
  await page.locator('#result[aria-busy="false"] [data-testid="label"]').first().waitFor();
  return page.locator('[data-testid="label"]').first().textContent();
}

async function labelIs(page, label) {
  const best = page.locator('#result[aria-busy="false"] [data-testid="label"]').first();
  await best.filter({ hasText: new RegExp(`^${label}$`) }).waitFor();
}

/** drawSeven draws a 7 with the mouse: along the top, then down to the left. */
async function drawSeven(page) {
  const canvas = page.locator("#draw");
  await canvas.scrollIntoViewIfNeeded();
  const { x, y, width, height } = await canvas.boundingBox();
  await page.mouse.move(x + width * 0.3, y + height * 0.22);
  await page.mouse.down();
  await page.mouse.move(x + width * 0.7, y + height * 0.22, { steps: 10 });
  await page.mouse.move(x + width * 0.45, y + height * 0.82, { steps: 10 });
  await page.mouse.up();
}

for (const [protocol, contentType] of [
  ["connect", "application/proto"],
  ["grpc-web", "application/grpc-web+proto"],
]) {
  pageTest(`a file is sent unchanged over ${protocol}, and its labels are displayed`, async (page) => {
    await ready(page);
    await page.check(`input[name=protocol][value=${protocol}]`, { force: true });
    for (const digit of [3, 7]) {
      const png = digitPNG(digit);
      const sent = page.waitForRequest(fastPredict);
      await choose(page, png);
      const request = await sent;
      assert.equal(request.headers()["content-type"], contentType);
      assert.ok(request.postDataBuffer().includes(png), "the request does not contain the file's bytes");
      await labelIs(page, String(digit));
    }

    const scores = await page.locator('[data-testid="score"]').allTextContents();
    assert.equal(scores.length, 5);
    const percents = scores.map((score) => Number(/^(?:[<>] )?([\d.]+)%$/.exec(score)?.[1]));
    assert.ok(percents[0] > 50, `the best score is ${scores[0]}`);
    assert.deepEqual(percents, [...percents].sort((a, b) => b - a), "scores are not in order");
    assert.match(await page.locator("#summary").textContent(), /^7 (?:> )?\d.*digits, version \d+$/);
    assert.match(
      await page.locator("#facts").innerText(),
      /Round trip\s+[\d.]+ (µs|ms).*Up\s+\d.*Down\s+\d.*Decode\s.*Preprocess\s.*Queue\s.*Compute\s/s,
    );
  });
}

pageTest(
  "the URL selects the protocol",
  async (page) => {
    await ready(page);
    assert.ok(await page.isChecked("input[name=protocol][value=grpc-web]"));
    const sent = page.waitForRequest(fastPredict);
    await choose(page, digitPNG(1));
    assert.equal((await sent).headers()["content-type"], "application/grpc-web+proto");
    await labelIs(page, "1");
  },
  { path: "/?protocol=grpc-web" },
);

pageTest("models are listed with a GET", async (page) => {
  const sent = page.waitForRequest(listModels);
  await page.reload();
  const request = await sent;
  assert.equal(request.method(), "GET");
  await ready(page);
  assert.match(await page.locator("#model option:checked").textContent(), /^digits \(28 × 28\)$/);
  assert.match(await page.locator("#model-description").textContent(), /28 × 28 grayscale · version \d+.* · 10 labels/);
});

pageTest("a drawing is classified, on either background, and can be cleared", async (page) => {
  await ready(page);
  await drawSeven(page);
  await labelIs(page, "7");

  const resent = page.waitForRequest(fastPredict);
  await page.click("#background");
  await resent;
  await labelIs(page, "7");
  assert.match(await page.locator("#snippet-curl").textContent(), /< image\.png /);

  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#save")]);
  assert.equal(download.suggestedFilename(), "image.png");

  await page.click("#clear");
  await page.locator("#hint").waitFor();
  assert.equal(await page.locator('[data-testid="label"]').count(), 0);
});

/** transfer creates a DataTransfer with one PNG file in the page. */
function transfer(page, png, name) {
  return page.evaluateHandle(
    ({ bytes, name }) => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(bytes)], name, { type: "image/png" }));
      return data;
    },
    { bytes: [...png], name },
  );
}

pageTest("a file can be dropped", async (page) => {
  await ready(page);
  const dataTransfer = await transfer(page, digitPNG(5), "five.png");
  await page.dispatchEvent("#drop", "dragover", { dataTransfer });
  assert.match(await page.getAttribute("#drop", "class"), /target/);
  await page.dispatchEvent("#drop", "drop", { dataTransfer });
  await labelIs(page, "5");
  assert.match(await page.locator("#caption").textContent(), /^five\.png · \d+ B/);
  await page.locator("#preview:not([hidden])").waitFor();
  assert.match(await page.getAttribute("#preview", "src"), /^blob:/);
});

for (const viewport of [
  { width: 1280, height: 800 },
  { width: 360, height: 740 },
]) {
  pageTest(
    `images of any aspect ratio are previewed completely, ${viewport.width} pixels wide`,
    async (page) => {
      await ready(page);
      for (const [width, height] of [
        [28, 28],
        [40, 400],
        [400, 40],
      ]) {
        await choose(page, encodePNG(width, height, Buffer.alloc(width * height, 128)));
        await bestLabel(page);
        await page.locator("#caption").filter({ hasText: `${width} × ${height}` }).waitFor();
        const [zone, preview] = await Promise.all(["#drop", "#preview"].map((id) => page.locator(id).boundingBox()));
        assert.ok(
          preview.y >= zone.y && preview.y + preview.height <= zone.y + zone.height,
          `the preview of ${width} × ${height} is cropped`,
        );
      }
    },
    { viewport },
  );
}

pageTest("a file can be pasted", async (page) => {
  await ready(page);
  const clipboardData = await transfer(page, digitPNG(2), "image.png");
  await page.evaluate((clipboardData) => {
    document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
  }, clipboardData);
  await labelIs(page, "2");
});

pageTest(
  "a file that is not an image displays the server's error",
  async (page) => {
    await ready(page);
    for (const protocol of ["connect", "grpc-web"]) {
      await page.check(`input[name=protocol][value=${protocol}]`, { force: true });
      const png = digitPNG(4);
      await choose(page, png.subarray(0, png.length / 2), "torn.png");
      await page.locator("#error code").waitFor();
      assert.equal(await page.locator("#error code").textContent(), "invalid_argument");
      assert.notEqual((await page.locator("#error span").textContent()).trim(), "");
      assert.equal(await page.locator('[data-testid="label"]').count(), 0);
      // The next image removes the error.
      await choose(page, digitPNG(4));
      await labelIs(page, "4");
      assert.ok(await page.locator("#error").isHidden());
    }
  },
  { expected: /status of 400/ },
);

pageTest("a late response does not replace a newer one", async (page) => {
  await ready(page);
  let release;
  const held = new Promise((resolve) => {
    release = resolve;
  });
  let calls = 0;
  await page.route(fastPredict, async (route) => {
    if (++calls === 1) {
      await held;
    }
    // The page has cancelled the first call by then.
    await route.continue().catch(() => {});
  });
  const first = page.waitForEvent("requestfailed");
  await choose(page, digitPNG(3));
  await page.locator('#result[aria-busy="true"]').waitFor();
  await choose(page, digitPNG(7));
  await first;
  await labelIs(page, "7");
  release();
  await labelIs(page, "7");
  assert.ok(await page.locator("#error").isHidden());
});

pageTest(
  "an unreachable server is reported and can be retried",
  async (page) => {
    await page.locator("#notice:not([hidden])").waitFor();
    assert.match(await page.locator("#notice-text").textContent(), /did not list its models.*unavailable: /);
    await page.unroute(listModels);
    await page.click("#retry");
    await ready(page);
    assert.ok(await page.locator("#notice").isHidden());

    await page.route(fastPredict, (route) => route.abort());
    await choose(page, digitPNG(3));
    await page.locator("#error code").waitFor();
    assert.equal(await page.locator("#error code").textContent(), "unavailable");
  },
  { expected: /ERR_FAILED/, prepare: (page) => page.route(listModels, (route) => route.abort()) },
);

pageTest(
  "a server without a model for images is reported, with the reasons",
  async (page) => {
    await page.locator("#notice:not([hidden])").waitFor();
    assert.match(await page.locator("#notice-text").textContent(), /No model is available yet/);
    assert.deepEqual(await page.locator("#problems li").allTextContents(), [
      "torn unavailable: cut short",
      "audio does not accept images: it is for audio",
      "vectors does not accept images",
    ]);
    assert.ok(await page.locator("#model").isDisabled());
    // An image waits for a model.
    await choose(page, digitPNG(6));
    await page.unroute(listModels);
    await page.click("#retry");
    await page.locator("#model:enabled").waitFor();
    await bestLabel(page);
  },
  {
    prepare: (page) =>
      page.route(listModels, (route) =>
        route.fulfill({ contentType: "application/proto", body: listOfModelsWithoutImages() }),
      ),
  },
);

/** listOfModelsWithoutImages returns a hand-written ListModelsResponse in protobuf. */
function listOfModelsWithoutImages() {
  const field = (number, content) => Buffer.concat([Buffer.from([number * 8 + 2, content.length]), content]);
  const text = (number, content) => field(number, Buffer.from(content));
  const state = (number) => Buffer.from([3 * 8, number]);
  const ready = state(1);
  const unavailable = state(3);
  return Buffer.concat([
    field(1, Buffer.concat([text(1, "torn"), unavailable, text(4, "cut short")])),
    field(1, Buffer.concat([text(1, "audio"), ready, text(10, "it is for audio")])),
    field(1, Buffer.concat([text(1, "vectors"), ready])),
  ]);
}

pageTest("snippets contain the server, the model and the file, and run", async (page, t) => {
  await ready(page);
  const name = "it's a \"7\" $(echo 100%).png";
  const png = digitPNG(7);
  await choose(page, png, name);
  await labelIs(page, "7");

  const directory = mkdtempSync(join(tmpdir(), "tensorwire-page-"));
  t.after(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, name), png);
  // `make setup-tests` installs the Python packages and grpcurl in the project.
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const env = { ...process.env, PATH: `${root}.venv/bin:${root}build/tools:${process.env.PATH}` };
  const run = (command, ...args) =>
    spawnSync(command, args, { cwd: directory, env, encoding: "utf8", timeout: 30_000 });
  const snippet = async (tool) => {
    const text = await page.locator(`#snippet-${tool}`).textContent();
    assert.ok(text.includes(new URL(origin).hostname) && text.includes(model), text);
    return text;
  };
  const best = /"label":\s*"7"/;

  await t.test("curl", async () => {
    const { stdout, stderr } = run("sh", "-c", await snippet("curl"));
    assert.match(stdout, best, stderr);
  });
  await t.test("grpcurl", async (t) => {
    const text = await snippet("grpcurl");
    if (run("grpcurl", "-version").error) {
      return t.skip("grpcurl is not installed");
    }
    const { stdout, stderr } = run("sh", "-c", text);
    assert.match(stdout, best, stderr);
  });
  await t.test("Python", async (t) => {
    const text = await snippet("python");
    if (run("python3", "-c", "import grpc, grpc_reflection").status !== 0) {
      return t.skip("grpcio and grpcio-reflection are not installed");
    }
    const { stdout, stderr } = run("python3", "-c", text);
    assert.match(stdout, /^digits \d+ \[1, 10\]\n[01]\.\d+ 7\n/, stderr);
  });
});

pageTest(
  "a snippet can be copied",
  async (page) => {
    await ready(page);
    await page.click("#tab-python");
    await page.click("#copy");
    await page.getByText("Copied").waitFor();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.equal(copied.replaceAll("\r\n", "\n"), await page.locator("#snippet-python").textContent());
  },
  { permissions: ["clipboard-read", "clipboard-write"] },
);

pageTest("a snippet can be copied without the Clipboard API", async (page) => {
  await ready(page);
  await page.evaluate(() => Object.defineProperty(navigator, "clipboard", { value: undefined }));
  await page.click("#copy");
  await page.getByText(/Copied|Selected/).waitFor();
  const selected = await page.evaluate(() => String(getSelection()));
  assert.equal(selected.trim(), (await page.locator("#snippet-curl").textContent()).trim());
});

pageTest("everything works by keyboard", async (page) => {
  // With a listener, Playwright intercepts file choosers. It is added here so that it is
  // active before the key press below.
  page.on("filechooser", () => {});
  await ready(page);
  await choose(page, digitPNG(0));
  await labelIs(page, "0");

  // Each tab stop has a visible outline.
  const stops = [];
  await page.evaluate(() => document.activeElement.blur());
  for (let i = 0; i < 30; i++) {
    await page.keyboard.press("Tab");
    const stop = await page.evaluate(() => {
      const element = document.activeElement;
      const shown = { file: element.nextElementSibling, protocol: element.nextElementSibling }[element.id || element.name];
      const { outlineStyle, outlineWidth } = getComputedStyle(shown ?? element);
      return { name: element.id || element.name || element.tagName, outline: outlineStyle !== "none" && outlineWidth !== "0px" };
    });
    if (stop.name === "BODY" || stops.includes(stop.name)) {
      break;
    }
    assert.ok(stop.outline, `focus on ${stop.name} is not visible`);
    stops.push(stop.name);
  }
  assert.deepEqual(stops, ["model", "protocol", "file", "background", "tab-curl", "copy", "snippet-curl", "A"]);

  await page.focus("input[value=connect]");
  const sent = page.waitForRequest(fastPredict);
  await page.keyboard.press("ArrowRight");
  const request = await sent;
  assert.equal(request.headers()["content-type"], "application/grpc-web+proto");
  await (await request.response()).finished(); // the previous result has the same label
  await labelIs(page, "0");

  await page.focus("#file");
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.keyboard.press("Space")]);
  await chooser.setFiles({ name: "eight.png", mimeType: "image/png", buffer: digitPNG(8) });
  await labelIs(page, "8");

  await page.focus("#tab-curl");
  for (const [key, tool] of [
    ["ArrowRight", "grpcurl"],
    ["ArrowRight", "python"],
    ["ArrowRight", "curl"],
    ["ArrowLeft", "python"],
    ["Home", "curl"],
    ["End", "python"],
  ]) {
    await page.keyboard.press(key);
    assert.equal(await page.evaluate(() => document.activeElement.id), `tab-${tool}`);
    assert.equal(await page.getAttribute(`#tab-${tool}`, "aria-selected"), "true");
    assert.deepEqual(
      await page.locator("[role=tabpanel]:visible").evaluateAll((panels) => panels.map(({ id }) => id)),
      [`snippet-${tool}`],
    );
  }
});

for (const colorScheme of ["light", "dark"]) {
  pageTest(
    `a phone displays the page without horizontal scrolling, ${colorScheme} scheme`,
    async (page) => {
      const fits = async () => {
        const width = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(width <= 360, `the page is ${width} pixels wide`);
      };
      await ready(page);
      await fits();
      await choose(page, digitPNG(9), "a-name-without-any-place-to-break-it-".repeat(4) + ".png");
      await labelIs(page, "9");
      await page.locator("#preview:not([hidden])").waitFor();
      for (const tool of ["curl", "grpcurl", "python"]) {
        await page.click(`#tab-${tool}`);
        await fits();
      }
      await page.click("#copy");
      await fits();
      await page.locator("#draw").scrollIntoViewIfNeeded();
      const before = await page.locator("#draw").boundingBox();
      await page.mouse.move(before.x + 50, before.y + 50);
      await page.mouse.down();
      assert.deepEqual(await page.locator("#draw").boundingBox(), before, "the canvas moves under the pen");
      await page.mouse.up();
      await page.click("#clear");
      await page.locator("#preview").waitFor({ state: "hidden" });
      await drawSeven(page);
      await labelIs(page, "7");
      await fits();
    },
    { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, colorScheme },
  );

  pageTest(
    `text has WCAG AA contrast, ${colorScheme} scheme`,
    async (page) => {
      await ready(page);
      await choose(page, digitPNG(3));
      await labelIs(page, "3");
      assert.deepEqual(await page.evaluate(lowContrast), []);
      await choose(page, Buffer.from("no image"));
      await page.locator("#error code").waitFor();
      assert.deepEqual(await page.evaluate(lowContrast), []);
    },
    { colorScheme, reducedMotion: "reduce", expected: /status of 400/ },
  );
}

/** lowContrast runs in the page and lists visible text with a contrast below 4.5 to 1. */
function lowContrast() {
  const parse = (color) => color.match(/[\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => {
    const [lr, lg, lb] = [r, g, b].map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * lr + 0.7152 * lg + 0.0722 * lb;
  };
  const backgroundOf = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const color = parse(getComputedStyle(e).backgroundColor);
      if (color[3] === undefined || color[3] === 1) {
        return color;
      }
    }
    return [255, 255, 255];
  };
  const found = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    // Text over the canvas is not over its parent's background; disabled controls
    // are exempt.
    if (!texts.currentNode.data.trim() || !element.checkVisibility() || element.closest(".sheet, :disabled, noscript")) {
      continue;
    }
    const [a, b] = [luminance(parse(getComputedStyle(element).color)), luminance(backgroundOf(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) {
      found.push(`${texts.currentNode.data.trim()}: ${ratio.toFixed(2)}`);
    }
  }
  return found;
}

pageTest(
  "asks for a token, keeps it in memory, and shows what it permits",
  async (page) => {
    await page.getByLabel("This server requires a token").fill("tw_wrong");
    await page.getByRole("button", { name: "Use token" }).click();
    await page.getByLabel("This server requires a token").fill("tw_right");
    await page.getByRole("button", { name: "Use token" }).click();
    await page.getByText("token page: infer, read; models *").waitFor();
    assert.equal(await page.locator("#token-form").isVisible(), false);
    assert.equal(await page.locator("#model").inputValue(), model);
    assert.equal(await page.evaluate(() => localStorage.length + sessionStorage.length + document.cookie.length), 0);
    await page.reload();
    await page.getByLabel("This server requires a token").waitFor();
  },
  {
    expected: /401/,
    prepare: async (page) => {
      await page.route(listModels, (route) =>
        route.request().headers().authorization === "Bearer tw_right"
          ? route.continue()
          : route.fulfill({ status: 401, contentType: "application/json", body: '{"code":"unauthenticated","message":"authentication is required"}' }),
      );
      await page.route("**/whoami", (route) =>
        route.fulfill({ json: { name: "page", actions: ["infer", "read"], models: ["*"] } }),
      );
    },
  },
);
