"""The same training step in other libraries, each as its own documentation writes it.

All have one network: MLPs of `depth` hidden layers of `width` units, with biases; one sample of z; Adam at
1e-3, or, with `total_steps`, the optimiser of our `fit` at its defaults in their terms (NAdam, a rate that
warms up and falls as half a cosine, a limit on the gradient's norm). What differs, besides the library:

- PyTorch, by hand: eager, fused Adam, the bound with logits and an analytic KL; in 16 bits by its `autocast`
  around the forward pass.
- NumPyro: `SVI.update` in a compiled loop, as its example `vae.py`; logits in place of its probabilities,
  which is the faster form.
- Pyro: `SVI.step`, as its tutorial on VAEs; the faster of `Trace_ELBO` and `JitTrace_ELBO`.
- pythae: an epoch of its `BaseTrainer`, which reads rows one by one through PyTorch's `DataLoader`; it cannot
  binarise anew at each step, so that its rows are binary from the start, and it spends nothing there. On a
  table its likelihood is a Gaussian of scale 1, with half of the others' outputs.
"""

from __future__ import annotations

import os
from itertools import pairwise
from typing import Any

import numpy as np
from library import Network
from rounds import Program, cores

from lowerbound.training.optimizer import NAdam, schedule

__all__ = ["by_numpyro", "by_pyro", "by_pythae", "by_torch", "networks", "pythae_model", "torch_here", "wait"]


# Of our `fit` at its defaults.
RATE, WARM_UP, CLIP_NORM = NAdam().learning_rate, NAdam().warm_up, NAdam().clip_norm


def _rates(total_steps: int) -> np.ndarray:
    """The learning rates of our `fit` at its defaults, a step each, and the 0 after the last."""
    return RATE * np.asarray(schedule(np.arange(total_steps + 1), WARM_UP * total_steps, total_steps))


def torch_here() -> tuple[Any, str]:
    """PyTorch, and the device on which it makes what it makes: a GPU where there is one, as JAX has it."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_default_device(device)
    torch.set_num_threads(cores())
    torch.manual_seed(0)
    return torch, device


def wait(device: str) -> None:
    """For what was begun on a GPU, as `jax.block_until_ready` does."""
    import torch

    if device == "cuda":
        torch.cuda.synchronize()


def _layers(torch: Any, sizes: list[int], activation: str) -> list[Any]:
    layers: list[Any] = []
    for a, b in pairwise(sizes):
        layers += [torch.nn.Linear(a, b), {"tanh": torch.nn.Tanh, "swish": torch.nn.SiLU}[activation]()]
    return layers[:-1]


def networks(network: Network) -> tuple[Any, Any]:
    """PyTorch's encoder and decoder of this network."""
    torch, _ = torch_here()
    hidden = [network.width] * network.depth
    encoder = _layers(torch, [network.columns, *hidden, 2 * network.latent], network.activation)
    decoder = _layers(torch, [network.latent, *hidden, network.outputs], network.activation)
    return torch.nn.Sequential(*encoder), torch.nn.Sequential(*decoder)


def _batches(torch: Any, n: int, batch: int) -> Any:
    """Row numbers of batches, epoch after epoch, each in an order of its own, on the device."""
    while True:
        order = torch.randperm(n)
        for i in range(0, n - batch + 1, batch):
            yield order[i : i + batch]


def by_torch(
    x: np.ndarray,
    network: Network,
    batch: int,
    samples: int = 1,
    autocast: bool = False,
    total_steps: int | None = None,
) -> Program:
    """Written by hand for a batch; with `samples` above 1 the IWAE bound."""
    torch, device = torch_here()
    encoder, decoder = networks(network)
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-3, fused=True)
    update = optimizer.step
    if total_steps is not None:
        optimizer = torch.optim.NAdam(parameters, lr=1.0)
        rate = torch.optim.lr_scheduler.LambdaLR(optimizer, _rates(total_steps).__getitem__)

        def update() -> None:
            torch.nn.utils.clip_grad_norm_(parameters, CLIP_NORM)
            optimizer.step()
            rate.step()

    rows, batches = torch.from_numpy(x).to(device), _batches(torch, len(x), batch)
    cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits

    def log_likelihood(z: Any, y: Any) -> Any:
        out = decoder(z)
        if network.bits:
            return -cross_entropy(out, y.expand(out.shape), reduction="none").sum(-1)
        mean, log_scale = out.chunk(2, -1)
        return (-0.5 * ((y - mean) * torch.exp(-log_scale)) ** 2 - log_scale - 0.9189385).sum(-1)

    def loss_of(y: Any) -> Any:
        mean, log_variance = encoder(y).chunk(2, 1)
        if samples == 1:
            z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
            kl = 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum(1)
            return (kl - log_likelihood(z, y)).mean()
        noise = torch.randn(samples, *mean.shape)
        z = mean + torch.exp(0.5 * log_variance) * noise
        log_w = log_likelihood(z, y) + 0.5 * (noise**2 - z**2 + log_variance).sum(-1)
        return -torch.logsumexp(log_w, 0).mean()

    def steps(number: int) -> None:
        for _ in range(number):
            y = rows[next(batches)]
            if network.bits:
                y = (torch.rand(y.shape) * 255 < y).float()
            with torch.autocast(device, torch.bfloat16, enabled=autocast):
                loss = loss_of(y)
            optimizer.zero_grad()
            loss.backward()
            update()
        wait(device)

    steps.weights = lambda: (_arrays(encoder), _arrays(decoder))
    return steps


