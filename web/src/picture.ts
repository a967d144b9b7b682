// An image file that the visitor picks, drops or pastes.

import { byId, setText } from "./dom.js";
import { formatBytes } from "./format.js";

/** Below this width or height, in pixels, a preview is shown with hard pixels. */
const smallImage = 96;

/** PictureInput takes files from the file input, from drops and from pastes. */
export class PictureInput {
  readonly #zone = byId("drop", HTMLLabelElement);
  readonly #preview = byId("preview", HTMLImageElement);
  readonly #caption = byId("caption", HTMLElement);

  /** onFile is called with each file that is given. */
  constructor(onFile: (file: File) => void) {
    const take = (files: FileList | null | undefined): boolean => {
      const file = files?.[0];
      if (file) {
        this.#show(file);
        onFile(file);
      }
      return file !== undefined;
    };

    const input = byId("file", HTMLInputElement);
    input.addEventListener("change", () => {
      take(input.files);
      // Picking the same file again is a change too: it may have been edited.
      input.value = "";
    });

    // The whole page takes drops: a near miss must not navigate to the file.
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
      take(event.dataTransfer?.files);
    });

    document.addEventListener("paste", (event) => {
      if (take(event.clipboardData?.files)) {
        event.preventDefault();
      }
    });

    this.#preview.addEventListener("load", () => {
      const { naturalWidth: width, naturalHeight: height } = this.#preview;
      this.#preview.classList.toggle("pixels", Math.max(width, height) <= smallImage);
      this.#preview.hidden = false;
      this.#caption.append(` · ${width} × ${height}`);
    });
    // What this browser cannot show, the server may still read.
    this.#preview.addEventListener("error", () => this.#caption.append(" · no preview"));
  }

  /** clear takes the file back from view. */
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
