// Takes the screenshot of the page for the README, from a running server:
//
//   TENSORWIRE_URL=http://127.0.0.1:8080 node web/test/screenshot.mjs OUT.png

import { launch, serverURL } from "./browser.mjs";
import { digitPNG } from "./png.mjs";

// `node --test` on this directory runs every file in it, including this one.
if (!process.env.NODE_TEST_CONTEXT) {
  await screenshot(process.argv[2]);
}

async function screenshot(path) {
  if (!path) {
    throw new Error("usage: node web/test/screenshot.mjs OUT.png");
  }
  const browser = await launch();
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme: "light" });
    await page.goto(serverURL());
    await page.locator("#model:enabled").waitFor();
    // The second result has the time of an open connection. For this 7 models/digits
    // reports a probability below 100 %, as for few others.
    for (const name of ["first.png", "seven.png"]) {
      await page.setInputFiles("#file", { name, mimeType: "image/png", buffer: digitPNG(7, 97) });
      await page.locator('#result[aria-busy="false"] [data-testid="label"]').first().waitFor();
      await page.locator("#preview:not([hidden])").waitFor();
    }
    const bottom = await page.evaluate(() => Math.ceil(document.body.getBoundingClientRect().bottom));
    await page.setViewportSize({ width: 1280, height: bottom });
    await page.screenshot({ path, animations: "disabled" });
  } finally {
    await browser.close();
  }
}
