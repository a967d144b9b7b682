// Copies text, also without the Clipboard API: browsers provide it only to https
// and localhost.

/** copyText copies an element's text and returns the status message. */
export async function copyText(element: HTMLElement): Promise<string> {
  try {
    await navigator.clipboard.writeText(element.textContent ?? "");
    return "Copied";
  } catch {
    getSelection()?.selectAllChildren(element);
    return document.execCommand("copy") ? "Copied" : "Selected: copy it with your keyboard";
  }
}
