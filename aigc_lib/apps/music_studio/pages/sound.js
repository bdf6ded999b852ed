// Play a piece in the page: oscillators of the Web Audio API, nothing fetched.

import { STEPS, chordPitches } from "./notes.js";

const hertz = pitch => 440 * 2 ** ((pitch - 69) / 12);
// Of each instrument: overtones, seconds to begin, seconds to fade, how loud it stays.
const TIMBRES = {
  strings: { waves: [[1, 0.7], [2, 0.35], [3, 0.2], [4, 0.1]], in: 0.005, out: 0.12, stays: 0.25 },
  organ: { waves: [[1, 0.6], [2, 0.4], [4, 0.2]], in: 0.02, out: 0.06, stays: 1 },
  bells: { waves: [[1, 0.7], [2.76, 0.3], [5.4, 0.12]], in: 0.002, out: 0.5, stays: 0.1 },
  piano: { waves: [[1, 0.7], [2, 0.3], [3, 0.1]], in: 0.004, out: 0.15, stays: 0.3 },
  flute: { waves: [[1, 0.8], [2, 0.15], [3, 0.05]], in: 0.06, out: 0.08, stays: 0.9 },
};

export class Player {
  // `moved` is given the step that sounds, and null at the end.
  constructor(moved) {
    this.moved = moved;
    this.context = null;
  }

  get playing() {
    return Boolean(this.master);
  }

  // One note at once, to hear what was drawn.
  touch(pitch) {
    if (this.playing) return;
    const out = this.out();
    this.note(out, pitch, this.context.currentTime, 0.25, TIMBRES.strings, 1);
    setTimeout(() => out.disconnect(), 1000);
  }

  out() {
    this.context ??= new AudioContext();
    this.context.resume();
    const out = this.context.createGain();
    out.gain.value = 0.22;
    out.connect(this.context.destination);
    return out;
  }

  play(piece, tempo, instrument, from = 0) {
    this.stop();
    this.master = this.out();
    const step = 60 / tempo / STEPS, begin = this.context.currentTime + 0.08;
    const timbre = TIMBRES[instrument] ?? TIMBRES.strings;
    const at = s => begin + (s - from) * step;
    piece.voices.forEach((voice, i) => {
      for (const [start, steps, pitch] of voice)
        if (start >= from)
          this.note(this.master, pitch, at(start), steps * step, timbre, i ? 0.6 : 1);
    });
    if (piece.voices.length < 3)
      piece.chords.forEach(([start, name], i) => {
        const end = piece.chords[i + 1]?.[0] ?? piece.length;
        if (start >= from)
          for (const pitch of chordPitches(name))
            this.note(this.master, pitch, at(start), (end - start) * step, timbre, 0.25);
      });
    const master = this.master;
    const follow = () => {
      if (this.master !== master) return;
      const now = from + (this.context.currentTime - begin) / step;
      if (now >= piece.length) return this.stop();
      this.moved(Math.max(from, now));
      requestAnimationFrame(follow);
    };
    requestAnimationFrame(follow);
  }

  note(out, pitch, start, seconds, timbre, loud) {
    const gain = this.context.createGain(), end = start + seconds;
    gain.gain.setValueAtTime(0, start);
    gain.gain.linearRampToValueAtTime(loud, start + timbre.in);
    gain.gain.exponentialRampToValueAtTime(
      Math.max(0.001, loud * timbre.stays), Math.max(end, start + timbre.in + 0.01));
    gain.gain.linearRampToValueAtTime(0, end + timbre.out);
    gain.connect(out);
    for (const [ratio, share] of timbre.waves) {
      const wave = this.context.createOscillator(), part = this.context.createGain();
      wave.frequency.value = hertz(pitch) * ratio;
      part.gain.value = share;
      wave.connect(part).connect(gain);
      wave.start(start);
      wave.stop(end + timbre.out);
    }
  }

  stop() {
    const old = this.master;
    if (!old) return;
    this.master = null;
    old.gain.setTargetAtTime(0, this.context.currentTime, 0.02);
    setTimeout(() => old.disconnect(), 200);
    this.moved(null);
  }
}