def _arrays(part: Any) -> list[np.ndarray]:
    """Weights and biases, layer by layer."""
    return [parameter.detach().cpu().numpy().T.copy() for parameter in part.parameters()]


def by_numpyro(x: np.ndarray, network: Network, batch: int, total_steps: int | None = None) -> Program:
    import jax
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist
    import optax
    from jax.example_libraries import stax

    d, k = network.columns, network.latent
    activation = {"tanh": stax.Tanh, "swish": stax.elementwise(jax.nn.swish)}[network.activation]
    hidden = [layer for _ in range(network.depth) for layer in (stax.Dense(network.width), activation)]
    scale = stax.serial(stax.Dense(k), stax.Exp)
    encoder = stax.serial(*hidden, stax.FanOut(2), stax.parallel(stax.Dense(k), scale))
    decoder = stax.serial(*hidden, stax.Dense(network.outputs))
    rows = jnp.asarray(x)
    numbers = jnp.asarray(np.random.default_rng(0).permutation(len(x)))

    def model(y: jax.Array) -> None:
        decode = numpyro.module("decoder", decoder, (batch, k))
        with numpyro.plate("batch", batch):
            z = numpyro.sample("z", dist.Normal(0, 1).expand([k]).to_event(1))
            out = decode(z)
            if network.bits:
                p_x = dist.BernoulliLogits(out)
            else:
                mean, log_scale = jnp.split(out, 2, -1)
                p_x = dist.Normal(mean, jnp.exp(log_scale))
            numpyro.sample("x", p_x.to_event(1), obs=y)

    def guide(y: jax.Array) -> None:
        encode = numpyro.module("encoder", encoder, (batch, d))
        mean, std = encode(y)
        with numpyro.plate("batch", batch):
            numpyro.sample("z", dist.Normal(mean, std).to_event(1))

    optimizer = numpyro.optim.Adam(1e-3)
    if total_steps is not None:
        rates = jnp.asarray(_rates(total_steps))
        optimizer = numpyro.optim.optax_to_numpyro(
            optax.chain(
                optax.clip_by_global_norm(batch * CLIP_NORM),  # its bound is a sum over the batch
                optax.scale_by_adam(nesterov=True),
                optax.scale_by_schedule(lambda step: -rates[step]),
            )
        )
    svi = numpyro.infer.SVI(model, guide, optimizer, numpyro.infer.Trace_ELBO())

    def seen(i: jax.Array, key: jax.Array) -> jax.Array:
        # An epoch's order is one permutation, rows are taken in it as the example's data loader does.
        index = jax.lax.dynamic_slice_in_dim(numbers, (i * batch) % (len(x) - batch + 1), batch)
        y = rows[index]
        return jax.random.bernoulli(key, y / 255).astype(float) if network.bits else y

    @jax.jit
    def run(state: Any, key: jax.Array, number: jax.Array) -> Any:
        def step(i: jax.Array, carry: Any) -> Any:
            state, total = carry
            state, loss = svi.update(state, seen(i, jax.random.fold_in(key, i)))
            return state, total + loss

        return jax.lax.fori_loop(0, number, step, (state, 0.0))

    key = jax.random.key(0)
    state = svi.init(key, seen(jnp.asarray(0), key))

    def steps(number: int) -> None:
        nonlocal state
        state, _ = jax.block_until_ready(run(state, key, jnp.asarray(number)))

    def weights() -> tuple[list[np.ndarray], list[np.ndarray]]:
        found = svi.get_params(state)
        hidden_layers = found["encoder$params"][: 2 * network.depth : 2]
        (W, b), ((W_scale, b_scale), _) = found["encoder$params"][-1]
        # Its network puts out log σ, and that of the others log σ².
        head = (np.concatenate([W, 2 * W_scale], 1), np.concatenate([b, 2 * b_scale]))
        of_encoder = [*hidden_layers, head]
        of_decoder = found["decoder$params"][::2]
        return tuple([np.asarray(a) for layer in of for a in layer] for of in (of_encoder, of_decoder))

    steps.weights = weights
    return steps


