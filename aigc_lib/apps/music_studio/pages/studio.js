// The desk: draw a beginning, ask the model, hear it, go back to any version.

import { $, MADE, Refused, ask, fill, labelOf, made, newKey, safely, tell, when } from "./common.js";
import {
  HIGHEST, LOWEST, barLines, endOf, nameOf, readSpelled, spelled, stretched, trimmed,
} from "./notes.js";
import { Roll } from "./roll.js";
import { Player } from "./sound.js";

const POLL = 400; // milliseconds
const DRAFT = "music-studio-draft";
const { account, choices, left, model } = await ask("GET", "/api/state");
const now = { row: null, piece: null, dirty: false, job: null };
const done = { past: [], future: [] };
const roll = new Roll($("roll"), {
  tell: words => { $("said").textContent = words; },
  changed: piece => edited(piece),
  metres: choices.metres,
});
const player = new Player(step => {
  roll.playing(step);
  $("play").textContent = player.playing ? "停止播放" : "播放";
});
roll.heard = pitch => player.touch(pitch);

// ---- the piece in the roll --------------------------------------------------------------

function empty() {
  const metre = $("metre").value, bars = Number($("canvas").value) || 8;
  const voices = Array.from({ length: choices.voices[$("genre").value] }, () => []);
  return {
    title: "", genre: $("genre").value, metre, key: $("key").value,
    tempo: Number($("tempo").value) || 100, pickup: 0,
    length: bars * choices.metres[metre], voices, chords: [],
  };
}

function edited(piece) {
  done.past.push(JSON.stringify(now.piece));
  done.future = [];
  now.dirty = true;
  put(piece);
  remember();
}

function remember() {
  const draft = { piece: now.piece, parent: now.row?.id ?? null };
  sessionStorage.setItem(DRAFT, JSON.stringify(draft));
}

// Show a piece in the roll and in all that speaks of it.
function put(piece) {
  const other = piece.voices.length !== $("voice").length;
  now.piece = piece;
  roll.show(piece);
  $("undo").disabled = !done.past.length;
  $("redo").disabled = !done.future.length;
  if (other) {
    $("voice").replaceChildren();
    const names = { 1: ["旋律"], 2: ["旋律", "低音"], 4: ["女高音", "女低音", "男高音", "男低音"] };
    piece.voices.forEach((_, i) =>
      $("voice").append(new Option(names[piece.voices.length]?.[i] ?? `第 ${i + 1} 声部`, i)));
  }
  $("voice").value = roll.voice;
  $("words").value = spelled(piece.voices[roll.voice]);
  const bars = barLines(piece, choices.metres[piece.metre]).length - 1;
  $("canvas").value = bars;
  for (const id of ["first", "last"]) $(id).max = bars;
  const notes = piece.voices.flat().length;
  $("facts").textContent =
    `${choices.genres[piece.genre]} · ${choices.keys[piece.key]} · ${piece.metre} · `
    + `${bars} 小节 · ${notes} 个音${now.dirty ? " · 还没保存" : ""}`;
}

// A new beginning: nothing before it.
function start(piece) {
  Object.assign(now, { row: null, dirty: false });
  done.past = [];
  done.future = [];
  $("score-title").textContent = "新的曲子";
  $("title").value = piece.title;
  $("label").textContent = "";
  $("favourite").disabled = true;
  $("after").hidden = true;
  roll.voice = 0;
  put(piece);
  roll.centre();
}

async function open(id, push = true) {
  const row = await ask("GET", `/api/pieces/${id}`);
  sessionStorage.removeItem(DRAFT);
  player.stop();
  start(row.piece);
  now.row = row;
  $("score-title").textContent = row.title;
  $("title").value = row.title;
  $("label").textContent = labelOf(row);
  $("label").className = row.by_model ? "label model" : "label";
  for (const id of ["genre", "metre", "key"]) $(id).value = row.piece[id];
  $("tempo").value = Math.round(row.piece.tempo);
  speed(row.piece.tempo);
  $("favourite").disabled = false;
  pressed($("favourite"), row.favourite);
  if (push) history.pushState({}, "", `/?piece=${id}`);
  after(row);
  return row;
}

function pressed(button, on) {
  button.setAttribute("aria-pressed", on);
}

