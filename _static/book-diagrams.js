// Draw the page's Mermaid diagrams, and again when the reader changes the theme.
addEventListener("DOMContentLoaded", () => {
  if (!window.mermaid) return;
  const diagrams = [...document.querySelectorAll("pre.mermaid")];
  const theme = () => {
    const chosen = document.documentElement.dataset.theme;
    const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    return { dark: "dark", light: "neutral" }[chosen === "auto" ? system : chosen];
  };
  mermaid.startOnLoad = false; // it would draw a second time

  const draw = async () => {
    const now = theme();
    mermaid.initialize({
      startOnLoad: false,
      theme: now,
      fontFamily: getComputedStyle(document.body).fontFamily,
    });
    for (const [i, diagram] of diagrams.entries()) {
      if (diagram.dataset.drawn === now) continue;
      diagram.dataset.source ??= diagram.textContent;
      try {
        const { svg } = await mermaid.render(`diagram-${i}`, diagram.dataset.source);
        diagram.innerHTML = svg;
      } catch (error) {
        console.error(error); // its source stays on the page; the others are drawn
      }
      diagram.dataset.drawn = now;
    }
  };

  // One after the other, because Mermaid's settings are global.
  let drawing = draw();
  new MutationObserver(() => {
    drawing = drawing.then(draw);
  }).observe(document.documentElement, { attributeFilter: ["data-theme"] });
});
