// The drawing panel.

import { byId } from "./dom.js";

/** Width of the pen in canvas pixels, scaled from the strokes of a 28 x 28 digit. */
const penWidth = 20;
/** Idle time of the pen before the drawing is sent, in milliseconds. */
const idleMs = 300;

type Point = { x: number; y: number };

/** DrawingEvents are the callbacks of a DrawingInput. */
interface DrawingEvents {
  /** onStart is called when the pen begins a new drawing. */
  onStart(): void;
  /** onDrawing is called with the drawing's PNG file whenever the pen is idle. */
  onDrawing(png: Blob): void;
  /** onClear is called when the user clears the drawing. */
  onClear(): void;
}

/** DrawingInput converts strokes on the canvas to PNG files. */
export class DrawingInput {
  readonly #canvas = byId("draw", HTMLCanvasElement);
  readonly #background = byId("background", HTMLButtonElement);
  readonly #clear = byId("clear", HTMLButtonElement);
  readonly #save = byId("save", HTMLButtonElement);
  readonly #events: DrawingEvents;
  #strokes: Point[][] = [];
  #penDown = false;
  #timer = 0;

  constructor(events: DrawingEvents) {
    this.#events = events;

    this.#canvas.addEventListener("pointerdown", (event) => this.#begin(event));
    this.#canvas.addEventListener("pointermove", (event) => this.#move(event));
    this.#canvas.addEventListener("pointerup", () => this.#end());
    this.#canvas.addEventListener("pointercancel", () => this.#end());

    this.#clear.addEventListener("click", () => {
      this.clear();
      this.#events.onClear();
    });
    this.#background.addEventListener("click", () => {
      this.#background.setAttribute("aria-pressed", String(!this.#isBlack));
      this.#paint();
      this.#schedule();
    });
    this.#save.addEventListener("click", () => this.#download());
    // A white canvas is too bright for a dark page.
    this.#background.setAttribute("aria-pressed", String(matchMedia("(prefers-color-scheme: dark)").matches));
    this.#paint();
  }

  /** clear removes the drawing. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#strokes = [];
    this.#paint();
  }

  get #isBlack(): boolean {
    return this.#background.getAttribute("aria-pressed") === "true";
  }

  #begin(event: PointerEvent): void {
    if (event.button !== 0 || !event.isPrimary) {
      return;
    }
    clearTimeout(this.#timer);
    this.#canvas.setPointerCapture(event.pointerId);
    if (this.#strokes.length === 0) {
      this.#events.onStart();
    }
    this.#penDown = true;
    this.#strokes.push([this.#point(event)]);
    this.#paint();
  }

  #move(event: PointerEvent): void {
    if (!this.#penDown || !event.isPrimary) {
      return;
    }
    const events = event.getCoalescedEvents();
    const points = (events.length > 0 ? events : [event]).map((each) => this.#point(each));
    this.#strokes.at(-1)?.push(...points);
    this.#paint();
  }

  #end(): void {
    if (this.#penDown) {
      this.#penDown = false;
      this.#schedule();
    }
  }

  #point({ clientX, clientY }: PointerEvent): Point {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    return {
      x: ((clientX - left) / width) * this.#canvas.width,
      y: ((clientY - top) / height) * this.#canvas.height,
    };
  }

  #paint(): void {
    const { width, height } = this.#canvas;
    const context = this.#canvas.getContext("2d");
    if (!context) {
      return;
    }
    context.fillStyle = this.#isBlack ? "black" : "white";
    context.fillRect(0, 0, width, height);
    context.strokeStyle = this.#isBlack ? "white" : "black";
    context.lineWidth = penWidth;
    context.lineCap = "round";
    context.lineJoin = "round";
    for (const [first, ...rest] of this.#strokes) {
      if (first) {
        context.beginPath();
        context.moveTo(first.x, first.y);
        // A stroke of one point is a dot.
        for (const point of rest.length > 0 ? rest : [first]) {
          context.lineTo(point.x, point.y);
        }
        context.stroke();
      }
    }
    this.#canvas.classList.toggle("black", this.#isBlack);
    this.#canvas.classList.toggle("empty", this.#strokes.length === 0);
    this.#clear.disabled = this.#strokes.length === 0;
    this.#save.disabled = this.#strokes.length === 0;
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#strokes.length === 0) {
      return;
    }
    this.#timer = window.setTimeout(() => {
      const drawn = this.#strokes;
      this.#canvas.toBlob((png) => {
        // Ignores a drawing that was cleared or continued in the meantime.
        if (png && drawn === this.#strokes && !this.#penDown) {
          this.#events.onDrawing(png);
        }
      }, "image/png");
    }, idleMs);
  }

  #download(): void {
    this.#canvas.toBlob((png) => {
      if (png) {
        const link = document.createElement("a");
        link.href = URL.createObjectURL(png);
        link.download = "image.png";
        link.click();
        // Delayed: a browser may read the URL after click has returned.
        setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
      }
    }, "image/png");
  }
}
