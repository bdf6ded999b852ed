// The piano roll: steps to the right, pitches upward; mouse, touch and keys draw on it.

import {
  HIGHEST, LOWEST, STEPS, barLines, letterIn, nameOf, noteAt, place, scaleOf, timeOf,
  whereIs, without,
} from "./notes.js";

const SVG = "http://www.w3.org/2000/svg";
const RULER = 50, KEYS = 44; // pixels
const DARK = [1, 3, 6, 8, 10];

function shape(name, attributes, words) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (words !== undefined) made.textContent = words;
  return made;
}

export class Roll {
  // `box` becomes the roll; `tell` is given words for the screen reader; `changed` the
  // piece after each change that a person made.
  constructor(box, { tell, changed, metres }) {
    Object.assign(this, { box, tell, changed, metres });
    this.voice = 0;
    this.steps = 4; // of a new note
    this.width = 12;
    this.height = 16;
    this.cursor = { step: 0, pitch: 67 };
    this.marked = null; // [first, last) bar
    this.readOnly = false;
    this.corner = box.appendChild(document.createElement("div"));
    this.ruler = box.appendChild(document.createElement("div"));
    this.keys = box.appendChild(document.createElement("div"));
    this.sheet = box.appendChild(document.createElement("div"));
    for (const name of ["corner", "ruler", "keys", "sheet"])
      this[name].className = `roll-${name}`;
    for (const name of ["corner", "ruler", "keys"])
      this[name].setAttribute("aria-hidden", "true");
    this.sheet.tabIndex = 0;
    this.sheet.setAttribute("role", "application");
    this.sheet.setAttribute("aria-roledescription", "钢琴卷帘");
    this.sheet.setAttribute("aria-describedby", "roll-help");
    this.sheet.addEventListener("keydown", event => this.key(event));
    this.sheet.addEventListener("focus", () => this.say());
    this.sheet.addEventListener("pointerdown", event => this.press(event));
    this.sheet.addEventListener("click", event => this.tap(event));
  }

  get barSteps() {
    return this.metres[this.piece.metre];
  }

  get snap() {
    const fine = this.steps === 1 || this.steps === 3;
    return fine && this.piece.genre === "folk" ? 1 : 2; // the others write eighths
  }

  show(piece) {
    this.piece = piece;
    this.voice = Math.min(this.voice, piece.voices.length - 1);
    const pitches = piece.voices.flat().map(note => note[2]);
    const low = Math.min(58, ...pitches) - 2, high = Math.max(79, ...pitches) + 2;
    this.low = Math.max(LOWEST, low);
    this.high = Math.min(HIGHEST, high);
    this.cursor.step = Math.min(this.cursor.step, piece.length - 1);
    this.draw();
  }

  x(step) {
    return step * this.width;
  }

  y(pitch) {
    return (this.high - pitch) * this.height;
  }

  draw() {
    const { piece } = this, wide = this.x(piece.length);
    const tall = (this.high - this.low + 1) * this.height;
    const scale = scaleOf(piece.key), lines = barLines(piece, this.barSteps);
    const picture = shape("svg", { width: wide, height: tall, "aria-hidden": "true" });
    const keys = shape("svg", { width: KEYS, height: tall });
    for (let pitch = this.low; pitch <= this.high; pitch++) {
      const kind = pitch % 12, y = this.y(pitch), height = this.height;
      const row = DARK.includes(kind) ? "row dark" : "row";
      const home = scale[0] === kind ? " home" : "";
      picture.append(shape("rect", {
        class: row + (scale.includes(kind) ? "" : " off") + home,
        x: 0, y, width: wide, height,
      }));
      keys.append(shape("rect", { class: row + home, x: 0, y, width: KEYS, height }));
      const words = { class: "name", x: KEYS - 6, y: y + height - 4 };
      if (!DARK.includes(kind)) keys.append(shape("text", words, nameOf(pitch)));
    }
    if (this.marked) {
      const [first, last] = this.marked, x = this.x(lines[first]);
      const width = this.x(lines[Math.min(last, lines.length - 1)]) - x;
      picture.append(shape("rect", { class: "marked", x, y: 0, width, height: tall }));
    }
    const ruler = shape("svg", { width: wide, height: RULER });
    for (let step = 0; step < piece.length; step += STEPS) {
      const x = this.x(step + ((piece.pickup || 0) % STEPS));
      picture.append(shape("line", { class: "beat", x1: x, x2: x, y1: 0, y2: tall }));
    }
    lines.forEach((step, i) => {
      const x = this.x(step);
      picture.append(shape("line", { class: "bar", x1: x, x2: x, y1: 0, y2: tall }));
      if (i < lines.length - 1)
        ruler.append(shape("text", { class: "number", x: x + 3, y: 13 }, i + 1));
    });
    const ends = [0, 0]; // of the two lines on which chords are written
    for (const [at, name] of piece.chords) {
      const words = name === "N" ? "—" : name, x = this.x(at) + 3;
      const line = ends[0] <= x ? 0 : 1;
      ends[line] = x + 8 * words.length + 4;
      ruler.append(shape("text", { class: "chord", x, y: 30 + 15 * line }, words));
    }
    const order = piece.voices.map((_, i) => i).filter(i => i !== this.voice);
    for (const i of [...order, this.voice])
      for (const [start, steps, pitch] of piece.voices[i])
        picture.append(shape("rect", {
          class: `note v${i % 4}` + (i === this.voice ? "" : " other"),
          x: this.x(start) + 0.5, y: this.y(pitch) + 1, rx: 3,
          width: this.x(steps) - 1, height: this.height - 2,
        }));
    this.head = shape("line", { class: "head", x1: 0, x2: 0, y1: 0, y2: tall });
    this.spot = shape("rect", { class: "spot", height: this.height });
    picture.append(this.head, this.spot);
    this.sheet.replaceChildren(picture);
    this.keys.replaceChildren(keys);
    this.ruler.replaceChildren(ruler);
    const notes = piece.voices[this.voice].length;
    this.sheet.setAttribute(
      "aria-label",
      `钢琴卷帘：${piece.voices.length} 个声部，共 ${lines.length - 1} 小节；`
        + `正在编辑第 ${this.voice + 1} 声部，${notes} 个音`,
    );
    this.head.style.display = "none";
    this.place();
  }

