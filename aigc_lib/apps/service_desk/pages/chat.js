"use strict";
// The customer's page: what is written is kept until the server has accepted it.

const seen = new Set(); // numbers of messages that are shown
let newest = 0, state, timer = 0, waits = false, talks = false, stars = null;
const OUTBOX = "service_desk_outbox"; // survives a reload; the key makes it once
const outbox = {
  read: () => JSON.parse(sessionStorage.getItem(OUTBOX) ?? "[]"),
  write: all => sessionStorage.setItem(OUTBOX, JSON.stringify(all)),
  add: one => outbox.write([...outbox.read(), one]),
  drop: key => outbox.write(outbox.read().filter(one => one.key !== key)),
};

function show(told, aloud) {
  if (seen.has(told.number)) return;
  seen.add(told.number);
  newest = Math.max(newest, told.number);
  document.querySelector(`[data-key="${CSS.escape(told.key ?? "-")}"]`)?.remove();
  const item = message(told);
  if (told.spoken) {
    item.append(make("button", { type: "button", class: "plain", onclick: () => say(told),
      "aria-label": `朗读：${told.text.slice(0, 20)}` }, "朗读"));
  }
  place(item, told.number);
  if (aloud && told.spoken && voice.on) say(told);
}

/** Put a message where its number belongs: answers may come in any order. */
function place(item, number) {
  const after = [...$("talk").children].find(other =>
    !other.dataset.number || Number(other.dataset.number) > number);
  $("talk").insertBefore(item, after ?? null);
  toEnd($("log"));
}

async function say(told) {
  try {
    await voice.say(told);
  } catch (error) {
    problem(error);
  }
}

function problem(error) {
  $("problem").textContent = error ? error.message : "";
}

function settle(now) {
  if (now.state === undefined) return;
  state = now.state;
  if (now.stars !== undefined) stars = now.stars;
  waits = Boolean(now.unanswered);
  const over = state === "closed";
  $("rating").hidden = !over;
  document.querySelector("footer").hidden = over;
  $("rate-form").querySelector("fieldset").disabled = Boolean(stars);
  $("remark").disabled = Boolean(stars);
  $("rate-form").querySelector("[type=submit]").hidden = Boolean(stars);
  $("rate").textContent = stars ? "谢谢您的评价。" : "这次服务您满意吗？";
  $("person").hidden = state === "waiting" || state === "taken";
  $("back").hidden = state !== "waiting";
  $("end").hidden = !newest;
  $("status").textContent =
    state === "waiting" ? `正在等人工客服，前面还有 ${now.before} 位。可以继续留言。`
      : state === "taken" ? "人工客服正在为您服务。"
        : waits && talks ? "自动助手正在回答……" : "";
}

/** Ask for what is new; how soon again depends on who answers. */
async function look() {
  clearTimeout(timer);
  let soon = 10_000;
  try {
    const now = await told(`/api/conversation?after=${newest}`);
    talks = now.ready;
    now.messages.forEach(one => show(one, now.state !== null && timer !== 0));
    if (now.state === null && newest) begin(); // logged out, or a session that ended
    settle(now);
    introduce(now);
    if (!talks || waits || ["waiting", "taken"].includes(state)) soon = 2_000;
    if (!outbox.read().length) problem();
  } catch (error) {
    problem(error);
    soon = 3_000;
  }
  deliver();
  timer = setTimeout(look, document.hidden ? 30_000 : soon);
}

function introduce(now) {
  $("shop").textContent = now.shop ? `${now.shop} · ` : "";
  if (now.disclosure) $("disclosure").textContent = now.disclosure;
  $("customer").textContent = now.customer ?? "";
  $("agents").hidden = !now.agent;
  $("login").hidden = Boolean(now.customer);
  $("logout").hidden = !now.customer;
  $("text").maxLength = now.letters;
  $("listen").hidden = !now.listening || !navigator.mediaDevices;
  voice.server = now.speech;
  if (!now.ready) {
    $("status").textContent = now.failed
      ? "自动助手没有启动成功；可以转人工，留言都会保存。"
      : `正在准备自动助手（${now.told}）。现在就可以提问，准备好后马上回答。`;
  }
}

/** Send what has not been accepted, one after the other, the same key each time. */
let delivering = false;
async function deliver() {
  if (delivering || state === undefined) return; // not known yet: `look` comes back
  delivering = true;
  try {
    let one;
    while ((one = outbox.read()[0])) {
      if (state === null || state === "closed") {
        await ask("/api/conversation", {});
        if (state === "closed") begin();
        state = "open";
      }
      await send(one);
      problem();
    }
  } catch (error) {
    problem(error);
    if (error.status === 404 || error.status === 409) state = null;
    if (error.status === 422) { // it will never be accepted
      const one = outbox.read()[0];
      outbox.drop(one.key);
      document.querySelector(`[data-key="${one.key}"]`)?.remove();
      $("text").value ||= one.text ?? "";
    }
  } finally {
    delivering = false;
  }
}

