"""Checkers for chapter 11, architecture."""

from dataclasses import dataclass, replace
from statistics import NormalDist
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from ..data import load
from ..metrics.distances import frechet_distance
from ..pipeline import CONTRACTS, configured
from ._result import Unfinished, checker, require

WHERE = ("读配置", "训练之前", "关卡", "发现不了")
GOOD, BAD, SHARE, MISS, REJECT, SAMPLE = 0.80, 0.70, 0.2, 20.0, 2.0, 0.001


@checker("四处都说对了，和真的跑出来的一样")
def caught(answer):
    """`{"A": where, ...}`: at which stage each of four faults is found.

    Each fault is put into a pipeline that runs, with a model that learns by heart.
    """
    require(
        isinstance(answer, dict) and set(answer) == set("ABCD"),
        '应当是一个字典，键是 "A"、"B"、"C"、"D"',
    )
    for letter, said in answer.items():
        if said is None or said is ...:
            raise Unfinished(f"{letter} 还空着")
        require(said in WHERE, f"{letter}：从这四个里选一个：{'、'.join(WHERE)}")
    hints = {
        "A": "值的类型错，不用看数据就知道",
        "B": "键和类型都对，要去找这份数据才知道没有",
        "C": "形状全对，没有一个模块会报错；留出的数据没有被弄坏",
        "D": "学的和评的错得一样，还有什么与它们对照？",
    }
    for letter, said in answer.items():
        require(
            said == _found(letter), f"{letter} 不是“{said}”。想一想：{hints[letter]}"
        )


def _found(letter):
    """Run the fault and return where it was found."""

    @dataclass
    class Scaled:
        of_train: float
        of_held_out: float

        def load(self, feedback):
            ring = load("ring8")
            return (
                replace(ring, x=factor * ring.x[:500], y=ring.y[:500])
                for factor in (self.of_train, self.of_held_out)
            )

    class ByHeart:
        def build(self, train, seed):
            return torch.zeros(500, 2), train.x

        def fit(self, model, samples, seed, folder):
            return samples, None

        def evaluate(self, trained, held_out, seed):
            return {"fd": frechet_distance(held_out.x, trained)}

        feedback = None

        def deploy(self, trained, seed, folder):
            return "here"

    config = {
        "data": {"name": "ring88" if letter == "B" else "ring8"},
        "model": {"name": "mlp_gan"},
        "optimisation": {"steps": "many" if letter == "A" else 10},
        "evaluation": {"gate": ["fd <= 0.3"]},
        "application": {"to": "never.safetensors"},
    }
    try:
        pipeline = configured(config)
    except ValueError:
        return "读配置"
    pipeline.model = pipeline.optimisation = ByHeart()
    pipeline.evaluation = pipeline.application = ByHeart()
    if letter in "CD":
        pipeline.data = Scaled(0.5, 0.5 if letter == "D" else 1.0)
    with TemporaryDirectory() as folder:
        try:
            return "发现不了" if pipeline.run(folder).passed else "关卡"
        except ValueError:
            return "训练之前"


@checker("与逐次枚举一致：试得越多，混进来的坏模型越多")
def retried(answer):
    """`answer(p_good, p_bad, share, tries)`: share of bad ones among the deployed."""
    for p_good, p_bad, share, tries in (
        (0.93, 0.04, 0.2, 1),
        (0.93, 0.04, 0.2, 10),
        (0.5, 0.1, 0.5, 3),
        (1.0, 1.0, 0.3, 2),
    ):
        passed = {}
        for kind, p, weight in (("bad", p_bad, share), ("good", p_good, 1 - share)):
            left, through = weight, 0.0
            for _ in range(tries):
                through, left = through + left * p, left * (1 - p)
            passed[kind] = through
        right = passed["bad"] / sum(passed.values())
        found = float(answer(p_good, p_bad, share, tries))
        case = f"一次过的机会 {p_good:g} 与 {p_bad:g}、坏的占 {share:g}、{tries} 次时"
        require(
            abs(found - passed["bad"]) > 1e-9 or abs(right - passed["bad"]) < 1e-9,
            f"{case}你给出的是全部候选里的，还要除以上线的总数",
        )
        once = share * p_bad / (share * p_bad + (1 - share) * p_good)
        require(
            abs(found - once) > 1e-9 or abs(right - once) < 1e-9,
            f"{case}这是只试一次的答案",
        )
        require(
            abs(found - right) < 1e-9, f"{case}应当是 {right:.4f}，你给出 {found:.4f}"
        )


