"""Wake-sleep and reweighted wake-sleep: the posterior climbs another objective than the bound."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from lowerbound.families.family import positive_size
from lowerbound.models.latent_model import LatentModel
from lowerbound.objectives.bounds import ELBO, IWAE
from lowerbound.objectives.gradients import Terms, stop
from lowerbound.objectives.objective import END, DataPoint, Objective, Progress, held

__all__ = ["ReweightedWakeSleep", "WakeSleep"]


class WakeSleep(Objective):
    """Wake-sleep (Hinton et al. 1995), the rival in Kingma & Welling 2014.

    Wake: θ climbs the bound, E_q[∇θ log p(x, z)]. Sleep: φ climbs E_{p(x,z)}[log q(z∣x)] over a dream
    (x̃, z̃) ~ p(x, z), that is, it descends KL(p(z∣x) ‖ q(z∣x)) and not the bound's KL(q ‖ p). No sample is
    differentiated, so that z may be discrete. The value is the bound's.

    **Arguments:** `samples`: samples of z a data point, and dreams.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> key, codes, pixels = jax.random.key(0), lb.Bernoulli(2), lb.Bernoulli(4)
    >>> model = lb.VAE(
    ...     lb.StandardPrior(codes),
    ...     lb.Conditional(lb.MLP(4, codes.size, width=8, key=key), codes),
    ...     lb.Conditional(lb.MLP(2, pixels.size, width=8, key=key), pixels),
    ... )
    >>> value = jax.jit(lambda x, key: lb.WakeSleep()(model, x, key))
    >>> bool(value(jnp.ones(4), key) < 0)
    True
    """

    samples: int = eqx.field(static=True)

    def __init__(self, samples: int = 1):
        self.samples = positive_size("WakeSleep.samples", samples)

    def of_point(
        self, model: LatentModel, point: DataPoint, progress: Progress = END
    ) -> tuple[Float[Array, ""], Terms]:
        of_theta, of_phi = model.apart()
        wake_key, sleep_key = jax.random.split(point.keys.draws)
        draw = held(point.sampler(of_theta), wake_key, self.samples)
        value, terms = ELBO(self.samples, kl="monte_carlo").of_draw(draw, progress)
        surrogate = sleep(of_phi, sleep_key, self.samples, point.given)
        return value + (surrogate - stop(surrogate)), terms


class ReweightedWakeSleep(Objective):
    """Reweighted wake-sleep (Bornschein & Bengio 2015). θ climbs IWAE, Σⱼ w̃ⱼ ∇θ log p(x, zⱼ); φ climbs
    Σⱼ w̃ⱼ log q(zⱼ∣x) (wake), an estimate of E_{p(z∣x)}[log q(z∣x)] that is biased at finite K, or
    log q(z̃∣x̃) over dreams (sleep), or a mixture of both. The value is IWAE's.

    **Arguments:** `samples`: K; `sleep`: the share of the sleep phase in φ's objective, from 0 to 1.

    >>> import lowerbound as lb
    >>> lb.ReweightedWakeSleep(samples=10).samples
    10
    """

    samples: int = eqx.field(static=True)
    sleep: float | Array

    def __init__(self, samples: int = 50, *, sleep: float = 0.0):
        self.samples = positive_size("ReweightedWakeSleep.samples", samples)
        if not 0 <= sleep <= 1:
            raise ValueError(f"ReweightedWakeSleep.sleep: expected a share from 0 to 1, found {sleep}")
        self.sleep = float(sleep)

    def of_point(
        self, model: LatentModel, point: DataPoint, progress: Progress = END
    ) -> tuple[Float[Array, ""], Terms]:
        of_theta, of_phi = model.apart()
        wake_key, sleep_key = jax.random.split(point.keys.draws)
        sampler = point.sampler(of_theta)
        draw = held(sampler, wake_key, self.samples)
        value, terms = IWAE(self.samples).of_draw(draw, progress)
        normalized = jax.nn.softmax(stop(draw.log_weight))
        log_q = jax.vmap(of_phi.q_z(sampler.y, point.given).log_prob)(stop(draw.z))
        wake = (normalized * log_q).sum()
        surrogate = (1 - self.sleep) * wake + self.sleep * sleep(of_phi, sleep_key, 1, point.given)
        return value + (surrogate - stop(surrogate)), terms


def sleep(model: LatentModel, key: PRNGKeyArray, dreams: int, given: Array | None) -> Float[Array, ""]:
    """log q(z̃∣x̃), the mean over dreams (x̃, z̃) ~ p(x, z): a sample of E_p[log q], to be maximised in φ."""

    def of_dream(j: Array) -> Array:
        z_key, y_key = jax.random.split(jax.random.fold_in(key, j))
        z = stop(model.p_z(given).sample(z_key))
        y = stop(jnp.asarray(model.p_x(z, given).sample(y_key), float))
        return model.q_z(y, given).log_prob(z)

    return jax.vmap(of_dream)(jnp.arange(dreams)).mean()
