"""Probabilistic PCA (Tipping & Bishop 1999), of the library's own parts: everything has a closed form.

p(z) = N(0, I), p(x∣z) = N(Wz + b, σ²I), so that p(x) = N(b, WWᵀ + σ²I) and, with M = WᵀW + σ²I,
p(z∣x) = N(M⁻¹Wᵀ(x − b), σ²M⁻¹).
"""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

import lowerbound as lb


@dataclass(frozen=True)
class LinearGaussian:
    W: np.ndarray  # (d, k)
    b: np.ndarray  # (d,)
    sigma: float

    @property
    def marginal(self):
        """p(x), SciPy's."""
        d = len(self.b)
        return stats.multivariate_normal(self.b, self.W @ self.W.T + self.sigma**2 * np.eye(d))

    @property
    def posterior_gain(self):
        """M⁻¹Wᵀ: E[z∣x] = M⁻¹Wᵀ(x − b)."""
        return self.posterior_covariance @ self.W.T / self.sigma**2

    @property
    def posterior_covariance(self):
        k = self.W.shape[1]
        return self.sigma**2 * np.linalg.inv(self.W.T @ self.W + self.sigma**2 * np.eye(k))

    def model(self, *, shift=0.0, widen=1.0):
        """The VAE whose posterior is the exact one, its mean moved by `shift` in each dimension and its
        standard deviations multiplied by `widen`."""
        d, k = self.W.shape
        latent = lb.FullGaussian(k)
        gain, L = self.posterior_gain, widen * np.linalg.cholesky(self.posterior_covariance)
        weight = np.zeros((d, latent.size))
        weight[:, :k] = gain.T
        bias = latent.vector(shift - gain @ self.b, L)
        return lb.VAE(
            lb.StandardNormal(k),
            lb.Conditional(affine(weight, bias), latent),
            lb.Conditional(affine(self.W.T, self.b), lb.DiagonalGaussian(d, scale=lb.FixedScale(self.sigma))),
        )

    def gap(self, *, shift=0.0, widen=1.0):
        """KL(q(z∣x) ‖ p(z∣x)) of that posterior: ½ [k s² + δᵀΣ⁻¹δ − k − k log s²], the same for every x."""
        k = self.W.shape[1]
        delta = np.full(k, shift)
        mahalanobis = delta @ np.linalg.solve(self.posterior_covariance, delta)
        return 0.5 * (k * widen**2 + mahalanobis - k - k * np.log(widen**2))

    def rho(self, widen):
        """E_q[w²]/E_q[w]² of a posterior `widen` times too wide: s²/√(2s² − 1) a dimension."""
        return (widen**2 / np.sqrt(2 * widen**2 - 1)) ** self.W.shape[1]


def affine(weight, bias):
    """x ↦ x @ weight + bias, as a perceptron without hidden layers."""
    network = lb.MLP(*weight.shape, depth=0, key=jax.random.key(0))
    values = jnp.asarray(weight, jnp.float32), jnp.asarray(bias, jnp.float32)
    return eqx.tree_at(lambda net: (net.weights[0], net.biases[0]), network, values)


def exact_elbo(model, x):
    """E_q[log p(x∣z)] − KL(q ‖ p) of any linear-Gaussian model, without a sample: with q = N(m, S),

    −½ [d log 2πσ² + (‖x − b − Wm‖² + tr WSWᵀ)/σ²] − ½ [tr S + mᵀm − k − log det S].
    """
    q = model.q_z(x)
    m, L = q.loc, q.scale_tril
    (W_transposed,), (b,) = model.likelihood.network.weights, model.likelihood.network.biases
    variance = model.likelihood.family.scale.scale.value**2
    squares = jnp.sum((x - b - m @ W_transposed) ** 2) + jnp.sum((L.T @ W_transposed) ** 2)
    log_likelihood = -0.5 * (x.size * jnp.log(2 * jnp.pi * variance) + squares / variance)
    kl = 0.5 * (jnp.sum(L**2) + m @ m - m.size) - jnp.sum(jnp.log(jnp.diag(L)))
    return log_likelihood - kl
