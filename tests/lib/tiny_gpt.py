"""A GPT that is small and restless, for the tests of what it computes and writes."""

import torch

from aigc_lib.models import GPT

SIZES = {"context": 16, "depth": 2, "heads": 2, "width": 16}
TEXT = "床前明月光，疑是地上霜。\n举头望明月，低头思故乡。\n" * 4


def tiny(*arguments, **options):
    """A GPT whose logits differ visibly from token to token."""
    torch.manual_seed(0)
    model = GPT(*arguments, **{"vocab_size": 11} | SIZES | options)
    for p in model.net.parameters():
        p.data.add_(0.3 * torch.randn_like(p))
    return model.eval()


def some_tokens(*shape, below=11):
    generator = torch.Generator().manual_seed(1)
    return torch.randint(below, shape, generator=generator)
