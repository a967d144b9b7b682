// Makes the picture of the page for the README, from a running server:
//
//   TENSORWIRE_URL=http://127.0.0.1:8080 node web/test/screenshot.mjs OUT.png

import { launch, serverURL } from "./browser.mjs";
import { digitPNG } from "./png.mjs";

// `node --test` on this directory runs every file in it, this one too.
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
    // The second answer shows the time of a connection that is in use. This seven
    // is one of the few that leave models/digits some doubt.
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
