// Image files from the file chooser, drag and drop, or the clipboard.

import { byId, setText } from "./dom.js";
import { formatBytes } from "./format.js";

/** Previews of images up to this width and height, in pixels, are not smoothed. */
const maxPixelated = 96;

/** ImageFileInput accepts files from the file input, from drops and from pastes. */
export class ImageFileInput {
  readonly #zone = byId("drop", HTMLLabelElement);
  readonly #preview = byId("preview", HTMLImageElement);
  readonly #caption = byId("caption", HTMLElement);

  /** onFile is called with each accepted file. */
  constructor(onFile: (file: File) => void) {
    const accept = (files: FileList | null | undefined): boolean => {
      const file = files?.[0];
      if (file) {
        this.#show(file);
        onFile(file);
      }
      return file !== undefined;
    };

    const input = byId("file", HTMLInputElement);
    input.addEventListener("change", () => {
      accept(input.files);
      // Choosing the same file again must be a change: it may have been edited.
      input.value = "";
    });

    // The whole page accepts drops: a drop outside the zone must not navigate to the file.
    document.addEventListener("dragover", (event) => {
      event.preventDefault();
      this.#zone.classList.add("target");
    });
    document.addEventListener("dragleave", (event) => {
      if (event.relatedTarget === null) {
        this.#zone.classList.remove("target");
      }
    });
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      this.#zone.classList.remove("target");
      accept(event.dataTransfer?.files);
    });

    document.addEventListener("paste", (event) => {
      if (accept(event.clipboardData?.files)) {
        event.preventDefault();
      }
    });

    this.#preview.addEventListener("load", () => {
      const { naturalWidth: width, naturalHeight: height } = this.#preview;
      this.#preview.classList.toggle("pixels", Math.max(width, height) <= maxPixelated);
      this.#preview.hidden = false;
      this.#caption.append(` · ${width} × ${height}`);
    });
    // The server may support formats that the browser cannot display.
    this.#preview.addEventListener("error", () => this.#caption.append(" · no preview"));
  }

  /** clear removes the preview. */
  clear(): void {
    URL.revokeObjectURL(this.#preview.src);
    this.#preview.removeAttribute("src");
    this.#preview.hidden = true;
    this.#zone.classList.remove("filled");
    setText(this.#caption, "");
  }

  #show(file: File): void {
    this.clear();
    this.#preview.src = URL.createObjectURL(file);
    this.#preview.alt = `Preview of ${file.name}`;
    this.#zone.classList.add("filled");
    setText(this.#caption, `${file.name} · ${formatBytes(file.size)}`);
  }
}
