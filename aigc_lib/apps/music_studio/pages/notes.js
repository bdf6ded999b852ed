// Notes, keys and bars as plain values: what the piano roll and the text of notes share.

export const NAMES = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"];
export const LOWEST = 21, HIGHEST = 108, STEPS = 4; // of a piano; steps in a quarter
const LETTERS = { C: 0, D: 2, E: 4, F: 5, G: 7, A: 9, B: 11 };
const SCALES = { major: [0, 2, 4, 5, 7, 9, 11], minor: [0, 2, 3, 5, 7, 8, 10] };
const TIMES = {
  1: "十六分音符", 2: "八分音符", 3: "附点八分音符", 4: "四分音符",
  6: "附点四分音符", 8: "二分音符", 12: "附点二分音符", 16: "全音符",
};
const QUALITIES = {
  "": [0, 4, 7], m: [0, 3, 7], 7: [0, 4, 7, 10], m7: [0, 3, 7, 10],
  maj7: [0, 4, 7, 11], dim: [0, 3, 6],
};

export const nameOf = pitch => NAMES[pitch % 12] + (Math.floor(pitch / 12) - 1);
export const timeOf = steps => TIMES[steps] ?? `${steps} 个十六分音符`;

// The pitch of a name such as "F#4" or "Bb3"; null for none.
export function pitchOf(name) {
  const parts = /^([A-Ga-g])([#b♯♭]?)(-?\d)$/.exec(name);
  if (!parts) return null;
  const sign = { "#": 1, "♯": 1, b: -1, "♭": -1 }[parts[2]] ?? 0;
  const pitch = LETTERS[parts[1].toUpperCase()] + sign + 12 * (Number(parts[3]) + 1);
  return pitch >= LOWEST && pitch <= HIGHEST ? pitch : null;
}

export function scaleOf(key) {
  const [tonic, mode] = key.split(" ");
  return SCALES[mode].map(step => (NAMES.indexOf(tonic) + step) % 12);
}

// The pitch that a letter means in a key, the one nearest to `near`.
export function letterIn(letter, key, near) {
  const natural = LETTERS[letter.toUpperCase()], scale = scaleOf(key);
  const others = Object.values(LETTERS).filter(one => one !== natural);
  const moved = [0, 1, -1].map(step => (natural + step + 12) % 12);
  const fits = one => scale.includes(one) && !others.includes(one);
  const kind = moved.find(fits) ?? natural;
  let found = kind + 12 * Math.round((near - kind) / 12);
  while (found < LOWEST) found += 12;
  while (found > HIGHEST) found -= 12;
  return found;
}

export function chordPitches(name) {
  const parts = /^([A-G][#b]?)(.*)$/.exec(name);
  const root = parts ? NAMES.indexOf(parts[1]) : -1;
  if (root < 0 || !(parts[2] in QUALITIES)) return [];
  return QUALITIES[parts[2]].map(step => 48 + ((root + step) % 12));
}

// A voice with one more note: what it covers gives way.
export function place(voice, [start, steps, pitch]) {
  const end = start + steps, kept = [];
  for (const [s, n, p] of voice) {
    if (s < start) kept.push([s, Math.min(n, start - s), p]);
    if (s + n > end) {
      const from = Math.max(s, end);
      if (s >= start) kept.push([from, s + n - from, p]);
    }
  }
  return [...kept, [start, steps, pitch]].sort((a, b) => a[0] - b[0]);
}

export const noteAt = (voice, step) =>
  voice.find(([s, n]) => s <= step && step < s + n) ?? null;

export const without = (voice, note) => voice.filter(other => other !== note);

export const endOf = piece =>
  Math.max(0, ...piece.voices.flat().map(([s, n]) => s + n));

// Where bars begin, the length's end last.
export function barLines(piece, barSteps) {
  const lines = [0];
  for (let at = piece.pickup || barSteps; at < piece.length; at += barSteps)
    lines.push(at);
  return [...lines, piece.length];
}

// The bar and the beat, from 1, that a step lies in. A pickup is bar 1.
export function whereIs(step, piece, barSteps) {
  const lines = barLines(piece, barSteps);
  let bar = lines.findLastIndex(line => line <= step);
  bar = Math.min(bar, lines.length - 2);
  return { bar: bar + 1, beat: 1 + (step - lines[bar]) / STEPS };
}

// A piece of so many whole bars, or of as many as its notes need.
export function stretched(piece, bars, barSteps) {
  const first = piece.pickup || barSteps;
  const needed = 1 + Math.max(0, Math.ceil((endOf(piece) - first) / barSteps));
  const length = first + (Math.max(bars, needed) - 1) * barSteps;
  return { ...piece, length, chords: piece.chords.filter(([at]) => at < length) };
}

// The piece without the empty bars at its end.
export const trimmed = (piece, barSteps) => stretched(piece, 1, barSteps);

// A voice as words: "G4:4 -:2 A4:2", times in sixteenths.
export function spelled(voice) {
  const words = [];
  let at = 0;
  for (const [start, steps, pitch] of voice) {
    if (start > at) words.push(`-:${start - at}`);
    words.push(`${nameOf(pitch)}:${steps}`);
    at = start + steps;
  }
  return words.join(" ");
}

// The voice of such words; throws an Error that says what is wrong.
export function readSpelled(text) {
  const voice = [];
  let at = 0;
  for (const word of text.trim().split(/[\s,，]+/).filter(Boolean)) {
    const [name, time = "4"] = word.split(/[:：]/);
    const steps = Number(time), silent = name === "-";
    if (!Number.isInteger(steps) || steps < 1 || steps > 512)
      throw new Error(`“${word}”的时值不对：写成 G4:4，冒号后是 1 以上的整数。`);
    const pitch = silent ? null : pitchOf(name);
    if (!silent && pitch === null)
      throw new Error(`“${word}”不是音名：写成 G4:4、F#4:2、Bb3:8，休止写 -:4。`);
    if (!silent) voice.push([at, steps, pitch]);
    at += steps;
    if (at > 8192) throw new Error("太长：最多 8192 个十六分音符。");
  }
  if (!voice.length) throw new Error("还没有音符。");
  return voice;
}