function after(row) {
  $("after").hidden = false;
  const title = encodeURIComponent(row.title);
  $("score").className = "";
  $("score").src = `/api/pieces/${row.id}/file.svg?t=${title}`;
  $("score").alt = `《${row.title}》的乐谱，${row.bars} 小节；音符的文字写法在“用文字写这个声部”里`;
  $("audio").hidden = true;
  const instrument = $("wav-instrument").value, learned = instrument in choices.learned;
  $("learned").hidden = !learned;
  $("files").replaceChildren("下载：");
  for (const [kind, words] of Object.entries({ wav: "WAV", mid: "MIDI", svg: "乐谱 SVG", json: "JSON" })) {
    if (kind === "wav" && learned) continue; // takes seconds, may be refused: see "render"
    const href = `/api/pieces/${row.id}/file.${kind}?instrument=${instrument}`;
    $("files").append(made("a", { class: "button", href, download: "" }, words));
  }
  versions(row);
  alike(row);
  shown(row.opinion);
}

async function versions(row) {
  const all = (await ask("GET", `/api/pieces?root=${row.root}`)).reverse();
  const depth = {};
  const items = all.map(one => {
    depth[one.id] = one.parent in depth ? depth[one.parent] + 1 : 0;
    const here = one.id === row.id;
    const words = `${MADE[one.made]} · ${one.bars} 小节 · ${when(one.created)}`;
    const link = made("a", {
      href: `/?piece=${one.id}`, "aria-current": here ? "true" : undefined,
      onclick: safely(event => { event.preventDefault(); return open(one.id); }),
    }, words);
    return made("li", { class: `depth-${Math.min(depth[one.id], 6)}` }, link);
  });
  $("versions").replaceChildren(...items);
}

async function alike(row) {
  $("alike").textContent = "……";
  $("near").replaceChildren();
  let found;
  do {
    found = await ask("GET", `/api/pieces/${row.id}/alike`);
    if (found.wait) await new Promise(later => setTimeout(later, 2000));
  } while (found.wait && now.row?.id === row.id);
  if (now.row?.id !== row.id) return;
  $("alike").textContent = found.told;
  if (!found.nearest?.length) return;
  const items = found.nearest.map(([number, title, share]) => made("li", {},
    made("button", {
      type: "button", class: "link",
      onclick: safely(() => tune(row.piece.genre, number)),
    }, title),
    ` 相似度 ${share.toFixed(2)}`));
  $("near").append(made("p", {}, "最像的训练曲目（点开可以看、可以听）："), made("ol", {}, ...items));
}

// A tune that was learned from: to look at and to hear.
async function tune(genre, number) {
  const piece = await ask("GET", `/api/tunes/${genre}/${number}`);
  player.stop();
  start(piece);
  $("score-title").textContent = piece.title || "无题";
  $("label").textContent = genre === "pop" ? "训练曲目，规则造的" : "训练曲目，由人写成";
  $("label").className = "label";
  speed(piece.tempo);
  history.pushState({}, "", "/");
  $("score-title").scrollIntoView({ block: "start" });
}

// ---- keep -----------------------------------------------------------------------------

async function saved() {
  if (now.row && !now.dirty) return now.row.id;
  if (!endOf(now.piece)) throw new Refused("请先在卷帘里画几个音。");
  const piece = trimmed(now.piece, choices.metres[now.piece.metre]);
  piece.title = $("title").value.trim() || piece.title;
  piece.tempo = Number($("speed").value);
  const json = { piece, parent: now.row?.id ?? null };
  const row = await ask("POST", "/api/pieces", { json, key: newKey() });
  now.dirty = false;
  await open(row.id);
  return row.id;
}

function step(from, to) {
  if (!done[from].length) return;
  done[to].push(JSON.stringify(now.piece));
  now.dirty = true;
  put(JSON.parse(done[from].pop()));
}

// ---- ask the model ----------------------------------------------------------------------

function wishes() {
  const found = {};
  if ($("low").value) found.low = Number($("low").value);
  if ($("high").value) found.high = Number($("high").value);
  if ($("in-key").checked) found.in_key = true;
  if ($("chord-tones").checked) found.chord_tones = true;
  if ($("no-parallels").checked) found.no_parallels = true;
  return found;
}

