/** Colours, type and shapes of the whole app. Knows no component of our own. */
import { createTheme, type MantineColorsTuple } from "@mantine/core";

const moss: MantineColorsTuple = [
  "#eef5f2",
  "#dbe9e3",
  "#b6d3c8",
  "#8ebcab",
  "#6ca893",
  "#559b84",
  "#478f77",
  "#357861",
  "#2c6454",
  "#1f5042",
];

export const theme = createTheme({
  primaryColor: "moss",
  primaryShade: { light: 8, dark: 7 },
  colors: { moss },
  defaultRadius: "md",
  cursorType: "pointer",
  respectReducedMotion: true,
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif',
  headings: {
    fontFamily: '"Iowan Old Style", "Palatino Linotype", Palatino, "Book Antiqua", Georgia, serif',
    fontWeight: "600",
  },
});
