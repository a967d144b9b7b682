// The few words this page needs for writing DOM. Text goes in as text only.

/** byId returns the element of index.html with this id, which must be a type. */
export function byId<T extends HTMLElement>(id: string, type: new () => T): T {
  const element = document.getElementById(id);
  if (!(element instanceof type)) {
    throw new Error(`the page has no ${type.name} with the id ${id}`);
  }
  return element;
}

/** h makes an element. Properties are set as they are, attributes under attributes. */
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

/** setText shows text in an element, or hides the element when there is none. */
export function setText(element: HTMLElement, text: string): void {
  element.textContent = text;
  element.hidden = text === "";
}
