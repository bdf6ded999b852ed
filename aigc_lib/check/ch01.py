"""Checkers for chapter 01: who made what, a concept map, families, two functions."""

import math

from ._result import Unfinished, checker, require

MADE_BY = {
    "GPT-3": "OpenAI",
    "GAN": "Université de Montréal",
    "VAE": "Universiteit van Amsterdam",
    "Transformer": "Google",
    "DDPM": "UC Berkeley",
    "Latent diffusion": "LMU Munich",
    "WaveNet": "DeepMind",
    "StyleGAN": "NVIDIA",
}
# Arrow -> None where it holds, else why it does not.
ARROWS = {
    "training data -> model": None,
    "model -> sample": None,
    "noise -> generator": None,
    "autoregressive -> text": None,
    "codec model -> waveform": None,
    "text -> speech synthesis": None,
    "GAN -> discriminator": None,
    "VAE -> latent code": None,
    "diffusion -> image": None,
    "generator -> noise": "噪声是生成器的输入，箭头反了",
    "text model -> waveform": "文本模型给出文字；波形来自学波形或其编码的模型",
    "VAE -> discriminator": "VAE 最大化证据下界，没有人和它对抗",
}
# Family -> likelihood, runs of the network for one sample, needs a discriminator.
FAMILIES = {
    "autoregressive": ("exact", "per symbol", False),
    "VAE": ("bound", "one", False),
    "flow": ("exact", "one", False),
    "GAN": ("none", "one", True),
    "diffusion": ("bound", "many", False),
    "energy": ("unnormalised", "many", False),
}
COLUMNS = ("似然", "跑网络的次数", "要不要判别器")


@checker("八项都对")
def attribution(answer):
    """Demands a dict work -> institution that stands on the paper."""
    _complete(answer, MADE_BY, "工作")
    for institution in answer.values():
        require(
            institution in MADE_BY.values(),
            f"表里没有机构 {institution!r}，照抄表里的写法",
        )
    wrong = [work for work in MADE_BY if answer[work] != MADE_BY[work]]
    require(not wrong, f"对了 {len(MADE_BY) - len(wrong)} 项；再查：{'、'.join(wrong)}")


@checker("九个箭头都在，三个错的都去掉了")
def concept_map(answer):
    """Demands the set of the arrows that hold."""
    answer = set(answer)
    unknown = sorted(answer - ARROWS.keys())
    require(not unknown, f"题里没有这个箭头：{unknown[:1]}，照抄题里的写法")
    for arrow, why_not in ARROWS.items():
        if why_not:
            require(arrow not in answer, f"`{arrow}` 不成立：{why_not}")
    missing = [arrow for arrow in ARROWS if not ARROWS[arrow] and arrow not in answer]
    require(not missing, f"还少 {len(missing)} 个成立的箭头，例如 {missing[:1]}")


@checker("六个家族都对")
def families(answer):
    """Demands a dict family -> (likelihood, runs, discriminator)."""
    _complete(answer, FAMILIES, "家族")
    for family, truth in FAMILIES.items():
        given = tuple(answer[family])
        require(len(given) == 3, f"{family} 要填三格，你填了 {len(given)} 格")
        for column, mine, right in zip(COLUMNS, given, truth, strict=True):
            require(mine == right, f"{family} 的“{column}”不是 {mine!r}，回去看那张表")


@checker("比例、极限和溢出都对")
def temperature(answer):
    """Demands f(counts, t) -> {symbol: probability}, p proportional to n ** (1 / t)."""
    counts = {"山": 6, "月": 3, "风": 1}
    for t, right in (
        (1, (0.6, 0.3, 0.1)),
        (0.5, (36 / 46, 9 / 46, 1 / 46)),
        (2, None),
        (1e6, (1 / 3, 1 / 3, 1 / 3)),
        (0.01, (1, 0, 0)),
    ):
        got = answer(dict(counts), t)
        require(
            isinstance(got, dict) and got.keys() == counts.keys(),
            f"应当返回字典，键与输入相同，你返回的是 {got!r}",
        )
        if right is None:
            roots = [math.sqrt(n) for n in counts.values()]
            right = [r / sum(roots) for r in roots]
        _near(got, dict(zip(counts, right, strict=True)), f"t = {t}，计数 {counts}")
    got = answer({"a": 1_000_000, "b": 999_999, "c": 1}, 0.01)
    ratio = math.exp(100 * math.log(0.999999))
    right = {"a": 1 / (1 + ratio), "b": ratio / (1 + ratio), "c": 0}
    _near(got, right, "计数到百万、t = 0.01")


@checker("与逐段比对的答案一致")
def longest_copy(answer):
    """Demands f(sample, sources) -> length of the longest run found in one source."""
    cases = [
        ("春眠不知处", ["春眠不觉晓", "云深不知处"], 3, ""),
        ("春眠", ["春眠不觉晓"], 2, "整段都抄了"),
        ("江山", ["春眠", "不觉晓"], 0, "没有重合应当返回 0"),
        ("ab", ["a", "b"], 1, "不能把两个来源接起来算"),
        ("abcd", ["a-b-c-d"], 1, "要连续，隔着别的符号不算"),
        ("aab", ["aaab"], 3, "重复的符号也要数对"),
        ("abab", ["ab"], 2, "来源只有两个符号，不能超过它"),
        ("", ["abc"], 0, "空序列应当返回 0"),
        ("abc", [], 0, "没有来源应当返回 0"),
        ([("1", 2), ("3", 1)], [[("5", 1), ("1", 2), ("3", 1)]], 2, "列表也要能用"),
    ]
    for sample, sources, right, why in cases:
        got = answer(sample, sources)
        hint = f"longest_copy({sample!r}, {sources!r}) 应当是 {right}，你返回 {got!r}"
        require(got == right, f"{hint}。{why}".rstrip("。"))


def _complete(answer, truth, what):
    """Stop unless `answer` is a dict with the keys of `truth`, none left open."""
    require(isinstance(answer, dict), f"应当是字典，你给的是 {type(answer).__name__}")
    extra = [key for key in answer if key not in truth]
    require(not extra, f"题里没有这一项{what}：{extra[:1]}")
    left = [key for key in truth if answer.get(key) in (None, ...)]
    if left:
        raise Unfinished(f"还差 {'、'.join(left)}")


def _near(got, right, case):
    for symbol, p in right.items():
        require(
            abs(float(got[symbol]) - p) < 1e-6,
            f"{case} 时 {symbol} 的概率应当是 {p:.6f}，你给出 {float(got[symbol]):.6f}",
        )
