"""Films as files: GIF by Pillow, MP4 (H.264, AAC) by a program of its own, and back.

A film is (T, C, H, W) uint8, C = 1 or 3. Equal films give equal bytes. The program is
ffmpeg, from the wheel imageio-ffmpeg; it is under the GPL, so it runs as a process
beside Python and is not linked.
"""

from __future__ import annotations

import io
import os
import subprocess
import tempfile
import wave
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageSequence, UnidentifiedImageError
from torch import Tensor

from ..arguments import finite, unknown, whole
from ..files import replacing
from ..runtime import optional

ENDINGS = (".gif", ".mp4")
SIDE, FRAMES = 2_000, 3_000  # at most
QUALITY = 18  # x264's constant rate factor: hardly to be told from the original
SPEECH = "48k"  # bits a second of the sound: enough for one voice
PATIENCE = 300  # seconds for one film
EXACT = ["-fflags", "+bitexact", "-flags:v", "+bitexact", "-map_metadata", "-1"]


def checked(frames: Tensor) -> Tensor:
    """Return a film as (T, 3, H, W) uint8.

    Raises:
        ValueError: another shape or number type, fewer than 2 frames, more than 3,000,
            or a side of more than 2,000 pixels.
    """
    if frames.dim() != 4 or frames.shape[1] not in (1, 3) or not frames.numel():
        raise ValueError(
            f"frames has shape {tuple(frames.shape)}: give (T, C, H, W), C = 1 or 3"
        )
    if frames.dtype != torch.uint8:
        raise ValueError(
            f"frames are {frames.dtype}: give uint8, ((x + 1) * 127.5).round().byte() "
            "for x in [-1, 1]"
        )
    if not 2 <= len(frames) <= FRAMES:
        raise ValueError(f"frames: {len(frames)} of them: give 2 to {FRAMES:,}")
    if max(frames.shape[2:]) > SIDE:
        raise ValueError(
            f"frames are {frames.shape[3]} x {frames.shape[2]} pixels: give at most "
            f"{SIDE:,} a side"
        )
    return frames.expand(-1, 3, -1, -1).cpu()


def enlarged(frames: Tensor, factor: int) -> Tensor:
    """Make every pixel of (..., H, W) a square of ``factor`` by ``factor``."""
    factor = whole("factor", factor, 1)
    return frames.repeat_interleave(factor, -1).repeat_interleave(factor, -2)


def write_film(
    path: str | os.PathLike,
    frames: Tensor,
    *,
    fps: float = 10,
    sound: bytes | None = None,
) -> Path:
    """Write a film to a .gif or .mp4 file, whole or not at all.

    A GIF repeats for ever, has at most 256 colours a frame, and counts time in
    hundredths of a second. MP4 keeps the colour of four pixels together (yuv420p);
    it alone may have ``sound``, a WAV file as long as the frames are shown.

    Raises:
        ValueError: another ending, ``fps`` outside [1, 50], odd width or height for
            MP4, sound that does not fit, or what ``checked`` refuses.
        ModuleNotFoundError: MP4 without imageio-ffmpeg.
        OSError: the program failed; its words.
    """
    ending = Path(path).suffix.lower()
    if ending not in ENDINGS:
        raise unknown("ending of path", ending, ENDINGS)
    frames, fps = checked(frames), finite("fps", fps, least=1, most=50)
    if sound is not None:
        _fits(sound, len(frames) / fps, ending)
    with replacing(path) as temporary:
        if ending == ".gif":
            _write_gif(temporary, frames, fps)
        else:
            _write_mp4(temporary, frames, fps, sound)
    return Path(path)


