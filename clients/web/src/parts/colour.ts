/** A person's colour: the same on every screen, dark enough for white letters. */
const COLOURS = ["#1f6f8b", "#8a3b72", "#5b5fc7", "#a3480f", "#2f6b2f", "#9c2f4a", "#6b5b0e", "#3b5d8f"];

export function colourOf(id: string): string {
  let sum = 0;
  for (const letter of id) sum = (sum * 31 + letter.charCodeAt(0)) >>> 0;
  return COLOURS[sum % COLOURS.length]!;
}
