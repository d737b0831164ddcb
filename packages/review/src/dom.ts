// Makes elements of the player.

type Props = Record<string, string | number | boolean | undefined>;

/** Props are attributes; `part` names it for the style of the page. What is `false` or undefined is left out. */
export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  props: Props = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(props)) setAttribute(element, key, value);
  element.append(...children);
  return element;
}

/** Not set when equal: a screen reader would announce it again. */
export function setAttribute(element: Element, name: string, value: string | number | boolean | undefined): void {
  const text = value === true ? '' : String(value);
  if (value === undefined || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

const SVG = 'http://www.w3.org/2000/svg';
const ICONS = {
  play: 'M8 5v14l11-7z',
  pause: 'M7 5h4v14H7zM13 5h4v14h-4z',
  back: 'M12 5V2L6 6.5l6 4.5V8a5.8 5.8 0 1 1-5.8 5.8H3.9A8.1 8.1 0 1 0 12 5zM8.4 11.4l1.7-.9h.9v6.3H9.7v-4.7l-1.3.6zM14 10.4c1.3 0 2 1.2 2 3.2s-.7 3.3-2 3.3-2-1.3-2-3.3.7-3.2 2-3.2zm0 1.1c-.5 0-.8.7-.8 2.1s.3 2.2.8 2.2.8-.8.8-2.2-.3-2.1-.8-2.1z',
  forward:
    'M12 5V2l6 4.5-6 4.5V8a5.8 5.8 0 1 0 5.8 5.8h2.3A8.1 8.1 0 1 1 12 5zM8.4 11.4l1.7-.9h.9v6.3H9.7v-4.7l-1.3.6zM14 10.4c1.3 0 2 1.2 2 3.2s-.7 3.3-2 3.3-2-1.3-2-3.3.7-3.2 2-3.2zm0 1.1c-.5 0-.8.7-.8 2.1s.3 2.2.8 2.2.8-.8.8-2.2-.3-2.1-.8-2.1z',
  frameBack: 'M15 5v14L6 12zM17 5h2v14h-2z',
  frameForward: 'M9 5v14l9-7zM5 5h2v14H5z',
  previousMark: 'M5 4h2v4H5zM5 10h2v4H5zM5 16h2v4H5zM15 7v3.5h6v3h-6V17l-6-5z',
  nextMark: 'M17 4h2v4h-2zM17 10h2v4h-2zM17 16h2v4h-2zM9 7v3.5H3v3h6V17l6-5z',
  link: 'M10.6 13.4a4 4 0 0 1 0-5.7l3-3a4 4 0 0 1 5.7 5.7l-1.5 1.5-1.4-1.4 1.5-1.5a2 2 0 0 0-2.9-2.9l-3 3a2 2 0 0 0 0 2.9zM13.4 10.6a4 4 0 0 1 0 5.7l-3 3a4 4 0 0 1-5.7-5.7l1.5-1.5 1.4 1.4-1.5 1.5a2 2 0 0 0 2.9 2.9l3-3a2 2 0 0 0 0-2.9z',
  full: 'M4 9V4h5v2H6v3zM15 4h5v5h-2V6h-3zM18 15h2v5h-5v-2h3zM9 18v2H4v-5h2v3z',
  large: 'M13 4h7v7h-2V7.4l-4.3 4.3-1.4-1.4L16.6 6H13zM4 13h2v3.6l4.3-4.3 1.4 1.4L7.4 18H11v2H4z',
  keys: 'M3 6h18v12H3zm2 2v8h14V8zm1 1h2v2H6zm3 0h2v2H9zm3 0h2v2h-2zm3 0h3v2h-3zM8 13h8v2H8z',
} as const;
export type Icon = keyof typeof ICONS;

/** A button that shows an icon. Its name is set with `name`, and is its tooltip too. */
export function iconButton(icon: Icon, part: string, onClick: () => void): HTMLButtonElement {
  const button = make('button', { type: 'button', part, class: 'icon' });
  showIcon(button, icon);
  button.addEventListener('click', onClick);
  return button;
}

export function showIcon(button: HTMLButtonElement, icon: Icon): void {
  if (button.dataset.icon === icon) return;
  button.dataset.icon = icon;
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('fill-rule', 'evenodd');
  path.setAttribute('d', ICONS[icon]);
  svg.append(path);
  button.replaceChildren(svg);
}

export function setName(element: Element, text: string): void {
  setAttribute(element, 'aria-label', text);
  setAttribute(element, 'title', text);
}
