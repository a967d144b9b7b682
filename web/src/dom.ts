// DOM helpers. Text is inserted as text only, never as HTML.

/** byId returns the element of index.html with this id, which must have this type. */
export function byId<T extends HTMLElement>(id: string, type: new () => T): T {
  const element = document.getElementById(id);
  if (!(element instanceof type)) {
    throw new Error(`the page has no ${type.name} with the id ${id}`);
  }
  return element;
}

/** h creates an element with these properties, attributes and children. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: { className?: string; textContent?: string; attributes?: Record<string, string> } = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const { attributes, ...rest } = properties;
  const element = Object.assign(document.createElement(tag), rest);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** setText sets an element's text, and hides the element if the text is empty. */
export function setText(element: HTMLElement, text: string): void {
  element.textContent = text;
  element.hidden = text === "";
}