  place() {
    const { step, pitch } = this.cursor;
    this.spot.setAttribute("x", this.x(step));
    this.spot.setAttribute("y", this.y(pitch));
    this.spot.setAttribute("width", this.x(Math.min(this.steps, this.snap * 2)));
  }

  // Put the middle of what is heard into the window.
  centre() {
    const pitches = this.piece.voices.flat().map(note => note[2]);
    const middle = pitches.length
      ? (Math.min(...pitches) + Math.max(...pitches)) / 2 : 68;
    const room = this.box.clientHeight - RULER;
    this.box.scrollTop = this.y(middle) - room / 2;
    this.box.scrollLeft = 0;
  }

  // Where the sound is; null hides the line.
  playing(step) {
    this.head.style.display = step === null ? "none" : "";
    if (step === null) return;
    const x = this.x(step), { scrollLeft, clientWidth } = this.box;
    this.head.setAttribute("x1", x);
    this.head.setAttribute("x2", x);
    if (x < scrollLeft || x > scrollLeft + clientWidth - KEYS - 40)
      this.box.scrollLeft = Math.max(0, x - 40);
  }

  change(voice, words) {
    if (this.readOnly) return;
    const voices = this.piece.voices.with(this.voice, voice);
    this.piece = { ...this.piece, voices };
    this.draw();
    this.changed(this.piece);
    if (words) this.tell(words);
  }

  // ---- mouse and touch --------------------------------------------------------------

  spotOf(event) {
    const { left, top } = this.sheet.getBoundingClientRect();
    const step = Math.floor((event.clientX - left) / this.width);
    const pitch = this.high - Math.floor((event.clientY - top) / this.height);
    return {
      step: Math.max(0, Math.min(this.piece.length - 1, step)),
      pitch: Math.max(this.low, Math.min(this.high, pitch)),
    };
  }

  // A tap puts a note or takes it away; a finger that moves scrolls.
  tap(event) {
    if (event.detail === 0 || this.readOnly) return; // no pointer, or drawn already
    if (this.dragged) {
      this.dragged = false;
      return;
    }
    const { step, pitch } = this.spotOf(event), notes = this.piece.voices[this.voice];
    const there = noteAt(notes, step);
    const start = Math.floor(step / this.snap) * this.snap;
    this.cursor = { step: start, pitch };
    if (there && there[2] === pitch)
      this.change(without(notes, there), `删去 ${nameOf(pitch)}`);
    else this.put(start, pitch);
  }

  put(start, pitch, steps = this.steps) {
    const least = Math.max(steps, this.snap);
    const length = Math.min(least - (least % this.snap), this.piece.length - start);
    const notes = this.piece.voices[this.voice];
    const words = `${nameOf(pitch)}，${timeOf(length)}`;
    this.change(place(notes, [start, length, pitch]), words);
    this.heard?.(pitch);
  }