async function send(one) {
  const answer = await ask(one.text === null ? "/api/person" : "/api/messages",
    one.text === null ? { key: one.key } : { text: one.text, key: one.key });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines.filter(Boolean)) heard(one, JSON.parse(line));
  }
}

function heard(one, line) {
  if (line.accepted) {
    outbox.drop(one.key);
    document.querySelector(`[data-key="${one.key}"]`)?.remove();
    const text = one.text ?? "我要人工客服";
    show({ number: line.accepted, role: "customer", text, sources: [], at: Date.now() / 1000 });
    if (talks) $("status").textContent = "自动助手正在回答……";
  }
  if (line.message) show(line.message, true);
  settle(line);
}

function write(text) {
  const one = { key: newKey(), text };
  outbox.add(one);
  wait(one);
  deliver().then(() => look());
}

/** Show what is on its way. */
function wait(one) {
  const item = message({ role: "customer", text: one.text ?? "我要人工客服" });
  item.dataset.key = one.key;
  delete item.dataset.number;
  item.removeAttribute("data-number");
  item.classList.add("unsent");
  $("talk").append(item);
  toEnd($("log"));
}

/** Forget what is shown: another conversation begins. */
function begin() {
  [...$("talk").children].filter(item => !item.dataset.key).forEach(item => item.remove());
  seen.clear();
  newest = 0;
  stars = null;
}

$("write").addEventListener("submit", event => {
  event.preventDefault();
  const text = $("text").value.trim();
  if (!text) return;
  $("text").value = "";
  write(text);
  $("text").focus();
});

$("text").addEventListener("keydown", event => {
  // While a word of Chinese is being composed, Enter ends the word, not the message.
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    $("write").requestSubmit();
  }
});

$("person").addEventListener("click", () => write(null));

for (const [id, path] of [["back", "/api/back"], ["end", "/api/end"]]) {
  $(id).addEventListener("click", async () => {
    try {
      settle(await told(path, {}));
      if (state === "closed") $("rating").querySelector("input").focus();
      else $("text").focus();
      await look();
    } catch (error) {
      problem(error);
    }
  });
}

$("rate-form").addEventListener("submit", async event => {
  event.preventDefault();
  const chosen = new FormData($("rate-form")).get("stars");
  try {
    const sent = { stars: Number(chosen), remark: $("remark").value };
    settle(await told("/api/rating", sent));
    $("again").focus();
  } catch (error) {
    problem(error);
  }
});

$("again").addEventListener("click", async () => {
  try {
    await ask("/api/conversation", {});
    begin();
    $("remark").value = "";
    $("rate-form").reset();
    settle({ state: "open", stars: null });
    $("text").focus();
  } catch (error) {
    problem(error);
  }
});

$("aloud").addEventListener("click", () => {
  voice.on = !voice.on;
  $("aloud").setAttribute("aria-pressed", String(voice.on));
  $("aloud").textContent = `朗读回答：${voice.on ? "开" : "关"}`;
  if (!voice.on) voice.stop();
});

let recording = null;
$("listen").addEventListener("click", async () => {
  try {
    if (recording) return recording.stop();
    recording = await recorder();
    $("listen").setAttribute("aria-pressed", "true");
    $("listen").textContent = "说完了";
    setTimeout(recording.stop, 14_000);
    const answer = await told("/api/listen?expect=digits", await recording.sound);
    $("text").value = answer.text;
    $("status").textContent = `听到的是 ${answer.text}，请核对后发送。`;
    $("text").focus();
  } catch (error) {
    problem(error instanceof Problem ? error : new Problem(0, "没有录到声音，请检查话筒权限。"));
  } finally {
    if (!recording || $("listen").textContent === "说完了") {
      recording = null;
      $("listen").setAttribute("aria-pressed", "false");
      $("listen").textContent = "念订单号（英语数字）";
    }
  }
});

$("logout").addEventListener("click", async () => {
  await fetch("/logout", { method: "POST", redirect: "manual" });
  location.reload();
});

window.addEventListener("resize", () => toEnd($("log"))); // a keyboard on a phone
document.addEventListener("visibilitychange", () => document.hidden || look());
outbox.read().forEach(wait);
look();
