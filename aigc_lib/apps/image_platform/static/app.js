// What the pages do: send forms as JSON, follow jobs, show pictures. Text is only ever
// set as text.
"use strict";

const POLL = 700; // milliseconds between looks at a job
const KINDS = { make: "生成", edit: "编辑", edit_long: "编辑", train: "训练", house: "准备模型" };

async function ask(url, { method = "GET", json, body, headers = {} } = {}) {
  if (json !== undefined) {
    body = JSON.stringify(json);
    headers = { ...headers, "content-type": "application/json" };
  }
  let answer;
  try {
    answer = await fetch(url, { method, body, headers });
  } catch {
    throw new Error("连不上服务，请稍后再试。");
  }
  const told = await answer.json().catch(() => ({}));
  if (answer.status === 401) location.href = "/login";
  if (!answer.ok) throw new Error(told.error || `出错了（${answer.status}）。`);
  return told;
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

function say(area, words, kind = "") {
  area.className = `said ${kind}`;
  area.textContent = words;
}

// ---- jobs ----------------------------------------------------------------------------

function jobBox(id) {
  return element("div", { class: "job", "data-job": id },
    element("p", { class: "told", role: "status" }, "已接受"),
    element("progress", { max: 1, value: 0, "aria-label": "进度" }),
    element("img", { class: "look", alt: "目前的样子", hidden: true }));
}

function endings(box, id, kind) {
  if (kind === "house" || box.querySelector("button")) return;
  const row = element("p", { class: "row" });
  const said = element("span", { role: "status" });
  const act = (words, what) => {
    const button = element("button", { type: "button" }, words);
    button.addEventListener("click", async () => {
      button.disabled = true;
      await ask(`/api/jobs/${id}/${what}`, { method: "POST" }).catch(error => {
        button.disabled = false;
        say(said, error.message, "wrong");
      });
    });
    row.append(button);
  };
  if (kind === "train") act("停下，留住已学的", "stop");
  act("取消", "cancel");
  row.append(said);
  box.append(row);
}

async function follow(box) {
  const id = box.dataset.job;
  const told = box.querySelector(".told");
  const look = box.querySelector(".look");
  let shown = "";
  for (;;) {
    let job;
    try {
      job = await ask(`/api/jobs/${id}`);
    } catch (error) {
      told.textContent = error.message;
      await new Promise(done => setTimeout(done, 4 * POLL));
      continue;
    }
    const name = KINDS[job.kind];
    box.querySelector("progress").value = job.state === "done" ? 1 : job.share;
    if (job.look && job.look !== shown) {
      shown = job.look;
      look.src = `/api/jobs/${id}/look?${shown.slice(0, 8)}`;
      look.hidden = false;
    }
    let words = `${name}：${job.told || "进行中"}`;
    if (job.state === "waiting") words = `${name}：等待，前面还有 ${job.before} 个`;
    if (job.state === "done") words = `${name}：完成`;
    if (job.state === "failed") words = `${name}：${job.error}`;
    if (job.state === "cancelled") words = `${name}：已取消`;
    if (told.textContent !== words) told.textContent = words;
    if (!["waiting", "running"].includes(job.state)) {
      box.querySelector(".row")?.remove();
      box.querySelector("progress").remove();
      if (job.state === "done") show(job);
      return;
    }
    endings(box, id, job.kind);
    await new Promise(done => setTimeout(done, POLL));
  }
}

function show(job) {
  if (job.kind === "house" || job.kind === "train") {
    location.reload();
    return;
  }
  const list = document.querySelector("#made");
  for (const picture of job.pictures.toReversed()) {
    const label = picture.label || "图";
    list?.prepend(element("li", {},
      element("a", { class: "thumb", href: `/pictures/${picture.id}` },
        element("img", { src: picture.url, width: 128, height: 128,
                         alt: `${label}，第 ${picture.id} 号` }),
        element("span", {}, label),
        element("small", {}, `${picture.id}`))));
  }
}

// ---- forms ---------------------------------------------------------------------------

function wish(form) {
  const asked = {};
  for (const field of form.elements) {
    if (!field.name || field.disabled) continue;
    if (field.type === "checkbox") {
      asked[field.name] ??= [];
      if (field.checked) asked[field.name].push(field.value);
    } else if (field.type === "radio") {
      if (field.checked) asked[field.name] = field.value === "true";
    } else if (["number", "range"].includes(field.type) || field.dataset.type === "number") {
      asked[field.name] = Number(field.value);
    } else {
      asked[field.name] = field.value;
    }
  }
  const mask = form.querySelector("[data-mask]");
  if (mask) asked.mask = mask.lines();
  const known = {
    make: ["model", "label", "n", "seed", "guidance", "steps"],
    paint: ["action", "mask", "label", "seed", "guidance", "steps"],
    change: ["action", "label", "strength", "seed", "guidance", "steps"],
  }[form.dataset.kind];
  return known ? Object.fromEntries(known.filter(k => k in asked).map(k => [k, asked[k]])) : asked;
}

// A wish whose answer was lost keeps its key: sent again, it is granted once.
function keyOf(form, asked) {
  const said = JSON.stringify(asked);
  if (form.lost?.said !== said) {
    form.lost = { said, key: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}` };
  }
  return form.lost.key;
}

async function send(form) {
  const button = form.querySelector("button.main, button:not([type=button])");
  const area = form.querySelector(".said") || form.appendChild(element("p", { class: "said", role: "status" }));
  button.disabled = true;
  try {
    const asked = wish(form);
    const headers = { "idempotency-key": keyOf(form, asked) };
    const told = await ask(form.dataset.send, { method: "POST", json: asked, headers });
    form.lost = undefined;
    if (!told.job) {
      say(area, "记下了，谢谢。", "right");
    } else {
      say(area, "");
      const box = jobBox(told.job);
      document.querySelector("#jobs").prepend(box);
      follow(box);
    }
  } catch (error) {
    say(area, error.message, "wrong");
  }
  button.disabled = false;
}

async function upload(form) {
  const area = form.querySelector(".said");
  const body = new FormData();
  body.append("title", form.elements.title.value);
  for (const input of form.querySelectorAll("input[type=file]")) {
    for (const file of input.files) body.append("files", file, file.webkitRelativePath || file.name);
  }
  say(area, "正在上传并逐张检查……");
  try {
    const told = await ask(form.dataset.upload, { method: "POST", body });
    say(area, `收下 ${told.n} 张，没有收 ${told.refused.length} 个。`, "right");
    const list = element("ul");
    for (const [name, why] of told.refused.slice(0, 20)) list.append(element("li", {}, `${name}：${why}`));
    area.append(list, element("a", { href: "/train" }, "去训练"));
  } catch (error) {
    say(area, error.message, "wrong");
  }
}

async function check(form) {
  const area = form.querySelector(".said");
  const [file] = form.elements.file.files;
  say(area, "正在看……");
  try {
    const told = await ask(form.dataset.check, { method: "POST", body: file });
    say(area, told.told, told.here ? "right" : "warn");
    if (told.here) {
      const when = new Date(told.created * 1000).toLocaleString("zh-CN");
      area.append(element("p", {}, `模型：${told.model}。时间：${when}。`));
    }
    if (told.recipe) {
      const recipe = element("pre", { tabindex: 0 }, JSON.stringify(told.recipe, null, 1));
      area.append(element("p", {}, "文件里写着的配方（谁都能写，只供参考）："), recipe);
    }
  } catch (error) {
    say(area, error.message, "wrong");
  }
}

async function bring(form) {
  const area = form.querySelector(".said");
  const [file] = form.elements.file.files;
  say(area, "正在逐张核对……");
  try {
    const told = await ask(form.dataset.import, { method: "POST", body: file });
    say(area, `新加 ${told.new} 张，本来就有 ${told.known} 张；新加 ${told.albums} 批图片、${told.models} 个模型。`, "right");
  } catch (error) {
    say(area, error.message, "wrong");
  }
}

function labels(form) {
  const [option] = form.elements.model.selectedOptions;
  const words = option.dataset.words === "1";
  const classes = JSON.parse(option.dataset.classes);
  const select = form.querySelector("[data-for=classes]");
  const text = form.querySelector("[data-for=words]");
  select.hidden = words || !classes.length;
  text.hidden = !words;
  select.querySelector("select").disabled = select.hidden;
  text.querySelector("input").disabled = text.hidden;
  text.querySelector("input").required = words;
  select.querySelector("select").replaceChildren(...classes.map(name => element("option", {}, name)));
  for (const name of ["guidance", "steps"]) {
    form.elements[name].closest("label").hidden = option.dataset.edits !== "1";
  }
}

document.addEventListener("submit", event => {
  const form = event.target;
  const handlers = { send, upload, check, import: bring };
  for (const [name, handler] of Object.entries(handlers)) {
    if (name in form.dataset) {
      event.preventDefault();
      if (form.busy) continue; // a second click while the first one is under way
      form.busy = true;
      handler(form).finally(() => { form.busy = false; });
    }
  }
});

document.addEventListener("click", async event => {
  const button = event.target.closest("[data-act]");
  if (button && (!button.dataset.sure || confirm(button.dataset.sure))) {
    button.disabled = true;
    const json = button.dataset.body ? JSON.parse(button.dataset.body) : undefined;
    try {
      await ask(button.dataset.act, { method: button.dataset.method || "POST", json });
      location.reload();
    } catch (error) {
      button.disabled = false;
      button.after(element("span", { class: "wrong", role: "alert" }, error.message));
    }
  }
  if (event.target.closest("[data-dice]")) {
    const { seed } = event.target.closest("form").elements;
    seed.value = Math.floor(Math.random() * 2 ** 31);
    seed.closest("details").open = true;
  }
});

for (const box of document.querySelectorAll("[data-job]")) follow(box);
const first = document.querySelector("form[data-kind=make]");
if (first) {
  labels(first);
  first.elements.model.addEventListener("change", () => labels(first));
}
