"""Parts of an opinion monitor that has learned nothing."""

import torch

from aigc_lib.apps.opinion_monitor.reader import SETTINGS, Reading
from aigc_lib.data import Characters
from aigc_lib.models import TextClassifier


class Rule:
    """Reads without a network: bad is what holds 跌, good what holds 涨."""

    topics = ("行情", "其他")

    def read(self, texts):
        return [
            Reading(
                "行情" if "股价" in text else "其他",
                "负面" if "跌" in text else "正面" if "涨" in text else "中性",
                0.9,
            )
            for text in texts
        ]


def topic_in(folder):
    """Write the classifier that the monitor in ``folder`` finds."""
    torch.manual_seed(0)
    characters = Characters.train(["股价股价涨"], min_count=2)  # others are unknown
    net = TextClassifier(characters, Rule.topics, **SETTINGS)
    net.save(folder / "topic.safetensors")
