"""Runs alone, as a process: text on stdin -> WAV on stdout, spoken by eSpeak NG.

``python espeak_process.py LIBRARY DATA VOICE RATE PITCH``. It imports nothing of the
library, and nobody imports it: eSpeak NG is under the GPL.
"""

import ctypes
import io
import sys
import wave

SYNCHRONOUS, UTF8, BY_CHARACTER = 2, 1, 1  # of speak_lib.h
RATE, PITCH = 1, 3


def main(library: str, data: str, voice: str, rate: str, pitch: str) -> int:
    """Speak what stands on stdin."""
    espeak = ctypes.CDLL(library)
    hz = espeak.espeak_Initialize(SYNCHRONOUS, 0, data.encode(), 0)
    if hz <= 0 or espeak.espeak_SetVoiceByName(voice.encode()):
        print(f"no voice {voice}", file=sys.stderr)
        return 1
    espeak.espeak_SetParameter(RATE, int(rate), 0)
    espeak.espeak_SetParameter(PITCH, int(pitch), 0)
    heard = bytearray()
    kind = ctypes.CFUNCTYPE(
        ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
    )

    def take(samples, n, events):
        if samples and n > 0:
            heard.extend(ctypes.string_at(samples, 2 * n))
        return 0

    callback = kind(take)
    espeak.espeak_SetSynthCallback(callback)
    text = sys.stdin.buffer.read()
    size = ctypes.c_size_t(len(text) + 1)
    espeak.espeak_Synth(text, size, 0, BY_CHARACTER, 0, UTF8, None, None)
    espeak.espeak_Synchronize()
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(hz)
        out.writeframes(bytes(heard))
    sys.stdout.buffer.write(file.getvalue())
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
