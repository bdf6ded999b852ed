"use strict";
// The agents' page: who waits, one conversation in full, and what could be answered.

let chosen = null, drawn = "", entriesById = {}, intents = [], timer = 0;
const WHOM = { ...WHO, customer: "顾客" };

function problem(error) {
  $("problem").textContent = error ? error.message : "";
  if (error?.status === 401) location.assign("/login");
}

/** Run what a button does, and show what went wrong. */
const doing = action => async event => {
  event?.preventDefault?.();
  problem();
  try {
    await action(event);
  } catch (error) {
    problem(error);
  }
};

async function look() {
  clearTimeout(timer);
  try {
    const now = await told("/api/desk");
    $("me").textContent = now.me;
    if (String(intents) !== String(now.intents)) offerIntents(now.intents);
    for (const state of ["waiting", "taken", "open", "closed"]) list(state, now[state]);
    $("status").textContent = now.ready ? counted(now.counts)
      : `自动助手还没有准备好：${now.told}。顾客的留言都已保存。`;
    if (chosen) await open(chosen);
  } catch (error) {
    problem(error);
  }
  timer = setTimeout(look, document.hidden ? 15_000 : 2_000);
}

function counted(counts) {
  const rated = counts.rated ? `；${counts.rated} 位顾客评价，平均 ${counts.stars} 分` : "";
  return `等待 ${counts.waiting}，人工 ${counts.taken}，自动 ${counts.open}，`
    + `已结束 ${counts.closed}${rated}。`;
}

function list(state, talks) {
  $(`n-${state}`).textContent = talks.length;
  const told = JSON.stringify([talks, chosen]);
  if ($(state).dataset.told === told) return; // keep the focus where it is
  $(state).dataset.told = told;
  const focused = document.activeElement?.dataset?.id;
  $(state).replaceChildren(...talks.map(talk => make("li", {}, make("button", {
    type: "button", "data-id": talk.id, "aria-current": String(talk.id === chosen),
    onclick: doing(() => choose(talk.id)),
  }, talk.text.slice(0, 60), make("small", {}, about(talk))))));
  if (focused) $(state).querySelector(`[data-id="${focused}"]`)?.focus();
}

const about = talk => [
  talk.customer ?? "未登录", REASONS[talk.reason] ?? talk.reason, talk.agent_name,
  talk.stars && `${talk.stars} 分`, clock(talk.since),
].filter(Boolean).join(" · ");

async function choose(id) {
  chosen = id;
  drawn = "";
  $("correct").hidden = true;
  $("text").value = adopted = warned = "";
  await open(id);
  $("chosen").focus();
  await look();
}

async function open(id) {
  const talk = await told(`/api/desk/conversations/${id}`);
  if (id !== chosen) return;
  show(talk);
}

function show(talk) {
  const now = JSON.stringify(talk);
  if (now === drawn) return;
  drawn = now;
  const states = {
    open: "自动助手处理中", waiting: "等待人工",
    taken: talk.mine ? "我在处理" : "别人在处理", closed: "已结束",
  };
  $("conversation").hidden = false;
  $("chosen").textContent = states[talk.state];
  const reason = talk.reason ? `原因：${REASONS[talk.reason] ?? talk.reason}。` : "";
  const rated = talk.stars ? `评价 ${talk.stars} 分。${talk.remark ?? ""}` : "";
  $("about").textContent = `${clock(talk.opened)} 开始。${reason}${rated}`;
  $("take").hidden = !talk.may_take;
  $("give-back").hidden = $("close").hidden = $("write").hidden = !talk.mine
    || talk.state !== "taken";
  const corrected = Object.fromEntries(talk.corrected.map(one => [one.number, one]));
  $("history").replaceChildren(...talk.messages.map(one => line(one, corrected[one.number])));
  toEnd($("log"));
  $("orders").replaceChildren(talk.orders.length ? orders(talk.orders)
    : make("p", { class: "soft" }, "没有订单，或顾客没有登录。"));
  suggest().catch(problem); // nobody asked: what went wrong before stays to be read
}

function line(told, corrected) {
  const item = message(told, WHOM);
  if (told.role === "customer") {
    if (corrected) {
      const entry = corrected.entry ? `，依据 ${corrected.entry}` : "";
      item.append(make("small", { class: "soft" }, `已更正：${corrected.intent}${entry}`));
    }
    item.append(make("button", { type: "button", class: "plain",
      "aria-label": `更正这一条的理解：${told.text.slice(0, 20)}`,
      onclick: doing(() => correct(told, corrected)) }, "更正这一条的理解"));
  }
  if (told.role === "assistant" && told.told.intent !== undefined) {
    const { intent, confidence } = told.told;
    item.append(make("small", { class: "soft" },
      intent ? `意图：${intent}，把握 ${confidence.toFixed(2)}` : "意图：没有把握"));
  }
  return item;
}

