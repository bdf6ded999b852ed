"use strict";
// What both pages need: elements without HTML in strings, and requests.

const $ = id => document.getElementById(id);

/** Make an element; children are elements or texts, never HTML. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter(child => child != null));
  return element;
}

/** A key that no other message has; crypto.randomUUID wants HTTPS, this does not. */
function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, byte => byte.toString(16).padStart(2, "0")).join("");
}

class Problem extends Error {
  constructor(status, told) {
    super(told);
    this.status = status;
  }
}

/** Send a request; throws a Problem with what the server said. */
async function ask(path, body, { method = body === undefined ? "GET" : "POST" } = {}) {
  const raw = body instanceof Blob;
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: body === undefined || raw ? {} : { "content-type": "application/json" },
      body: body === undefined ? undefined : raw ? body : JSON.stringify(body),
    });
  } catch {
    throw new Problem(0, "网络不通，正在重试。");
  }
  if (answer.ok) return answer;
  let told = "";
  try {
    told = (await answer.json()).error;
  } catch { /* no JSON: a proxy spoke */ }
  throw new Problem(answer.status, told || `服务器答复 ${answer.status}，请稍后再试。`);
}

const told = async (...request) => (await ask(...request)).json();

const clock = seconds => new Date(seconds * 1000).toLocaleString("zh-CN", {
  month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit",
});

/** Show the end of a list that scrolls, once it has its place on the page. */
const toEnd = list => requestAnimationFrame(() => { list.scrollTop = list.scrollHeight; });

const WHO = { customer: "您", assistant: "自动助手", agent: "人工客服", note: "" };
const REASONS = {
  "asked": "要求人工", "complaint": "投诉", "angry": "生气", "error": "系统出错",
  "unknown twice": "两次答不上来", "no order twice": "两次没有订单号",
};

/** One message of a conversation, with what it rests on. */
function message(told, who = WHO) {
  const name = told.role === "agent" && told.name ? ` ${told.name}` : "";
  const time = told.at ? ` · ${clock(told.at)}` : "";
  const sources = told.sources ?? told.told?.sources ?? [];
  return make("li", { class: `message ${told.role}`, "data-number": told.number },
    make("div", { class: "who" }, `${who[told.role]}${name}${time}`),
    make("p", { class: "text", lang: told.language === "en" ? "en" : null }, told.text),
    sources.length ? make("details", {},
      make("summary", {}, `依据（${sources.length}）`),
      make("ul", {}, ...sources.map(source =>
        make("li", {}, `${source.title}：${source.sentence}`)))) : null);
}