  // The mouse draws a note as long as it is drawn, and moves one that is there.
  press(event) {
    if (event.pointerType === "touch" || event.button !== 0 || this.readOnly) return;
    const from = this.spotOf(event), before = this.piece.voices[this.voice];
    const there = noteAt(before, from.step);
    const grabbed = there && there[2] === from.pitch ? there : null;
    const move = moved => {
      const to = this.spotOf(moved);
      if (to.step === from.step && to.pitch === from.pitch && !this.dragged) return;
      this.dragged = true;
      if (grabbed) {
        const by = Math.round((to.step - from.step) / this.snap) * this.snap;
        const most = this.piece.length - grabbed[1];
        const start = Math.max(0, Math.min(most, grabbed[0] + by));
        this.preview(place(without(before, grabbed), [start, grabbed[1], to.pitch]));
      } else {
        const start = Math.floor(from.step / this.snap) * this.snap;
        const bits = Math.ceil((to.step + 1 - start) / this.snap);
        const most = this.piece.length - start;
        const steps = Math.min(most, Math.max(1, bits) * this.snap);
        this.preview(place(before, [start, steps, from.pitch]));
      }
    };
    const end = () => {
      this.sheet.removeEventListener("pointermove", move);
      this.sheet.removeEventListener("pointerup", end);
      this.sheet.removeEventListener("pointercancel", end);
      if (this.dragged) this.changed(this.piece);
    };
    this.dragged = false;
    this.sheet.setPointerCapture(event.pointerId);
    this.sheet.addEventListener("pointermove", move);
    this.sheet.addEventListener("pointerup", end);
    this.sheet.addEventListener("pointercancel", end);
  }

  preview(voice) {
    this.piece = { ...this.piece, voices: this.piece.voices.with(this.voice, voice) };
    this.draw();
  }

  // ---- keys ---------------------------------------------------------------------------

  say() {
    const { step, pitch } = this.cursor;
    const { bar, beat } = whereIs(step, this.piece, this.barSteps);
    const there = noteAt(this.piece.voices[this.voice], step);
    const sounds = there ? `此刻有 ${nameOf(there[2])}，${timeOf(there[1])}` : "此刻无音";
    this.tell(`第 ${bar} 小节第 ${beat} 拍，${nameOf(pitch)}；${sounds}`);
  }

  go(step, pitch) {
    this.cursor = {
      step: Math.max(0, Math.min(this.piece.length - 1, step)),
      pitch: Math.max(LOWEST, Math.min(HIGHEST, pitch)),
    };
    if (this.cursor.pitch < this.low || this.cursor.pitch > this.high) {
      this.low = Math.min(this.low, this.cursor.pitch);
      this.high = Math.max(this.high, this.cursor.pitch);
      this.draw();
    }
    this.place();
    this.spot.scrollIntoView({ block: "nearest", inline: "nearest" });
    this.say();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { step, pitch } = this.cursor, { shiftKey, key } = event;
    const notes = this.piece.voices[this.voice], there = noteAt(notes, step);
    const turn = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1, ArrowUp: 1 }[key];
    const sideways = key === "ArrowLeft" || key === "ArrowRight";
    if (turn && shiftKey && there) {
      const room = this.piece.length - there[0];
      const steps = there[1] + (sideways ? turn * this.snap : 0);
      const to = there[2] + (sideways ? 0 : turn);
      if (steps >= 1 && steps <= room && to >= LOWEST && to <= HIGHEST) {
        const words = `${nameOf(to)}，${timeOf(steps)}`;
        this.cursor.pitch = to;
        this.change(place(without(notes, there), [there[0], steps, to]), words);
        this.heard?.(to);
      }
    } else if (turn && sideways) this.go(step + turn * this.snap, pitch);
    else if (turn) this.go(step, pitch + turn);
    else if (key === "PageUp") this.go(step, pitch + 12);
    else if (key === "PageDown") this.go(step, pitch - 12);
    else if (key === "Home") this.go(0, pitch);
    else if (key === "End") this.go(this.piece.length - 1, pitch);
    else if (key === "Enter" || key === " ") {
      if (there && there[2] === pitch)
        this.change(without(notes, there), `删去 ${nameOf(pitch)}`);
      else this.put(step, pitch);
    } else if ((key === "Delete" || key === "Backspace") && there)
      this.change(without(notes, there), `删去 ${nameOf(there[2])}`);
    else if (/^[a-gA-G]$/.test(key) && !this.readOnly) {
      const found = letterIn(key, this.piece.key, pitch);
      this.cursor.pitch = found;
      this.put(step, found);
      this.cursor.step = Math.min(this.piece.length - 1, step + this.steps);
      this.place();
    } else if (key === ".") this.go(step + this.steps, pitch);
    else return;
    event.preventDefault();
  }
}