async function wish({ kind, keep }) {
  if (now.job) throw new Refused("上一个任务还没有结束。");
  const genre = $("genre").value; // to keep a version shows its own
  if ($("new-seed").checked)
    $("seed").value = crypto.getRandomValues(new Uint32Array(1))[0] % 2 ** 31;
  const json = {
    kind, seed: Number($("seed").value), wishes: wishes(),
    temperature: Number($("temperature").value),
  };
  if (kind === "compose") {
    for (const id of ["genre", "metre", "key"]) json[id] = $(id).value;
    json.mood = $("mood").value || null;
    json.tempo = Number($("tempo").value);
    const scene = choices.scenes[$("scene").value];
    if (scene) json.title = `${scene.title} · ${json.seed}`;
  } else json.parent = await saved();
  if (kind === "harmonise") json.genre = genre;
  if (kind === "compose" || kind === "go_on") json.bars = Number($("bars").value);
  if (kind === "vary" || kind === "fill")
    json.bars = [Number($("first").value) - 1, Number($("last").value)];
  if (keep) json.keep = keep;
  const { id } = await ask("POST", "/api/jobs", { json, key: newKey() });
  await follow(id);
}

async function follow(id) {
  now.job = id;
  $("job").hidden = false;
  for (const button of document.querySelectorAll("[data-kind]")) button.disabled = true;
  try {
    for (;;) {
      const job = await ask("GET", `/api/jobs/${id}`);
      $("progress").value = job.share;
      const waits = job.before ? `前面还有 ${job.before} 个任务` : "等待中";
      $("job-told").textContent = job.state === "waiting" ? waits
        : `${choices.kinds[job.asked]}：${job.told || "开始"} ${Math.round(job.share * 100)}%`;
      if (job.state === "done") {
        await open(id);
        tell("写好了。");
        $("play").focus();
        return;
      }
      if (job.state === "failed") throw new Refused(job.error);
      if (job.state === "cancelled") return tell("已停止，没有留下任何东西。");
      await new Promise(later => setTimeout(later, POLL));
    }
  } finally {
    now.job = null;
    $("job").hidden = true;
    for (const button of document.querySelectorAll("[data-kind]")) button.disabled = false;
    state();
  }
}

async function state() {
  const found = await ask("GET", "/api/state");
  $("left").textContent = `今天还可以请模型写 ${found.left} 次。`;
  $("model").hidden = found.model.ready;
  $("model").textContent = found.model.told;
  $("learned").textContent = found.wavenet.told;
  if (!found.model.ready) setTimeout(safely(state), 1500);
}

// ---- what people think --------------------------------------------------------------------

function shown(opinion) {
  const thumb = opinion?.thumb ?? 0;
  pressed($("up"), thumb === 1);
  pressed($("down"), thumb === -1);
  $("reasons").hidden = !thumb;
  $("reasons").replaceChildren(made("legend", {}, "为什么（可以不选）"));
  for (const reason of choices.reasons[thumb] ?? []) {
    const tick = made("input", {
      type: "checkbox", value: reason,
      onchange: safely(() => judge(thumb)),
    });
    tick.checked = opinion.reasons.includes(reason);
    $("reasons").append(made("label", { class: "tick" }, tick, ` ${reason}`));
  }
}

async function judge(thumb) {
  const ticked = [...$("reasons").querySelectorAll("input:checked")].map(e => e.value);
  const same = thumb === (now.row.opinion?.thumb ?? 0);
  const json = { thumb, reasons: same ? ticked : [] };
  now.row.opinion = await ask("POST", `/api/pieces/${now.row.id}/opinion`, { json });
  if (!same) shown(now.row.opinion);
  tell("谢谢，记下了。");
}

// ---- what the buttons do --------------------------------------------------------------------

function speed(tempo) {
  $("speed").value = Math.round(tempo);
  $("speed-told").value = $("speed").value;
}

function play(from = 0) {
  if (player.playing) return player.stop();
  if (!endOf(now.piece)) return tell("还没有音符。");
  player.play(trimmed(now.piece, roll.barSteps), Number($("speed").value), $("instrument").value, from);
  $("play").textContent = "停止播放";
}

function understood(words) {
  try {
    return readSpelled(words);
  } catch (error) {
    throw new Refused(error.message);
  }
}

