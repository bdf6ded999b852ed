// A grid over a picture, to say where it is to be drawn anew: by pointer or by keyboard.
"use strict";

for (const mask of document.querySelectorAll("[data-mask]")) {
  const size = Number(mask.dataset.mask);
  const told = mask.closest("form").querySelector(".painted");
  const cells = [];
  mask.style.gridTemplateColumns = `repeat(${size}, 1fr)`;
  const image = document.createElement("img");
  image.src = mask.dataset.src;
  image.alt = "";
  mask.append(image);
  for (let y = 0; y < size; y++) {
    const row = document.createElement("div");
    row.setAttribute("role", "row");
    for (let x = 0; x < size; x++) {
      const cell = document.createElement("div");
      cell.setAttribute("role", "gridcell");
      cell.setAttribute("aria-selected", "false");
      cell.setAttribute("aria-label", `第 ${y + 1} 行第 ${x + 1} 列`);
      cell.tabIndex = cells.length ? -1 : 0;
      cells.push(cell);
      row.append(cell);
    }
    mask.append(row);
  }
  const painted = cell => cell.getAttribute("aria-selected") === "true";
  const paint = (cell, on) => {
    cell.setAttribute("aria-selected", String(on));
    const n = cells.filter(painted).length;
    told.textContent = n ? `涂了 ${n} 格，共 ${size * size} 格。` : "还没有涂。";
  };
  const go = (from, to) => {
    if (to < 0 || to >= cells.length) return;
    cells[from].tabIndex = -1;
    cells[to].tabIndex = 0;
    cells[to].focus();
  };
  mask.lines = () =>
    Array.from({ length: size }, (_, y) =>
      cells.slice(y * size, (y + 1) * size).map(c => (painted(c) ? "1" : "0")).join(""));

  let on = null; // what the pointer does until it is lifted
  const under = event => document.elementFromPoint(event.clientX, event.clientY);
  mask.addEventListener("pointerdown", event => {
    const cell = event.target.closest("[role=gridcell]");
    if (!cell) return;
    event.preventDefault();
    on = !painted(cell);
    paint(cell, on);
  });
  mask.addEventListener("pointermove", event => {
    const cell = on !== null && under(event)?.closest("[role=gridcell]");
    if (cell && mask.contains(cell)) paint(cell, on);
  });
  addEventListener("pointerup", () => { on = null; });
  mask.addEventListener("keydown", event => {
    const at = cells.indexOf(document.activeElement);
    if (at < 0) return;
    const x = at % size;
    const moves = { ArrowUp: -size, ArrowDown: size };
    if (x > 0) moves.ArrowLeft = -1;
    if (x < size - 1) moves.ArrowRight = 1;
    if (event.key in moves) go(at, at + moves[event.key]);
    else if (event.key === " ") paint(cells[at], !painted(cells[at]));
    else return;
    event.preventDefault();
  });
  mask.closest("form").querySelector("[data-mask-clear]").addEventListener("click", () => {
    for (const cell of cells) cell.setAttribute("aria-selected", "false");
    told.textContent = "还没有涂。";
  });
}
