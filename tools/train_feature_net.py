"""Train the feature network of the image metrics: a minute on one core.

    python -m tools.train_feature_net

Overwrites the committed weights, so every Fréchet distance measured before becomes
incomparable: run `make bench` afterwards. One thread, one seed and deterministic
kernels: the same machine and versions give the same file.
"""

import time

import torch
from safetensors.torch import save_file
from torch.nn.functional import cross_entropy

from aigc_lib.data import load
from aigc_lib.files import replacing
from aigc_lib.metrics.feature_net import WEIGHTS, FeatureNet

EPOCHS, BATCH, LEARNING_RATE, SEED = 3, 128, 3e-3, 0


def to_model(images: torch.Tensor) -> torch.Tensor:
    return images.float() / 127.5 - 1


def main() -> None:
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    train = load("fashion_mnist", split="train")
    net = FeatureNet().to(memory_format=torch.channels_last)  # nearly twice as fast
    optimizer = torch.optim.AdamW(net.parameters(), LEARNING_RATE)
    steps = len(train) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=EPOCHS * steps
    )
    began = time.perf_counter()
    for epoch in range(EPOCHS):
        total = 0.0
        for rows in torch.randperm(len(train))[: steps * BATCH].split(BATCH):
            loss = cross_entropy(net(to_model(train.x[rows])), train.y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        seconds = time.perf_counter() - began
        print(
            f"epoch {epoch + 1}: loss {total / steps:.3f}, {seconds:.0f} s", flush=True
        )
    accuracy = test_accuracy(net)
    note = (  # one string, for safetensors writes several in any order
        f"Fashion-MNIST, train split, {EPOCHS} epochs, seed {SEED}, "
        f"torch {torch.__version__}, test accuracy {accuracy:.4f}"
    )
    weights = {name: value.contiguous() for name, value in net.state_dict().items()}
    with replacing(WEIGHTS) as temporary:
        save_file(weights, temporary, metadata={"training": note})
    print(f"test accuracy {accuracy:.2%}, {WEIGHTS.stat().st_size:,} bytes: {WEIGHTS}")


@torch.no_grad()
def test_accuracy(net: FeatureNet) -> float:
    test = load("fashion_mnist", split="test")
    net.eval()
    answers = torch.cat([net(to_model(x)).argmax(1) for x in test.x.split(1000)])
    return (answers == test.y).double().mean().item()


if __name__ == "__main__":
    main()
