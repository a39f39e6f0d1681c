// Sets light or dark before the first paint. A file of its own, because the
// Content-Security-Policy allows no inline script. Knows only Mantine's attribute and key.
(function () {
  var wish = null;
  try {
    wish = localStorage.getItem("mantine-color-scheme-value");
  } catch (error) {
    // Storage may be closed to us: then the system's wish is all there is.
  }
  var dark = wish === "dark" || (wish !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.setAttribute("data-mantine-color-scheme", dark ? "dark" : "light");
})();
