"""Train the decoder that chapter 03 lets the reader play with: minutes on one core.

    python -m tools.train_latent_plane

Writes `_static/demos/latent_plane.{onnx,png,json}`: the decoder, the picture that
stands where there is no JavaScript, and torch's values at a few points for the tests.
The files are committed, not made by the chapter's own run: the page must be worth
playing with in the smoke profile too, where a chapter's models are hardly trained.
Data: Fashion-MNIST (MIT licence). One thread, one seed: the same machine and versions
give the same files.
"""

import json
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torchvision.utils import make_grid, save_image

from aigc_lib.data import load
from aigc_lib.export import to_onnx
from aigc_lib.files import replacing
from aigc_lib.models.vae.bounds import kl_to_standard_normal, reparameterize

OUT = Path(__file__).parents[1] / "_static" / "demos" / "latent_plane"
EPOCHS, BATCH, LEARNING_RATE, SEED = 15, 128, 3e-3, 0
LIMIT, COLUMNS = 2.4, 15  # the picture shows z in [-LIMIT, LIMIT]^2
POINTS = [[0.0, 0.0], [1.0, -0.5], [-1.5, 1.2], [2.4, 2.4], [-0.3, -2.0]]


def make_decoder() -> nn.Sequential:
    """Points of the plane (B, 2) -> images (B, 1, 28, 28) in [-1, 1]."""
    return nn.Sequential(
        nn.Linear(2, 64),
        nn.ReLU(),
        nn.Linear(64, 64),
        nn.ReLU(),
        nn.Linear(64, 12 * 7 * 7),
        nn.Unflatten(1, (12, 7, 7)),
        nn.ReLU(),
        nn.ConvTranspose2d(12, 24, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(24, 12, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(12, 1, 3, padding=1),
        nn.Tanh(),
    )


def train() -> nn.Sequential:
    """Minimise the negative ELBO, with pixels as probabilities of ink."""
    images = load("fashion_mnist", split="train").x
    encoder = nn.Sequential(
        nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU()
    ).append(nn.Linear(128, 4))
    decoder = make_decoder()
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimizer = torch.optim.Adam(parameters, LEARNING_RATE)
    steps = len(images) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=EPOCHS * steps
    )
    began = time.perf_counter()
    for epoch in range(EPOCHS):
        total = 0.0
        for rows in torch.randperm(len(images))[: steps * BATCH].split(BATCH):
            x = images[rows].float() / 255
            mean, log_var = encoder(x).chunk(2, 1)
            z = reparameterize(mean, log_var)
            logits = 2 * decoder[:-1](z)  # for tanh(a) = 2 sigmoid(2a) - 1
            fit = binary_cross_entropy_with_logits(logits, x, reduction="sum")
            kl = kl_to_standard_normal(mean, log_var).sum()
            loss = (fit + kl) / len(x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        seconds = time.perf_counter() - began
        print(
            f"epoch {epoch + 1}: {total / steps:.2f} nats, {seconds:.0f} s", flush=True
        )
    return decoder.eval()


@torch.no_grad()
def main() -> None:
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    with torch.enable_grad():
        decoder = train()
    print(to_onnx(decoder, OUT.with_suffix(".onnx"), inputs=(torch.zeros(2, 2),)))

    across = (torch.arange(COLUMNS) + 0.5) / COLUMNS * 2 * LIMIT - LIMIT
    up, right = torch.meshgrid(across.flip(0), across, indexing="ij")
    images = decoder(torch.stack([right, up], 2).flatten(0, 1))
    picture = make_grid((images + 1) / 2, nrow=COLUMNS, padding=0)
    with replacing(OUT.with_suffix(".png")) as temporary:
        save_image(picture[:1], temporary, "png")

    values = decoder(torch.tensor(POINTS)).flatten(1).tolist()
    facts = {
        "data": "Fashion-MNIST, train split",
        "training": f"{EPOCHS} epochs, seed {SEED}, torch {torch.__version__}",
        "limit": LIMIT,
        "points": POINTS,
        "values": [[round(value, 6) for value in image] for image in values],
    }
    with replacing(OUT.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(facts) + "\n", "utf-8")


if __name__ == "__main__":
    main()
