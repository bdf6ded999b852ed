// Show the hint of a word (data-tip) on hover, keyboard focus or tap; Escape hides it.
addEventListener("DOMContentLoaded", () => {
  const bubble = document.createElement("div");
  bubble.id = "hint-bubble";
  bubble.role = "tooltip";
  bubble.hidden = true;
  document.body.append(bubble);
  let owner = null;
  let told = null; // the word that a tap has explained

  const show = (word) => {
    owner?.removeAttribute("aria-describedby");
    owner = word;
    bubble.textContent = word.dataset.tip;
    bubble.hidden = false;
    word.setAttribute("aria-describedby", bubble.id);
    const at = word.getClientRects()[0];
    const gap = 8;
    const left = at.left + at.width / 2 - bubble.offsetWidth / 2;
    const right = document.documentElement.clientWidth - bubble.offsetWidth - gap;
    bubble.style.left = `${Math.max(gap, Math.min(left, right))}px`;
    const above = at.top - bubble.offsetHeight - gap;
    bubble.style.top = `${above > gap ? above : at.bottom + gap}px`;
  };
  const hide = (event) => {
    if (event?.pointerType === "touch") return; // the finger is lifted, the hint stays
    if (event?.type !== "blur") told = null;
    owner?.removeAttribute("aria-describedby");
    owner = null;
    bubble.hidden = true;
  };

  for (const word of document.querySelectorAll("[data-tip]")) {
    word.addEventListener("pointerenter", () => show(word));
    word.addEventListener("pointerleave", hide);
    word.addEventListener("focus", () => show(word));
    word.addEventListener("blur", hide);
    // A finger cannot hover: the first tap shows the hint, the second follows the link.
    word.addEventListener("click", (event) => {
      if (event.pointerType !== "touch" || told === word) return;
      event.preventDefault();
      told = word;
      show(word);
    });
  }
  addEventListener("keydown", (event) => event.key === "Escape" && hide());
  addEventListener("scroll", hide, { passive: true });
});
