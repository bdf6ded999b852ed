// What all pages need: asking the server, filling lists, telling the person.

export const $ = id => document.getElementById(id);

export class Refused extends Error {}

// A wish keeps its key when it is sent again, so that it is granted once.
export async function ask(method, path, { json, body, key } = {}) {
  const headers = {};
  if (json !== undefined) headers["content-type"] = "application/json";
  if (key) headers["idempotency-key"] = key;
  const options = { method, headers, body: json === undefined ? body : JSON.stringify(json) };
  for (let tries = 0; ; tries++) {
    let answer;
    try {
      answer = await fetch(path, options);
    } catch {
      if (tries < 4 && (method === "GET" || key)) {
        await new Promise(done => setTimeout(done, 500 * 2 ** tries));
        continue;
      }
      throw new Refused("连不上服务器，请看它是否在运行。");
    }
    if (answer.status === 401) {
      location.assign("/login");
      throw new Refused("请先登录。");
    }
    const told = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Refused(told.error ?? `出错了（${answer.status}）。`);
    return told;
  }
}

export const newKey = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), b => b.toString(16).padStart(2, "0")).join("");

export function tell(words) {
  const toast = $("toast");
  toast.textContent = words;
  clearTimeout(tell.timer);
  tell.timer = setTimeout(() => { toast.textContent = ""; }, 8000);
}

// Run what a button does; what goes wrong is told.
export const safely = work => async event => {
  try {
    await work(event);
  } catch (error) {
    tell(error.message);
    if (!(error instanceof Refused)) console.warn(error);
  }
};

export function fill(select, choices, chosen) {
  for (const [value, words] of Object.entries(choices))
    select.append(new Option(words, value, false, value === chosen));
}

export function made(name, attributes = {}, ...inside) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...inside.filter(part => part !== null && part !== undefined));
  return element;
}

export const MADE = {
  drawn: "手写", uploaded: "上传", compose: "模型写", go_on: "模型续写",
  harmonise: "模型配和声", vary: "模型变奏", fill: "模型填空",
};

export const when = seconds =>
  new Date(seconds * 1000).toLocaleString("zh-CN", {
    month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit",
  });

export const labelOf = row => (row.by_model ? "含模型生成的内容" : "由人写成");