@checker("和计数器数到的一样")
def generation_flops(answer):
    """`answer(tokens, width, depth, cache)`: FLOPs of writing so many tokens.

    Counted by FlopCounterMode on the matrix products of a Transformer's blocks.
    """
    for tokens, width, depth in ((1, 8, 1), (5, 8, 2), (12, 16, 3)):
        for cache in (True, False):
            counter = FlopCounterMode(display=False)
            with counter:
                for length in range(1, tokens + 1):
                    rows = 1 if cache else length
                    for _ in range(depth):
                        torch.zeros(rows, width) @ torch.zeros(width, 12 * width)
                        scores = torch.zeros(rows, width) @ torch.zeros(width, length)
                        scores @ torch.zeros(length, width)
            right = counter.get_total_flops()
            found = float(answer(tokens, width, depth, cache))
            how = "有缓存" if cache else "没有缓存"
            case = f"{tokens} 个词元、宽 {width}、{depth} 层、{how}时"
            require(found != right / 2, f"{case}少了一半：乘和加各算一次")
            linear = 24 * width**2 * depth
            linear *= tokens if cache else tokens * (tokens + 1) // 2
            require(found != linear, f"{case}少了注意力里的两次矩阵乘")
            require(found == right, f"{case}应当是 {right:,}，你给出 {found:,.0f}")


@checker("与逐点试出来的最低处一致")
def best_threshold(answer):
    """`answer(good, bad, spread, share, miss, reject)`: the cheapest threshold.

    Compared with the minimum of the expected cost on a fine grid.
    """
    normal = NormalDist().cdf
    for case in (
        (0.80, 0.70, 0.03, 0.2, 20, 2),
        (0.80, 0.70, 0.03, 0.01, 20, 2),
        (0.80, 0.70, 0.06, 0.2, 20, 2),
        (0.9, 0.8, 0.02, 0.5, 1, 1),
    ):
        good, bad, spread, share, miss, reject = case

        def cost(t, good=good, bad=bad, spread=spread, share=share, m=miss, r=reject):
            missed = 1 - normal((t - bad) / spread)
            return m * share * missed + r * (1 - share) * normal((t - good) / spread)

        grid = np.linspace(bad - 0.1, good + 0.1, 6_001)
        right = grid[np.argmin([cost(t) for t in grid])]
        found = float(answer(*case))
        said = f"good={good}、bad={bad}、spread={spread}、share={share} 时"
        middle = (good + bad) / 2
        require(
            abs(found - middle) > 1e-4 or abs(right - middle) < 1e-4,
            f"{said}不在正中：贵的那种错要躲远一点",
        )
        require(
            abs(found - (2 * middle - right)) > 1e-4 or abs(right - middle) < 1e-4,
            f"{said}方向反了：漏一个越贵，门槛越高",
        )
        require(
            abs(found - right) < 1e-4, f"{said}应当是 {right:.4f}，你给出 {found:.4f}"
        )


@checker("好的放行，坏的、缺的、不是数的都拦下")
def leaky_gate(answer, lines=None):
    """`answer(figures, most)`: the repaired gate; the faults are in lines 3 and 4."""

    def passes(figures, most):
        try:
            found = answer(dict(figures), dict(most))
        except (KeyError, ValueError):
            return False
        require(isinstance(found, bool), "应当返回 True 或 False")
        return found

    require(lines is not None, "还要说出是哪两行：leaky_gate(gate, lines=(…, …))")
    most = {"fd": 40.0, "loss": 1.0}
    require(passes({"fd": 12.0, "loss": 0.2}, most), "好模型也被拦下了")
    require(passes({"fd": 40.0, "loss": 1.0}, most), "正好在界上的应当放行")
    require(not passes({"fd": 50.0, "loss": 0.2}, most), "fd 超了，还是放行了")
    require(not passes({"fd": 12.0, "loss": 2.0}, most), "只看了第一条规则")
    require(
        not passes({"fd": float("nan"), "loss": 0.2}, most),
        "fd 是 NaN，还是放行了：NaN 与任何数比都是 False",
    )
    require(not passes({"loss": 0.2}, most), "没有量 fd，还是放行了：缺的数不能当成 0")
    require(
        not passes({"fd": 12.0, "loss": 0.2}, {}), "一条规则也没有的关卡，什么都放行"
    )
    require(set(lines) == {3, 4}, f"行号不对：{tuple(lines)}。一行管缺的，一行管 NaN")


@checker("守约，数得对，同一个种子数两遍一样")
def modes_module(answer):
    """`answer`: a class or object whose `evaluate` counts the modes that are hit."""
    module = answer() if isinstance(answer, type) else answer
    CONTRACTS["evaluation"].check("evaluation", module)
    ring = load("ring8", split="test")

    class Known:
        """Draws from some modes, with a share far away."""

        def __init__(self, shares, away):
            self.shares, self.away = torch.tensor(shares), away

        def sample(self, n, *, seed=None):
            require(seed is not None, "抽样时把 seed 传给 sample，结果才能复现")
            source = torch.Generator().manual_seed(seed)
            picked = torch.multinomial(self.shares, n, True, generator=source)
            x = ring.modes[picked] + 0.001 * torch.randn(n, 2, generator=source)
            x[: int(self.away * n)] = 9.0
            return x

    rare = [1.0] * 7 + [0.02]  # one sample in 350 is of the last mode
    for shares, away, modes, share in (
        ([1.0] * 8, 0.0, 8, 1.0),
        ([1.0] * 3 + [0.0] * 5, 0.5, 3, 0.5),
        (rare, 0.0, 7, 1.0),
    ):
        found = module.evaluate(Known(shares, away), ring, 3)
        again = module.evaluate(Known(shares, away), ring, 3)
        if found is None or found is ...:
            raise Unfinished("`evaluate` 没有返回值")
        wanted = isinstance(found, dict) and {"modes", "share"} <= set(found)
        require(wanted, '应当返回字典，键有 "modes" 和 "share"')
        require(found == again, "同一个种子，两次的数不一样")
        require(
            abs(found["share"] - share) < 0.01,
            f"落在 3 个标准差之内的应当占 {share:.2f}，你给出 {found['share']:.2f}",
        )
        require(
            found["modes"] == modes,
            f"应当数到 {modes} 个模式，你给出 {found['modes']}；"
            "一个模式至少要有 1% 的样本才算",
        )