def by_pyro(x: np.ndarray, network: Network, batch: int, jit: bool) -> Program:
    torch, device = torch_here()
    import pyro
    import pyro.distributions as dist

    k, (rows, batches) = network.latent, (torch.from_numpy(x).to(device), _batches(torch, len(x), batch))
    name = f"{network}, {batch}, {jit}"  # pyro keeps all parameters in one table, by name

    class VAE(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.decoder = networks(network)

        def model(self, y: Any) -> None:
            pyro.module(f"decoder {name}", self.decoder)
            with pyro.plate("data", y.shape[0]):
                z = pyro.sample(
                    "latent", dist.Normal(y.new_zeros(k), y.new_ones(k)).expand([len(y), k]).to_event(1)
                )
                out = self.decoder(z)
                if network.bits:
                    p_x = dist.Bernoulli(logits=out, validate_args=False)
                else:
                    mean, log_scale = out.chunk(2, 1)
                    p_x = dist.Normal(mean, log_scale.exp())
                pyro.sample("obs", p_x.to_event(1), obs=y)

        def guide(self, y: Any) -> None:
            pyro.module(f"encoder {name}", self.encoder)
            with pyro.plate("data", y.shape[0]):
                mean, log_variance = self.encoder(y).chunk(2, 1)
                pyro.sample("latent", dist.Normal(mean, (0.5 * log_variance).exp()).to_event(1))

    vae = VAE()
    loss = pyro.infer.JitTrace_ELBO() if jit else pyro.infer.Trace_ELBO()
    svi = pyro.infer.SVI(vae.model, vae.guide, pyro.optim.Adam({"lr": 1e-3}), loss=loss)

    def steps(number: int) -> None:
        for _ in range(number):
            y = rows[next(batches)]
            svi.step((torch.rand(y.shape) * 255 < y).float() if network.bits else y)
        wait(device)

    steps.weights = lambda: (_arrays(vae.encoder), _arrays(vae.decoder))
    return steps


def pythae_model(network: Network) -> Any:
    """pythae's VAE of this network."""
    torch, _ = torch_here()
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder

    d, k, hidden = network.columns, network.latent, [network.width] * network.depth
    last = [torch.nn.Sigmoid()] if network.bits else []

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            *layers, _ = _layers(torch, [d, *hidden, 1], network.activation)
            self.hidden = torch.nn.Sequential(*layers)
            self.mean, self.log_variance = (torch.nn.Linear(hidden[-1], k) for _ in range(2))

        def forward(self, y: Any) -> ModelOutput:
            h = self.hidden(y)
            return ModelOutput(embedding=self.mean(h), log_covariance=self.log_variance(h))

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            layers = _layers(torch, [k, *hidden, d], network.activation)
            self.network = torch.nn.Sequential(*layers, *last)

        def forward(self, z: Any) -> ModelOutput:
            return ModelOutput(reconstruction=self.network(z))

    loss = "bce" if network.bits else "mse"
    config = VAEConfig(input_dim=(d,), latent_dim=k, reconstruction_loss=loss)
    return VAE(config, encoder=Encoder(), decoder=Decoder())


def by_pythae(x: np.ndarray, network: Network, batch: int, number: int) -> Program:
    """Epochs of `number` steps, and no other number."""
    torch, _ = torch_here()
    import logging
    import tempfile

    from pythae.data.datasets import BaseDataset
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    logging.disable(logging.INFO)
    os.environ["TQDM_DISABLE"] = "1"
    rng = np.random.default_rng(0)
    rows = x[np.arange(number * batch) % len(x)]
    if network.bits:
        rows = (rng.random(rows.shape) * 255 < rows).astype(np.float32)
    data = torch.from_numpy(rows)
    trainer = BaseTrainer(
        model=pythae_model(network),
        train_dataset=BaseDataset(data, torch.ones(len(data))),
        training_config=BaseTrainerConfig(
            output_dir=tempfile.mkdtemp(),
            per_device_train_batch_size=batch,
            learning_rate=1e-3,
            optimizer_cls="Adam",
            no_cuda=not torch.cuda.is_available(),
        ),
    )
    trainer.prepare_training()

    def steps(asked: int) -> None:
        epochs, odd = divmod(asked, number)
        if odd:
            raise ValueError(f"expected a multiple of {number} steps, found {asked}")
        for _ in range(epochs):
            trainer.train_step(epoch=1)

    def weights() -> tuple[list[np.ndarray], list[np.ndarray]]:
        encoder = trainer.model.encoder
        heads = zip(_arrays(encoder.mean), _arrays(encoder.log_variance), strict=True)
        head = [np.concatenate(pair, axis=-1) for pair in heads]
        return [*_arrays(encoder.hidden), *head], _arrays(trainer.model.decoder.network)

    steps.weights = weights
    return steps
