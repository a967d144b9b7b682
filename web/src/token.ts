// The token of a server that authenticates its clients. It is kept in memory only: a reload of the
// page forgets it, and no other page can read it.

import { byId, setText } from "./dom.js";

let token = "";

/** withToken returns headers with the token, if there is one. */
export function withToken(headers: HeadersInit | undefined): Headers {
  const all = new Headers(headers);
  if (token !== "") {
    all.set("Authorization", `Bearer ${token}`);
  }
  return all;
}

/** TokenPrompt asks for a token, and shows what it permits. */
export class TokenPrompt {
  readonly #form = byId("token-form", HTMLFormElement);
  readonly #input = byId("token", HTMLInputElement);
  readonly #identity = byId("identity", HTMLElement);

  /** onToken is called with each new token. */
  constructor(onToken: () => void) {
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      const given = this.#input.value.trim();
      token = /^[!-~]+$/.test(given) ? given : ""; // a header field takes no other characters
      this.#input.value = "";
      onToken();
    });
  }

  /** ask shows the prompt. */
  ask(): void {
    token = "";
    this.#form.hidden = false;
    setText(this.#identity, "");
  }

  /** accepted hides the prompt, and shows what the token permits. */
  async accepted(): Promise<void> {
    this.#form.hidden = true;
    if (token === "") {
      return;
    }
    const response = await fetch("whoami", { headers: withToken(undefined) }).catch(() => undefined);
    if (response?.ok) {
      const { name, actions, models }: { name: string; actions: string[]; models: string[] } = await response.json();
      setText(this.#identity, `token ${name}: ${actions.join(", ")}; models ${models.join(", ")}`);
    }
  }
}
