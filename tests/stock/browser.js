// Enough of a browser for ProseMirror, which looks for one when it is loaded: import this first.
import { JSDOM } from "jsdom";

const { window } = new JSDOM("<!doctype html><body></body>", { pretendToBeVisual: true });
const names = ["document", "navigator", "Node", "Element", "HTMLElement", "MutationObserver"];
const browser = {
  window,
  innerHeight: window.innerHeight,
  getSelection: () => window.getSelection(),
  requestAnimationFrame: window.requestAnimationFrame,
  ...Object.fromEntries(names.map((name) => [name, window[name]])),
};
for (const [name, value] of Object.entries(browser)) {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}

/** Lets the process end: the window keeps a clock running. */
export const closeBrowser = () => window.close();