@checker()
def doubled(answer):
    """`{"批量": (weights, activations), "宽度": (...)}`: factors, to whole numbers.

    Measured on a deep perceptron: what is stored, what is kept for the backward pass.
    """
    require(
        isinstance(answer, dict) and set(answer) == {"批量", "宽度"},
        '应当是一个字典，两个键是 "批量" 和 "宽度"',
    )

    def memory(batch, width):
        layers = [nn.Linear(width, width), nn.Tanh()] * 3
        network, kept = nn.Sequential(*layers), {}
        own = {p.data_ptr() for p in network.parameters()}

        def note(tensor):
            kept[tensor.data_ptr()] = tensor.nbytes
            return tensor

        with saved_tensors_hooks(note, lambda tensor: tensor):
            network(torch.zeros(batch, width)).sum()
        held = sum(size for place, size in kept.items() if place not in own)
        return sum(p.nbytes for p in network.parameters()), held

    before, said = memory(64, 256), []
    for name, after in (("批量", memory(128, 256)), ("宽度", memory(64, 512))):
        right = tuple(round(b / a) for a, b in zip(before, after, strict=True))
        pair = answer[name]
        require(
            isinstance(pair, tuple | list) and len(pair) == 2,
            f"{name}：写成 (权重, 激活) 两个倍数",
        )
        for mine, true, what in zip(pair, right, ("权重", "激活"), strict=True):
            require(mine is not None and mine is not ..., f"{name}的{what}还空着")
            require(
                mine == true,
                f"{name}加倍时，{what}不是 {mine} 倍。量一量权重的形状，"
                "再看哪些中间结果要留着",
            )
        said.append(f"{name}加倍：权重 {right[0]} 倍，激活 {right[1]} 倍")
    return "；".join(said)


@checker()
def open_gate(answer):
    """`answer(hits, tried)`: "deploy", "reject" or "more", asked every 25 samples.

    Score: mean cost of 10,000 candidates of the chapter's world; at most 400 samples
    each. Floor: 0.34; no fixed number of samples gets below 0.39.
    """
    floor, batch, most, count = 0.34, 25, 400, 10_000
    known = {}

    def decided(hits, tried):
        if (hits, tried) not in known:
            said = answer(hits, tried)
            require(
                said in ("deploy", "reject", "more"),
                f"hits={hits}、tried={tried} 时返回了 {said!r}；"
                '只能是 "deploy"、"reject"、"more"',
            )
            known[hits, tried] = said
        return known[hits, tried]

    mine, misses, refusals, samples = _played(decided, batch, most, count)
    ours, *_ = _played(_by_evidence, batch, most, count)
    said = (
        f"每个候选 {mine:.3f}，底线 {floor}，书里的解 {ours:.3f}；"
        f"漏 {misses:.1%}，误 {refusals:.1%}，平均抽 {samples:.0f} 个"
    )
    require(mine <= floor, f"{said}。一眼看得清的候选，不必抽满")
    return said


def _by_evidence(hits, tried):
    """Stop as soon as the evidence is clear either way: Wald's sequential test."""
    odds = np.log(SHARE / (1 - SHARE)) + (
        hits * np.log(BAD / GOOD) + (tried - hits) * np.log((1 - BAD) / (1 - GOOD))
    )
    if odds < np.log(REJECT / MISS) - 2.4:
        return "deploy"
    return "reject" if odds > np.log(REJECT / MISS) + 3.2 else "more"


def _played(decide, batch, most, count):
    """Return mean cost, shares of bad missed and of good refused, samples drawn."""
    rng = np.random.default_rng(0)
    bad = rng.random(count) < SHARE
    rates = np.where(bad, BAD, GOOD)[:, None]
    hits = rng.binomial(batch, rates, (count, most // batch)).cumsum(1)
    deployed, drawn = np.zeros(count, bool), np.full(count, most)
    waiting = np.arange(count)
    for k in range(most // batch):
        tried = batch * (k + 1)
        choice = np.array([decide(int(h), tried) for h in hits[waiting, k]], "U8")
        if tried == most:  # no more to be had: it stays out
            choice[choice == "more"] = "reject"
        deployed[waiting[choice == "deploy"]] = True
        drawn[waiting[choice != "more"]] = tried
        waiting = waiting[choice == "more"]
    cost = MISS * (bad & deployed) + REJECT * (~bad & ~deployed) + SAMPLE * drawn
    return cost.mean(), deployed[bad].mean(), (~deployed[~bad]).mean(), drawn.mean()
