// Copying text, also where the page has no clipboard: browsers give one to
// https and localhost only.

/** copyText copies an element's text and says what the visitor is to be told. */
export async function copyText(element: HTMLElement): Promise<string> {
  try {
    await navigator.clipboard.writeText(element.textContent ?? "");
    return "Copied";
  } catch {
    getSelection()?.selectAllChildren(element);
    return document.execCommand("copy") ? "Copied" : "Selected: copy it with your keyboard";
  }
}
