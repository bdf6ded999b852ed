"use strict";
// Reading answers aloud, by the browser or by the server, and hearing an order number.

const voice = {
  on: false,
  server: false, // whether the server can read

  /** Whether the browser has a voice for this language. */
  own(language) {
    if (!("speechSynthesis" in window)) return null;
    const wanted = language === "en" ? "en" : "zh";
    return speechSynthesis.getVoices().find(v => v.lang.toLowerCase().startsWith(wanted));
  },

  async say(told) {
    const own = this.own(told.language);
    if (own) {
      const words = new SpeechSynthesisUtterance(told.spoken);
      words.lang = told.language === "en" ? "en-US" : "zh-CN";
      words.voice = own;
      speechSynthesis.cancel();
      speechSynthesis.speak(words);
    } else if (this.server) {
      const sound = await (await ask(`/api/speech/${told.number}`)).blob();
      const player = new Audio(URL.createObjectURL(sound));
      player.onended = () => URL.revokeObjectURL(player.src);
      await player.play();
    } else {
      throw new Problem(501, "这个浏览器没有中文语音，服务器也没有装朗读。");
    }
  },

  stop() {
    if ("speechSynthesis" in window) speechSynthesis.cancel();
  },
};

/** Samples in [-1, 1] as a WAV of 16 bits, mono. */
function wav(samples, rate) {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const words = (at, text) => [...text].forEach((c, i) => view.setUint8(at + i, c.charCodeAt(0)));
  words(0, "RIFF");
  view.setUint32(4, 36 + 2 * samples.length, true);
  words(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  words(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, i) => {
    view.setInt16(44 + 2 * i, Math.max(-1, Math.min(1, sample)) * 32767, true);
  });
  return new Blob([view], { type: "audio/wav" });
}

/** Record until `stop()`; the promise `sound` then is a WAV. */
async function recorder() {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const media = new MediaRecorder(stream), pieces = [];
  media.ondataavailable = event => pieces.push(event.data);
  const sound = new Promise((done, failed) => {
    media.onstop = async () => {
      stream.getTracks().forEach(track => track.stop());
      try {
        const context = new OfflineAudioContext(1, 1, 16000);
        const bytes = await new Blob(pieces).arrayBuffer();
        const heard = await context.decodeAudioData(bytes);
        done(wav(heard.getChannelData(0), heard.sampleRate));
      } catch (error) {
        failed(error);
      }
    };
  });
  media.start();
  return { sound, stop: () => media.state === "recording" && media.stop() };
}