function orders(rows) {
  return make("table", {},
    make("thead", {}, make("tr", {},
      ...["订单", "商品", "状态", "金额"].map(name => make("th", { scope: "col" }, name)))),
    make("tbody", {}, ...rows.map(row => make("tr", {},
      ...[row.number, row.item, row.state, row.amount].map(x => make("td", {}, x))))));
}

async function suggest() {
  const id = chosen;
  const { suggestions } = await told(`/api/desk/conversations/${id}/suggestions`);
  if (id !== chosen) return;
  $("suggestions").replaceChildren(...suggestions.map(one => make("div", { class: "suggestion" },
    make("p", {}, one.text),
    make("ul", {}, ...[...new Set(one.sources.map(source => source.title))]
      .map(title => make("li", {}, `依据：${title}`))),
    make("button", { type: "button", "aria-label": `采用，再修改：${one.text.slice(0, 20)}`,
      onclick: () => { $("text").value = adopted = one.text; $("text").focus(); } },
    "采用，再修改"))));
  if (!suggestions.length) {
    $("suggestions").append(make("p", { class: "soft" }, "没有找到依据，请自己回答。"));
  }
}

async function correct(told_, corrected) {
  await offerEntries();
  $("correct").hidden = false;
  $("correct-form").dataset.number = told_.number;
  $("correct-text").textContent = `顾客说：${told_.text}`;
  if (corrected) {
    $("intent").value = corrected.intent;
    $("entry").value = corrected.entry;
  }
  $("correct-title").focus();
}

async function offerEntries() {
  const { entries } = await told("/api/desk/entries");
  const live = entries.filter(row => row.live).map(row => row.entry);
  $("entry").replaceChildren(make("option", { value: "" }, "（知识库里没有）"),
    ...live.map(entry => make("option", { value: entry.id }, `${entry.title}（${entry.id}）`)));
}

function offerIntents(names) {
  intents = names;
  $("intent").replaceChildren(...names.map(name => make("option", { value: name }, name)));
  $("e-intent").replaceChildren(make("option", { value: "" }, "（无）"),
    ...names.slice(0, -1).map(name => make("option", { value: name }, name)));
}

const act = (what, body = {}) => told(`/api/desk/conversations/${chosen}/${what}`, body);

for (const [id, what] of [["take", "take"], ["give-back", "back"], ["close", "close"]]) {
  $(id).addEventListener("click", doing(async () => {
    show(await act(what));
    if (what === "take") $("text").focus();
    await look();
  }));
}

/** Say once what an edited suggestion says and its sources do not; then it may be sent. */
let adopted = "", warned = "";
async function check(text) {
  if (!adopted || text === warned) return;
  const { doubts } = await told("/api/desk/doubts", { text, suggested: adopted });
  if (!doubts.length) return;
  warned = text;
  throw new Error(`这些在建议的依据里找不到：${doubts.join("")} 请核对；没有错，再按一次“发送”。`);
}
$("text").addEventListener("input", () => { if (!$("text").value.trim()) adopted = ""; });

let unsure = null; // sent, and no answer came: the same again has the same key
$("write").addEventListener("submit", doing(async () => {
  const text = $("text").value.trim(), id = chosen;
  if (!text) return;
  await check(text);
  if (id !== chosen) return; // another customer was chosen meanwhile
  if (unsure?.text !== text) unsure = { text, key: newKey() };
  const sent = unsure;
  show(await act("messages", sent));
  if (unsure === sent) unsure = null;
  if ($("text").value.trim() === text) $("text").value = adopted = ""; // not what came meanwhile
}));
$("text").addEventListener("keydown", event => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    $("write").requestSubmit();
  }
});

$("correct-form").addEventListener("submit", doing(async () => {
  show(await act("corrections", {
    number: Number($("correct-form").dataset.number),
    intent: $("intent").value, entry: $("entry").value,
  }));
  $("correct").hidden = true;
  $("status").textContent = "已记下。训练后，自动助手会用上它。";
}));
$("correct-cancel").addEventListener("click", () => { $("correct").hidden = true; });

// ---- tabs, by mouse and by arrows

const tabs = ["talks", "entries"];
function turn(name) {
  for (const other of tabs) {
    const on = other === name, tab = $(`tab-${other}`);
    $(other).hidden = !on;
    tab.setAttribute("aria-selected", String(on));
    tab.tabIndex = on ? 0 : -1;
    tab.classList.toggle("main", on);
  }
  $(`tab-${name}`).focus();
  if (name === "entries") doing(search)();
}
for (const name of tabs) {
  $(`tab-${name}`).addEventListener("click", () => turn(name));
  $(`tab-${name}`).addEventListener("keydown", event => {
    if (["ArrowLeft", "ArrowRight"].includes(event.key)) {
      turn(tabs[(tabs.indexOf(name) + 1) % tabs.length]);
    }
  });
}

$("logout").addEventListener("click", async () => {
  await fetch("/logout", { method: "POST", redirect: "manual" });
  location.assign("/login");
});

document.addEventListener("visibilitychange", () => document.hidden || look());
document.addEventListener("DOMContentLoaded", look);
