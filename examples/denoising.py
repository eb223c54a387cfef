"""An autoencoder learns to undo noise: a digit, the same with noise, and what the network makes of it."""

import torch

from fewlabels.data import fit_scaling, load
from fewlabels.networks import Dense
from fewlabels.objectives import Denoising, GaussianNoise
from fewlabels.training import Examples, Job, Recipe, train

digits = load("digits")
x = Examples(digits.x, fit_scaling(digits.x))

job = Job(
    network=Dense(hidden=(128,), latent_dim=32),
    objective=Denoising(GaussianNoise(std=0.3)),
    recipe=Recipe(steps=400, lr=1e-2, schedule="one-cycle"),
)
net, history = train(job, x)
print(f"loss {history.loss[0]:.3f} at the first step, {history.loss[-1]:.3f} at the last")

clean = x.batch(slice(0, 200))  # [200, 1, 8, 8], 0 to 1
noisy = clean + 0.3 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
with torch.no_grad():
    undone = net.decode(net.encode(noisy))


def draw(image):
    return [" .:-=+*#%@"[int(9 * min(1, max(0, number)))] * 2 for number in image.flatten().tolist()]


for row in range(8):
    print("   ".join("".join(draw(images[0, 0, row])) for images in (clean, noisy, undone)))

before, after = ((images - clean).square().mean().item() for images in (noisy, undone))
print(f"mean squared error {before:.3f} with noise, {after:.3f} after the network")
