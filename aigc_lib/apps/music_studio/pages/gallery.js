// One's own pieces: search, favourites, delete and take back.

import { $, MADE, ask, fill, labelOf, made, safely, tell, when } from "./common.js";

const MOST = 24;
const { choices } = await ask("GET", "/api/state");
let last = null;

fill($("genre"), choices.genres);
fill($("key"), choices.keys);
fill($("metre"), Object.fromEntries(Object.keys(choices.metres).map(m => [m, m])));
fill($("made"), MADE);

const path = row => `/api/pieces/${row.id}`;

function card(row) {
  const gone = Boolean(row.deleted);
  const facts = `${choices.genres[row.genre]} · ${choices.keys[row.key]} · ${row.metre} · `
    + `${row.bars} 小节 · ${MADE[row.made]} · ${when(row.created)}`;
  const star = made("button", {
    type: "button",
    onclick: safely(async () => {
      const json = { favourite: !row.favourite };
      row = await ask("PATCH", path(row), { json });
      marked();
    }),
  });
  const marked = () => {
    star.textContent = row.favourite ? "★ 已收藏" : "☆ 收藏";
    star.setAttribute("aria-pressed", row.favourite);
    star.setAttribute("aria-label", `${star.textContent}《${row.title}》`);
  };
  marked();
  const drop = made("button", {
    type: "button", "aria-label": `删除《${row.title}》`,
    onclick: safely(async () => {
      await ask("DELETE", path(row));
      item.remove();
      tell(`《${row.title}》放进了回收站，七天之内可以找回。`);
    }),
  }, "删除");
  const back = made("button", {
    type: "button", "aria-label": `找回《${row.title}》`,
    onclick: safely(async () => {
      await ask("POST", `${path(row)}/restore`);
      item.remove();
      tell(`《${row.title}》回来了。`);
    }),
  }, "找回");
  const title = gone ? row.title : made("a", { href: `/?piece=${row.id}` }, row.title);
  const mark = made("span", { class: row.by_model ? "label model" : "label" }, labelOf(row));
  const item = made("li", { class: "panel card" },
    made("h2", {}, title), mark,
    made("p", { class: "hint" }, facts),
    made("div", { class: "actions" }, ...(gone ? [back] : [
      star, drop,
      made("a", { class: "button", href: `${path(row)}/file.wav`, download: "", "aria-label": `下载《${row.title}》的 WAV` }, "WAV"),
      made("a", { class: "button", href: `${path(row)}/file.mid`, download: "", "aria-label": `下载《${row.title}》的 MIDI` }, "MIDI"),
    ])));
  return item;
}

async function find(more = false) {
  const wanted = new URLSearchParams({ most: MOST });
  for (const id of ["q", "genre", "key", "metre", "made"])
    if ($(id).value) wanted.set(id, $(id).value);
  for (const id of ["favourite", "deleted"]) if ($(id).checked) wanted.set(id, "true");
  if (more && last !== null) wanted.set("before", last);
  const rows = await ask("GET", `/api/pieces?${wanted}`);
  if (!more) $("pieces").replaceChildren();
  $("pieces").append(...rows.map(card));
  last = rows.at(-1)?.created ?? null;
  $("more").hidden = rows.length < MOST;
  const shown = $("pieces").children.length;
  $("count").textContent = shown ? `显示 ${shown} 首，新的在前。`
    : $("deleted").checked ? "回收站是空的。" : "没有找到。到工作台写一首吧。";
}

$("search").addEventListener("submit", safely(event => {
  event.preventDefault();
  return find();
}));
for (const id of ["genre", "key", "metre", "made", "favourite", "deleted"])
  $(id).addEventListener("change", safely(() => find()));
$("more").addEventListener("click", safely(() => find(true)));
await safely(() => find())();
document.body.dataset.ready = "yes";