def film_bytes(
    frames: Tensor, ending: str, *, fps: float = 10, sound: bytes | None = None
) -> bytes:
    """Return what ``write_film`` would write; ``ending`` is ".gif" or ".mp4"."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"film{ending}")
        return write_film(path, frames, fps=fps, sound=sound).read_bytes()


def _fits(sound: bytes, seconds: float, ending: str) -> None:
    """Refuse sound that is no WAV file, is for a GIF, or is of another length."""
    if ending == ".gif":
        raise ValueError("sound is given: a GIF is silent, write an .mp4")
    try:
        with wave.open(io.BytesIO(sound)) as file:
            lasts = file.getnframes() / file.getframerate()
    except (wave.Error, EOFError) as error:
        raise ValueError(f"sound is no WAV file: {error}") from None
    if abs(lasts - seconds) > 0.01:
        raise ValueError(
            f"sound lasts {lasts:.2f} s, the frames {seconds:.2f} s: make them equal"
        )


def read_film(path: str | os.PathLike) -> tuple[Tensor, float]:
    """Read a film (T, 3, H, W) uint8 and its frames a second.

    Raises:
        FileNotFoundError: no file at ``path``.
        ValueError: another ending, no such film, or one beyond the limits.
        ModuleNotFoundError: MP4 without imageio-ffmpeg.
    """
    path = Path(path)
    if path.suffix.lower() not in ENDINGS:
        raise unknown("ending of path", path.suffix, ENDINGS)
    if not path.is_file():
        raise FileNotFoundError(f"path={str(path)!r}: no such file")
    frames, fps = (_read_gif if path.suffix.lower() == ".gif" else _read_mp4)(path)
    return checked(torch.from_numpy(frames).movedim(3, 1)), fps


def _write_gif(path: Path, frames: Tensor, fps: float) -> None:
    pictures = [Image.fromarray(f.numpy()) for f in frames.movedim(1, 3).contiguous()]
    first, *rest = [p.quantize(256, dither=Image.Dither.NONE) for p in pictures]
    time = 10 * round(100 / fps)  # ms
    told = {"append_images": rest, "duration": time, "loop": 0, "disposal": 1}
    first.save(path, "GIF", save_all=True, optimize=False, **told)


def _read_gif(path: Path) -> tuple[np.ndarray, float]:
    try:
        with Image.open(path, formats=["GIF"]) as image:
            if image.n_frames > FRAMES or max(image.size) > SIDE:
                raise ValueError(
                    f"path={str(path)!r} holds {image.n_frames} frames of "
                    f"{image.width} x {image.height}: at most {FRAMES:,} of {SIDE:,}"
                )
            every = [
                (np.array(frame.convert("RGB")), frame.info.get("duration", 100))
                for frame in ImageSequence.Iterator(image)
            ]
    except (UnidentifiedImageError, OSError, SyntaxError, EOFError) as error:
        raise ValueError(f"path={str(path)!r} is no whole GIF: {error}") from None
    # Pillow writes equal frames as one that stays longer
    least = max(10, min(time for _, time in every))
    frames = [frame for frame, time in every for _ in range(round(time / least))]
    return np.stack(frames), 1_000 / least


def _write_mp4(path: Path, frames: Tensor, fps: float, sound: bytes | None) -> None:
    height, width = frames.shape[2:]
    if width % 2 or height % 2:
        raise ValueError(
            f"frames are {width} x {height} pixels: MP4 needs even numbers, "
            "cut or pad by one"
        )
    pixels = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}"]
    pixels += ["-r", f"{fps:g}", "-i", "-"]
    coded = ["-c:v", "libx264", "-crf", str(QUALITY), "-pix_fmt", "yuv420p"]
    made = ["-threads", "1", *EXACT, "-movflags", "+faststart", "-f", "mp4"]
    raw = frames.movedim(1, 3).contiguous().numpy().tobytes()
    with tempfile.TemporaryDirectory() as folder:
        if sound is None:
            heard = ["-an"]
        else:
            wav = Path(folder, "sound.wav")
            wav.write_bytes(sound)
            pixels += ["-i", str(wav)]
            heard = ["-c:a", "aac", "-b:a", SPEECH, "-flags:a", "+bitexact"]
        _ffmpeg(*pixels, *coded, *heard, *made, str(path), given=raw)


def _read_mp4(path: Path) -> tuple[np.ndarray, float]:
    reader = optional("imageio_ffmpeg", install="imageio-ffmpeg").read_frames(str(path))
    try:
        told = next(reader)
        width, height = told["size"]
        if max(width, height) > SIDE:
            raise ValueError(f"path={str(path)!r} is {width} x {height} pixels")
        frames = []
        for raw in reader:
            frames.append(np.frombuffer(raw, np.uint8).reshape(height, width, 3))
            if len(frames) > FRAMES:
                raise ValueError(f"path={str(path)!r} has more than {FRAMES:,} frames")
    except (OSError, RuntimeError, StopIteration, KeyError) as error:
        raise ValueError(f"path={str(path)!r} is no whole MP4: {error}") from None
    finally:
        reader.close()
    return np.stack(frames), float(told["fps"])


def _ffmpeg(*options: str, given: bytes) -> None:
    """Run the program on what it is given.

    Raises:
        ModuleNotFoundError: it is missing.
        OSError: it fails.
    """
    library = optional("imageio_ffmpeg", install="imageio-ffmpeg")
    try:
        program = library.get_ffmpeg_exe()
    except RuntimeError as error:  # the package came without the program
        raise ModuleNotFoundError(str(error)) from None
    command = [program, "-loglevel", "error", "-y", *options]
    try:
        done = subprocess.run(
            command, input=given, capture_output=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        raise OSError(
            f"ffmpeg took more than {PATIENCE} s: write fewer frames"
        ) from None
    if done.returncode:
        raise OSError(f"ffmpeg: {done.stderr.decode(errors='replace').strip()[-500:]}")
