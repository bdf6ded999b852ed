"""Small and restless encoders, for the tests of what they compute and learn."""

import torch

from aigc_lib.data import Characters
from aigc_lib.models import TextClassifier

SIZES = {"context": 16, "depth": 2, "heads": 2, "width": 16}
TEXT = "床前明月光，疑是地上霜。\n举头望明月，低头思故乡。\n"
QUESTIONS = ["卡丢了", "我的卡丢了怎么办", "密码忘了", "忘了密码"]
OTHERS = ["今天天气", "讲个笑话吧"]


def some_tokens(*shape, below=11):
    generator = torch.Generator().manual_seed(1)
    return torch.randint(below, shape, generator=generator)


def restless(model):
    """Give all weights a push, so that every output differs visibly."""
    torch.manual_seed(0)
    for p in model.net.parameters():
        p.data.add_(0.3 * torch.randn_like(p))
    return model.eval()


def tokenizer():
    return Characters.train([TEXT, *QUESTIONS, *OTHERS])


def classifier(**options):
    return restless(TextClassifier(tokenizer(), ("丢卡", "忘密码"), **SIZES | options))
