"""Checkers for chapter 01: who made what, a concept map, families, counting models."""

import math

import numpy as np

from .. import data
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
    "VAE -> discriminator": "VAE 最大化证据下界，没有对手",
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


@checker("与转移矩阵连乘一千次一致")
def long_run(answer):
    """Demands f(a, b) -> share of vowels after many steps of the chain."""
    for a, b in ((0.128, 0.663), (0.5, 0.5), (0.9, 0.3), (0.0, 0.2)):
        chain = np.array([[a, 1 - a], [b, 1 - b]])
        right = np.linalg.matrix_power(chain, 1_000)[0, 0]
        found, case = float(answer(a, b)), f"a = {a}、b = {b} 时"
        swapped = abs(found - (1 - right)) < 1e-9 and abs(right - 0.5) > 1e-9
        require(not swapped, f"{case}这是辅音的比例")
        require(
            abs(found - (a + b) / 2) > 1e-9 or abs(found - right) < 1e-9,
            f"{case}不能直接平均：链停在两种状态里的时间不一样长",
        )
        require(
            abs(found - right) < 1e-9, f"{case}应当是 {right:.4f}，你给出 {found:.4f}"
        )


@checker()
def output(answer):
    """`(more, less)`: percent more at 0.6 of the time, percent less at 1.19 of it."""
    pair = isinstance(answer, tuple | list) and len(answer) == 2
    require(pair, "应当是两个数：(多做的, 少做的)")
    more, less = 100 * (1 / 0.6 - 1), 100 * (1 - 1 / 1.19)
    said = f"1 / 0.6 = {1 / 0.6:.2f} 件，1 / 1.19 = {1 / 1.19:.2f} 件"
    require(
        abs(answer[0] - 40) > 0.5,
        "少用四成的时间，不是多做四成：一件用 0.6 的时间，一段时间里能做几件？",
    )
    require(abs(answer[0] - more) < 1, f"第一个数不对：{said}")
    require(answer[1] >= 0, "少做的写成正数")
    require(abs(answer[1] - 19) > 0.5, "每件慢 19%，不是少做 19%")
    require(abs(answer[1] - less) < 1, f"第二个数不对：{said}")
    return said


def _backed_off(lines, alphabet):
    """The book's own answer to `learn_text`: two characters, one, none, uniform."""
    counts = {}
    for line in lines:
        for i, symbol in enumerate(line):
            for k in range(min(i, 2) + 1):
                row = counts.setdefault(line[i - k : i], {})
                row[symbol] = row.get(symbol, 0) + 1
    totals = {context: sum(row.values()) for context, row in counts.items()}

    def p(context, symbol):
        chance = 1 / len(alphabet)
        for k in range(min(len(context), 2) + 1):
            tail = context[len(context) - k :]
            seen = counts.get(tail, {}).get(symbol, 0)
            chance = (seen + chance) / (totals.get(tail, 0) + 1)
        return chance

    return p


@checker()
def learn_text(answer):
    """Demands f(lines, alphabet) -> p(context, symbol), a model of unseen lines.

    Score: nats per character over 60 test lines of product_copy. Floor: 2.4.
    """
    floor = 2.4
    lines = list(data.load("product_copy").texts[:400])
    unseen = list(data.load("product_copy", split="test").texts[:60])
    alphabet = sorted(set("".join(lines + unseen)))
    p = answer(list(lines), list(alphabet))
    require(callable(p), "learn_text 应当返回一个函数 p(context, symbol)")
    for context in ("", unseen[0][:7], lines[0], "〇〇"):
        chances = [float(p(context, symbol)) for symbol in alphabet]
        case = f"上文是 {context!r} 时"
        require(min(chances) > 0, f"{case}有的字概率是 0：没见过不等于不可能")
        total = sum(chances)
        require(abs(total - 1) < 1e-6, f"{case}概率加起来是 {total:.4f}，应当是 1")

    def score(p):
        nats = [
            -math.log(p(line[:i], symbol))
            for line in unseen
            for i, symbol in enumerate(line)
        ]
        return sum(nats) / len(nats)

    mine, ours = score(p), score(_backed_off(lines, alphabet))
    said = f"每个字 {mine:.3f} nat，底线 {floor}，书里的解 {ours:.3f}"
    require(mine <= floor, f"{said}。上文见得多时多信它，见得少时退一步")
    return said


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
