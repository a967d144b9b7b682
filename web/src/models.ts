// The model selector.

import { type Model, ModelState } from "../../gen/es/modelserving/predictor_pb.js";
import { describeError, listModels } from "./client.js";
import { byId, h, setText } from "./dom.js";
import { TokenPrompt } from "./token.js";

/** ModelSelect lists the server's models and selects one. */
export class ModelSelect {
  readonly #select = byId("model", HTMLSelectElement);
  readonly #description = byId("model-description", HTMLElement);
  readonly #notice = byId("notice", HTMLElement);
  readonly #noticeText = byId("notice-text", HTMLElement);
  readonly #retry = byId("retry", HTMLButtonElement);
  readonly #problems = byId("problems", HTMLElement);
  readonly #onChange: () => void;
  readonly #prompt = new TokenPrompt(() => void this.load());
  #models: Model[] = [];

  /** onChange is called whenever a model is selected, including the first one. */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
    this.#select.addEventListener("change", () => this.#selected());
    this.#retry.addEventListener("click", () => void this.load());
  }

  /** name is the selected model's name; empty if none is selected. */
  get name(): string {
    return this.#select.value;
  }

  /** load lists the server's models and displays them or the error. */
  async load(): Promise<void> {
    this.#retry.disabled = true;
    try {
      const { models, defaultModel } = await listModels();
      this.#show(models, defaultModel);
      void this.#prompt.accepted();
    } catch (error) {
      const { code, message } = describeError(error);
      this.#show([], "");
      this.failed(code);
      this.#showNotice("The server did not list its models.", `${code}: ${message}`);
    } finally {
      this.#retry.disabled = false;
    }
  }

  /** failed asks for a token where the code of an error requires one. */
  failed(code: string): void {
    if (code === "unauthenticated") {
      this.#prompt.ask();
    }
  }

  #show(models: Model[], defaultModel: string): void {
    this.#models = models;
    const usable = models.filter((model) => problemOf(model) === "");
    const preferred = usable.find((model) => model.name === defaultModel) ?? usable[0];
    this.#select.replaceChildren(...models.map((model) => option(model, model === preferred)));
    this.#select.disabled = preferred === undefined;

    const problems = models.filter((model) => problemOf(model) !== "");
    this.#problems.replaceChildren(
      ...problems.map((model) => h("li", {}, h("strong", { textContent: model.name }), ` ${problemOf(model)}`)),
    );
    this.#problems.hidden = problems.length === 0;

    if (preferred) {
      this.#notice.hidden = true;
    } else {
      this.#select.append(new Option("none", ""));
      this.#select.value = "";
      this.#showNotice(
        "No model is available yet.",
        models.length === 0
          ? "The server's model repository is empty."
          : "None of the server's models is ready for images.",
      );
    }
    this.#selected();
  }

  #selected(): void {
    const model = this.#models.find(({ name }) => name === this.name);
    setText(this.#description, model ? describe(model) : "");
    this.#onChange();
  }

  #showNotice(what: string, why: string): void {
    this.#noticeText.replaceChildren(h("strong", { textContent: what }), ` ${why}`);
    this.#notice.hidden = false;
  }
}

function option(model: Model, selected: boolean): HTMLOptionElement {
  const problem = problemOf(model);
  const element = new Option(`${model.name} (${problem || imageSize(model)})`, model.name, selected, selected);
  element.disabled = problem !== "";
  return element;
}

/** problemOf returns the reason why a model cannot be selected; empty if it can. */
function problemOf(model: Model): string {
  switch (model.state) {
    case ModelState.READY:
      return model.image ? "" : imageProblem(model);
    case ModelState.LOADING:
      return "is loading";
    default:
      return model.reason ? `unavailable: ${model.reason}` : "unavailable";
  }
}

function imageProblem({ imageReason }: Model): string {
  return imageReason ? `does not accept images: ${imageReason}` : "does not accept images";
}

function imageSize({ image }: Model): string {
  return image?.width && image.height ? `${image.width} × ${image.height}` : "any size";
}

function describe(model: Model): string {
  const { image, labels, version, versions } = model;
  const colours = image?.channels === 1 ? " grayscale" : image?.channels === 3 ? " RGB" : "";
  const others = versions
    .filter((other) => other.version !== version)
    .map((other) => (other.state === ModelState.READY ? other.version : `${other.version} (not ready)`));
  return [
    `${imageSize(model)}${colours}`,
    others.length === 0 ? `version ${version}` : `version ${version}, also ${others.join(", ")}`,
    labels.length === 0 ? "no labels" : `${labels.length} labels`,
  ].join(" · ");
}
