"""Checkers of chapter 09, films: right answers pass, likely mistakes get a hint."""

import torch
from checker_tests import make_tests

from aigc_lib.check import ch09
from aigc_lib.models.frames import copy_last, linear_motion

RIGHT = {"误差最小": "平均", "抽一个比平均": "两倍", "像真帧": ("更可能的", "抽一个")}


def phase(a, b, sign=1, whiten=True, wrap=True, swap=False):
    spectrum = torch.fft.fft2(a).conj() * torch.fft.fft2(b)
    if whiten:
        spectrum = spectrum / spectrum.abs().clamp_min(1e-9)
    peak = torch.fft.ifft2(spectrum).real.argmax().item()
    down, right = divmod(peak, a.shape[1])
    if wrap:
        down, right = ((v + 12) % 24 - 12 for v in (down, right))
    found = (sign * right, sign * down)
    return found[::-1] if swap else found


CASES = [
    ("two_futures", RIGHT, None),
    ("two_futures", RIGHT | {"误差最小": "更可能的"}, "误差最小的猜错"),
    ("two_futures", RIGHT | {"抽一个比平均": "一样"}, "倍数"),
    ("two_futures", RIGHT | {"像真帧": ("抽一个",)}, "全亮"),
    ("two_futures", RIGHT | {"像真帧": "抽一个"}, "一组词"),
    ("two_futures", RIGHT | {"误差最小": "最大"}, "选一个"),
    ("displacement", phase, None),
    ("displacement", lambda a, b: phase(a, b, sign=-1), "方向反了"),
    ("displacement", lambda a, b: phase(a, b, swap=True), "次序反了"),
    ("displacement", lambda a, b: phase(a, b, wrap=False), "绕了一圈"),
    ("displacement", lambda a, b: phase(a, b, whiten=False), "不动的强光"),
    ("displacement", lambda a, b: (0, 0), "真的是"),
    ("next_frames", lambda x: linear_motion(x, 12, walls=True), None),
    ("next_frames", lambda x: copy_last(x, 12), "底线"),
    ("next_frames", lambda x: linear_motion(x, 12), "墙"),
    ("next_frames", lambda x: copy_last(x, 11), "形状"),
    ("next_frames", lambda x: copy_last(x, 12) * torch.nan, "nan"),
    ("next_frames", lambda x: copy_last(x, 12) * 3, "[−1, 1]"),
]

test_hint, test_nothing_raises = make_tests(ch09, CASES)


def test_an_open_answer_is_told_both_scores():
    message = ch09.next_frames(lambda x: linear_motion(x, 12, walls=True)).message
    assert "底线 0.3" in message
    assert "书里的解 0." in message