function again() {
  const { genre, metre, key } = now.piece;
  const same = genre === $("genre").value && metre === $("metre").value && key === $("key").value;
  if (same) return;
  const fits = choices.voices[$("genre").value] === now.piece.voices.length;
  if (endOf(now.piece) && (now.row || metre !== $("metre").value || !fits)) return;
  const made = endOf(now.piece) ? { ...now.piece, genre: $("genre").value, key: $("key").value } : empty();
  put(made);
}

fill($("genre"), Object.fromEntries(choices.genre_order.map(g => [g, choices.genres[g]])));
fill($("mood"), choices.moods);
fill($("key"), choices.keys, "G major");
fill($("metre"), Object.fromEntries(Object.keys(choices.metres).map(m => [m, m])), "4/4");
fill($("scene"), Object.fromEntries(Object.entries(choices.scenes).map(([n, s]) => [n, s.title])));
const pitches = {};
for (let pitch = LOWEST; pitch <= HIGHEST; pitch++) pitches[pitch] = nameOf(pitch);
for (const id of ["low", "high"]) fill($(id), pitches);
for (const id of ["instrument", "wav-instrument"]) fill($(id), choices.instruments);
fill($("wav-instrument"), choices.learned);
$("bars").max = choices.most_new_bars;
$("canvas").max = choices.most_bars;
$("seed").value = crypto.getRandomValues(new Uint32Array(1))[0] % 2 ** 31;

$("scene").addEventListener("change", () => {
  const scene = choices.scenes[$("scene").value];
  if (!scene) return;
  $("genre").value = scene.genre;
  $("metre").value = scene.metre;
  $("mood").value = scene.mood;
  $("tempo").value = scene.tempo;
  $("low").value = scene.low ?? "";
  $("high").value = scene.high ?? "";
  $("key").value = scene.key;
  for (const id of ["instrument", "wav-instrument"]) $(id).value = scene.instrument;
  speed(scene.tempo);
  tell(`已按“${scene.title}”填好：${choices.moods[scene.mood]}，${scene.metre}，速度 ${scene.tempo}。`);
  again();
});
for (const id of ["genre", "metre", "key"]) $(id).addEventListener("change", again);
$("ask").addEventListener("submit", safely(event => {
  event.preventDefault();
  return wish({ kind: "compose" });
}));
for (const button of document.querySelectorAll("button[type=button][data-kind]"))
  button.addEventListener("click", safely(() => wish(button.dataset)));
for (const id of ["first", "last"])
  $(id).addEventListener("input", () => {
    const [first, last] = [Number($("first").value), Number($("last").value)];
    const most = barLines(now.piece, roll.barSteps).length - 1;
    roll.marked = first >= 1 && first <= last && first <= most ? [first - 1, Math.min(last, most)] : null;
    roll.draw();
  });
$("cancel").addEventListener("click", safely(() => ask("POST", `/api/jobs/${now.job}/cancel`)));
$("voice").addEventListener("change", () => {
  roll.voice = Number($("voice").value);
  put(now.piece);
});
$("steps").addEventListener("change", () => {
  roll.steps = Number($("steps").value);
  roll.place();
});
$("zoom").addEventListener("change", () => {
  [roll.width, roll.height] = $("zoom").value.split(",").map(Number);
  roll.draw();
  roll.centre();
});
$("canvas").addEventListener("change", () => {
  const bars = Math.max(1, Math.min(choices.most_bars, Number($("canvas").value) || 8));
  put(stretched(now.piece, bars, roll.barSteps));
});
$("undo").addEventListener("click", () => step("past", "future"));
$("redo").addEventListener("click", () => step("future", "past"));
$("clear").addEventListener("click", () =>
  edited({ ...now.piece, voices: now.piece.voices.map(() => []), chords: [] }));
