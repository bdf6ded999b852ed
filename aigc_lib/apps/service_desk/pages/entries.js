"use strict";
// The editor of what the assistant knows: what is saved is live with the next answer.

let edited = null; // the entry in the form as the server has it; null: a new one

async function search() {
  const words = encodeURIComponent($("words").value);
  const { entries } = await told(`/api/desk/entries?words=${words}`);
  $("found").replaceChildren(...entries.map(row => make("li", {}, make("button", {
    type: "button", "aria-current": String(row.id === edited?.id),
    onclick: doing(() => edit(row)),
  }, row.entry.title, make("small", {}, `${row.id} · ${stateOf(row)}`)))));
}

const stateOf = row => !row.live ? "已撤下" : row.entry.approved ? "生效中" : "待批准，不会被引用";

function edit(row) {
  edited = row;
  const entry = row?.entry ?? {
    id: "", title: "", text: "", language: "zh", intent: "", questions: [],
  };
  for (const name of ["id", "title", "text", "language", "intent"]) {
    $(`e-${name}`).value = entry[name];
  }
  $("e-id").readOnly = Boolean(row);
  $("e-questions").value = entry.questions.join("\n");
  $("edit-title").textContent = row ? `修改：${entry.title}` : "新增一条知识";
  $("edit-state").textContent = row ? stateOf(row) : "";
  $("edit-state").classList.toggle("warn", Boolean(row?.suspicious.length));
  if (row?.suspicious.length) {
    $("edit-state").textContent += `：这些话像是写给机器的，请核对：${row.suspicious.join(" / ")}`;
  }
  $("approve").hidden = !(row?.live && !row.entry.approved);
  $("withdraw").hidden = !row?.live;
  $("edit-title").focus();
}

async function saved(row, what) {
  edit(row);
  $("status").textContent = what;
  await search();
}

$("edit").addEventListener("submit", doing(async () => {
  const entry = { updated: today() };
  for (const name of ["id", "title", "text", "language", "intent"]) {
    entry[name] = $(`e-${name}`).value;
  }
  entry.questions = $("e-questions").value.split("\n").map(q => q.trim()).filter(Boolean);
  const row = await told("/api/desk/entries", { entry, revision: edited?.revision ?? 0 });
  await saved(row, row.entry.approved ? "已保存，下一个回答就会用上。" : "已保存，等待批准。");
}));

const today = () => {
  const now = new Date(), two = n => String(n).padStart(2, "0");
  return `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
};

for (const [id, said] of [["approve", "已批准。"], ["withdraw", "已撤下，不再引用。"]]) {
  $(id).addEventListener("click", doing(async () => {
    const path = `/api/desk/entries/${edited.id}/${id}`;
    await saved(await told(path, { revision: edited.revision }), said);
  }));
}

$("new").addEventListener("click", () => { edit(null); $("e-id").focus(); });
$("words").addEventListener("input", doing(search));
$("search").addEventListener("submit", doing(search));
