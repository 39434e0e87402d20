"""Classical densities to hold a variational auto-encoder against: same rows, same measure, nats.

Every baseline is a frozen dataclass with `log_prob(x) -> (n,)` and a `note`, one plain line:

- Gaussians for any data: factor analysis and mixtures by EM, scikit-learn's own. Whole numbers are trained
  on x + u, u ~ U[0, 1)ᴰ, and scored as E_u[log p(x + u)] (`Dequantized`);
- products of a discrete family over the columns, and mixtures of K such products by EM;
- of any other family its independent columns, and mixtures of it by EM.

Sizes are chosen by the log-likelihood of a fifth of the *training* rows, then refitted on all.
"""

from lowerbound.baselines.density import Density
from lowerbound.baselines.fit import are_comparable, by_cells, fit_baselines
from lowerbound.baselines.store import load_baselines, save_baselines

__all__ = [
    "Density",
    "are_comparable",
    "by_cells",
    "fit_baselines",
    "load_baselines",
    "save_baselines",
]