$("play").addEventListener("click", () => play());
$("from-start").addEventListener("click", () => {
  player.stop();
  $("roll").scrollLeft = 0;
  roll.go(0, roll.cursor.pitch);
});
$("speed").addEventListener("input", () => { $("speed-told").value = $("speed").value; });
$("speed").addEventListener("change", () => {
  if (player.playing) {
    player.stop();
    play();
  }
});
$("read-words").addEventListener("click", safely(() => {
  const voice = understood($("words").value), voices = now.piece.voices.with(roll.voice, voice);
  const bars = barLines(now.piece, roll.barSteps).length - 1;
  edited(stretched({ ...now.piece, voices }, bars, roll.barSteps));
  tell(`第 ${roll.voice + 1} 声部有 ${voice.length} 个音。`);
}));
$("title").addEventListener("change", safely(async () => {
  if (!now.row || now.dirty || !$("title").value.trim()) return;
  const json = { title: $("title").value };
  now.row = { ...now.row, ...await ask("PATCH", `/api/pieces/${now.row.id}`, { json }) };
  $("score-title").textContent = now.row.title;
  tell("标题改好了。");
}));
$("save").addEventListener("click", safely(async () => {
  const before = now.row?.id, id = await saved();
  tell(id === before ? "没有改动，已经保存过。" : "保存好了。");
}));
$("favourite").addEventListener("click", safely(async () => {
  const json = { favourite: $("favourite").getAttribute("aria-pressed") !== "true" };
  const row = await ask("PATCH", `/api/pieces/${now.row.id}`, { json });
  pressed($("favourite"), row.favourite);
}));
$("fresh").addEventListener("click", () => {
  player.stop();
  sessionStorage.removeItem(DRAFT);
  history.pushState({}, "", "/");
  start(empty());
});
$("upload").addEventListener("change", safely(async () => {
  const file = $("upload").files[0];
  if (!file) return;
  try {
    const path = `/api/uploads?name=${encodeURIComponent(file.name)}`;
    const row = await ask("POST", path, { body: await file.arrayBuffer(), key: newKey() });
    await open(row.id);
    tell("读好了，可以接着写。");
  } finally {
    $("upload").value = "";
  }
}));
$("render").addEventListener("click", safely(async () => {
  const sound = $("audio"), instrument = $("wav-instrument").value;
  const row = now.row, learned = choices.learned[instrument];
  if (learned) tell("正在一个样本一个样本地写，要等几秒……");
  $("render").disabled = true;
  try {
    const answer = await fetch(`/api/pieces/${row.id}/file.wav?instrument=${instrument}`);
    if (!answer.ok) throw new Refused((await answer.json()).error);
    const blob = await answer.blob();
    if (now.row !== row || $("wav-instrument").value !== instrument) return; // another since
    URL.revokeObjectURL(sound.src);
    sound.src = URL.createObjectURL(blob);
  } finally {
    $("render").disabled = false;
  }
  sound.hidden = false;
  sound.setAttribute("aria-label", `《${row.title}》，${learned ?? choices.instruments[instrument]}`);
  if (learned) {
    const attributes = { id: "learned-wav", class: "button", href: sound.src, download: `${row.title}.wav` };
    $("learned-wav")?.remove();
    $("files").append(made("a", attributes, "WAV"));
    tell("写好了。");
  }
  await sound.play().catch(() => tell("合成好了，请按播放。"));
}));
$("wav-instrument").addEventListener("change", () => { if (now.row) after(now.row); });
$("score").addEventListener("load", () => { $("score").className = "drawn"; });
$("up").addEventListener("click", safely(() => judge(1)));
$("down").addEventListener("click", safely(() => judge(-1)));
addEventListener("keydown", event => {
  if (!(event.ctrlKey || event.metaKey) || event.target.matches("input, textarea")) return;
  if (event.key.toLowerCase() === "z") step(event.shiftKey ? "future" : "past", event.shiftKey ? "past" : "future");
  else return;
  event.preventDefault();
});
addEventListener("popstate", safely(begin));

async function begin() {
  const id = new URLSearchParams(location.search).get("piece");
  const draft = JSON.parse(sessionStorage.getItem(DRAFT) ?? "null");
  if (id && draft?.parent !== id) return open(id, false);
  if (draft?.parent) await open(draft.parent, false); // whose label it keeps
  else start(draft?.piece ?? empty());
  if (draft) {
    now.dirty = true;
    put(draft.piece);
    remember();
  }
}

await safely(begin)();
await safely(state)();
const [running] = await ask("GET", "/api/jobs");
if (running) safely(() => follow(running.id))();
document.body.dataset.ready = account.name + left + model.ready;
