"""The one table of the parts: what each is called, where its class is, and where its name may stand.

The public index, the names in files, the names of options and the help of the command line are all made from
[`TABLE`][lowerbound.parts.TABLE]. A part is called by its class's name in kebab-case; snake_case is read as
well.
"""

from __future__ import annotations

import difflib
import re
from importlib import import_module
from typing import Any, Literal, NamedTuple, get_args

__all__ = [
    *("BITS", "BLOCKS", "COUNTS", "LEVELED", "POSITIVE", "REAL", "UNIT", "TABLE"),
    *("MISSED", "Mechanism", "Missed"),
    *("Row", "Place", "default", "grouped", "kebab", "names", "nearest", "part", "row_of"),
    "suggested",
]

# Where a name may stand: in the file of a model; as an option; as what stands for columns of one kind where
# the likelihood is `auto`; and as the family whose columns a classical density is made of.
Place = Literal[
    "file",
    "posterior",
    "likelihood",
    "prior",
    "network",
    "objective",
    "gradient",
    "binarize",
    "columns",
    "baseline",
    "search",
]


# Why values are missing: for nothing that they are themselves, or for that, and which are, if it is known.
Mechanism = Literal["at-random", "self-masking", "self-masking-high", "self-masking-low"]
Missed = Literal["high", "low", "either"]
MISSED: dict[Mechanism, Missed | None] = {
    "at-random": None,
    "self-masking": "either",
    "self-masking-high": "high",
    "self-masking-low": "low",
}


class Row(NamedTuple):
    """A row of the table.

    `kind` is the class, `module` where it is, and `places` are the words of [`Place`][lowerbound.parts.Place]
    where its name may stand. `over` is, of a family, the set of its events in the words of
    [`lowerbound.distributions.support.words`][]. A row with `called`, a name of its own, is a second name of
    a part, and no entry of the public index.
    """

    kind: str
    module: str
    places: str = ""
    over: str = ""
    called: str = ""

    @property
    def name(self) -> str:
        """What options and files call it."""
        return self.called or kebab(self.kind)

    @property
    def value(self) -> Any:
        """The class itself."""
        return getattr(import_module(f"lowerbound.{self.module}"), self.kind)


# Sets that families are over.
REAL = "real numbers"
POSITIVE = "numbers above 0"
UNIT = "numbers from 0 to 1"
BLOCKS = "blocks that sum to 1"
BITS = "values in {0, 1}"
LEVELED = "whole numbers from 0 to n"
COUNTS = "whole numbers from 0"

_FAMILY = "file posterior likelihood"
_LATENT = "file posterior"
_DATA = "file likelihood"
_FLOW = "file posterior prior"

# In the order in which they are told; the first of a place is its default, the first over a set what is
# advised for it.
TABLE: tuple[Row, ...] = (
    Row("VAE", "models.vae", "file"),
    Row("Conditional", "models.conditional", "file"),
    Row("Fixed", "leaves", "file"),
    # Networks.
    Row("MLP", "networks.mlp", "file network"),
    Row("ConvEncoder", "networks.convolution", "network", called="conv"),  # and its decoder
    Row("ConvEncoder", "networks.convolution", "file"),
    Row("ConvDecoder", "networks.convolution", "file"),
    Row("Convolution", "networks.convolution", "file"),
    Row("TransposedConvolution", "networks.convolution", "file"),
    Row("Standardized", "networks.wrappers", "file"),
    Row("Log1p", "networks.wrappers", "file"),
    Row("OneHot", "networks.wrappers", "file"),
    Row("Features", "networks.wrappers", "file"),
    Row("Leading", "networks.wrappers", "file"),
    Row("MaskedMLP", "networks.masked", "file"),
    # What reads a sequence of tokens.
    Row("SequenceConv", "networks.sequence_conv", "file network"),
    Row("SequenceGRU", "networks.sequence_gru", "file network"),
    Row("SequenceAttention", "networks.sequence_attention", "file network"),
    # What says the next token.
    Row("GRU", "networks.gru", "file"),
    Row("GatedUnit", "networks.gru", "file"),
    Row("CausalWindow", "networks.window", "file"),
    Row("CausalTransformer", "networks.transformer", "file"),
    Row("AttentionBlock", "networks.attention", "file"),
    # Families, by the set that they are over.
    Row("DiagonalGaussian", "families.gaussian", _FAMILY, REAL),
    Row("StudentT", "families.location_scale", _FAMILY, REAL),
    Row("Laplace", "families.location_scale", _FAMILY, REAL),
    Row("FullGaussian", "families.gaussian", _FAMILY, REAL),
    Row("LowRankGaussian", "families.gaussian", _FAMILY, REAL),
    Row("Logistic", "families.inverse_cdf", _LATENT, REAL),
    Row("Cauchy", "families.inverse_cdf", _LATENT, REAL),
    Row("Gumbel", "families.inverse_cdf", _LATENT, REAL),
    Row("Uniform", "families.location_scale", _LATENT, REAL),
    Row("LogNormal", "families.transformed", _FAMILY, POSITIVE),
    Row("Gamma", "families.implicit", _LATENT, POSITIVE),
    Row("Exponential", "families.inverse_cdf", _LATENT, POSITIVE),
    Row("Weibull", "families.inverse_cdf", _LATENT, POSITIVE),
    Row("Rayleigh", "families.inverse_cdf", _LATENT, POSITIVE),
    Row("Pareto", "families.inverse_cdf", "file"),
    Row("ContinuousBernoulli", "families.images", _DATA, UNIT),
    Row("Beta", "families.implicit", _FAMILY, UNIT),
    Row("Kumaraswamy", "families.inverse_cdf", _LATENT, UNIT),
    Row("LogitNormal", "families.transformed", _LATENT, UNIT),
    Row("RelaxedBernoulli", "families.relaxed", _LATENT, UNIT),
    Row("Dirichlet", "families.implicit", _LATENT, "vectors that sum to 1"),
    Row("PowerSpherical", "families.sphere", _LATENT, "unit vectors"),
    Row("Bernoulli", "families.discrete", _FAMILY, BITS),
    Row("BetaBinomial", "families.counts", _DATA, LEVELED),
    Row("Binomial", "families.counts", _DATA, LEVELED),
    Row("Categorical", "families.discrete", _FAMILY, LEVELED),
    Row("Ordinal", "families.ordinal", _DATA, LEVELED),
    Row("Concrete", "families.relaxed", _LATENT, BLOCKS),
    Row("DiscretizedLogistic", "families.images", _DATA, LEVELED),
    Row("DiscretizedLogisticMixture", "families.images", _DATA, LEVELED),
    Row("NegativeBinomial", "families.counts", _DATA, COUNTS),
    Row("Poisson", "families.counts", _DATA, COUNTS),
    Row("ZeroInflatedNegativeBinomial", "families.counts", _DATA, COUNTS),
    Row("FreeForm", "families.free_form", "file"),
    Row("Margins", "distributions.margins", "file"),
    Row("MixedColumns", "families.columns", "file"),
    Row("InverseCDF", "families.inverse_cdf", "file"),
    Row("SelfMasking", "families.masking", "file"),
    Row("MaskStart", "families.masking", "file"),
    Row("Autoregressive", "families.autoregressive", "file"),
    Row("Transformed", "families.transformed"),  # its bijection is code, which no file holds
    Row("Thresholds", "families.ordinal", "file"),
    # Where the scale of a family comes from.
    Row("Heteroscedastic", "families.location_scale", "file"),
    Row("LearnedScale", "families.location_scale", "file"),
    Row("FixedScale", "families.location_scale", "file"),
    # Priors and posteriors that are no network and family.
    Row("StandardNormal", "models.priors", "file prior"),
    Row("StandardPrior", "models.priors", "file prior"),
    Row("LearnedPrior", "models.priors", "file prior"),
    Row("MixturePrior", "models.priors", "file prior"),
    Row("VampPrior", "models.priors", "file prior"),
    Row("AutoregressivePrior", "models.autoregressive_prior", "file prior"),
    Row("UniformCodes", "models.priors", "file prior"),
    Row("UniformSphere", "models.priors", "file prior"),
    Row("ChainPrior", "models.chains", "file"),
    Row("ChainPosterior", "models.chains", "file"),
    Row("ExactPosterior", "models.posteriors", "file"),
    # Flows are families over real numbers, of a posterior or of a learned prior.
    Row("AutoregressiveFlow", "families.flows", _FLOW, REAL),
    Row("MaskedAutoregressiveFlow", "families.flows", _FLOW, REAL),
    Row("CouplingFlow", "families.flows", _FLOW, REAL),
    # Tables.
    Row("Schema", "data.schema", "file"),
    Row("Column", "data.columns", "file"),
    Row("Tokens", "data.tokens", "file"),
    # Transforms.
    Row("Identity", "models.transforms", "file"),
    Row("DynamicBinarization", "models.transforms", "file"),
    Row("StaticBinarization", "models.transforms", "file"),
    Row("Threshold", "models.transforms", "file"),
    Row("Standardization", "models.transforms", "file"),
    Row("Dequantization", "models.transforms", "file"),
    Row("Stored", "models.transforms", "file"),
    Row("DynamicBinarization", "models.transforms", "binarize", called="dynamic"),
    Row("StaticBinarization", "models.transforms", "binarize", called="static"),
    Row("Threshold", "models.transforms", "binarize", called="threshold"),
    # Objectives, and the estimators of their gradients.
    Row("ELBO", "objectives.bounds", "file objective"),
    Row("IWAE", "objectives.bounds", "file objective"),
    Row("MIWAE", "objectives.bounds", "file objective"),
    Row("CIWAE", "objectives.bounds", "file objective"),
    Row("PIWAE", "objectives.bounds", "file objective"),
    Row("Renyi", "objectives.bounds", "file objective"),
    Row("WakeSleep", "objectives.wake_sleep", "file objective"),
    Row("ReweightedWakeSleep", "objectives.wake_sleep", "file objective"),
    Row("TotalCorrelation", "objectives.penalties", "file"),
    Row("MaximumMeanDiscrepancy", "objectives.penalties", "file"),
    Row("TokenDropout", "objectives.token_dropout", "file"),
    Row("Reparameterized", "objectives.gradients", "file gradient"),
    Row("StickingTheLanding", "objectives.gradients", "file gradient"),
    Row("DoublyReparameterized", "objectives.gradients", "file gradient"),
    Row("ScoreFunction", "objectives.gradients", "file gradient"),
    Row("vimco", "objectives.gradients", "gradient", called="vimco"),
    Row("Enumeration", "objectives.gradients", "file gradient"),
    # What the likelihood `auto` is, or what is advised, for columns of a kind.
    Row("automatic", "data.likelihood", "likelihood", called="auto"),
    Row("automatic_prior", "assembly.model", "prior", called="auto"),
    Row("automatic_objective", "assembly.objective", "objective", called="auto"),
    Row("Bernoulli", "families.discrete", "columns", called="bits"),
    Row("BetaBinomial", "families.counts", "columns", called="few-counts"),
    Row("NegativeBinomial", "families.counts", "columns", called="counts"),
    Row("Categorical", "families.discrete", "columns", called="levels"),
    Row("Ordinal", "families.ordinal", "columns", called="ordered-levels"),
    Row("Autoregressive", "families.autoregressive", "columns", called="sequences"),
    Row("CausalWindow", "networks.window", "columns", called="next-token"),
    Row("MixedColumns", "families.columns", "columns", called="several"),
    Row("DiscretizedLogistic", "families.images", "columns", called="grey"),
    Row("DiagonalGaussian", "families.gaussian", "columns", called="numbers"),
    Row("FreeForm", "families.free_form", "columns", called="any-numbers"),
    Row("StudentT", "families.location_scale", "columns", called="heavy-tailed"),
    # The classical density of a family's columns, called by the family.
    Row("BinomialMixture", "baselines.products", "baseline", called="bernoulli"),
    Row("BinomialMixture", "baselines.products", "baseline", called="binomial"),
    Row("BetaBinomialMixture", "baselines.products", "baseline", called="beta-binomial"),
    Row("CategoricalMixture", "baselines.products", "baseline", called="categorical"),
    Row("CategoricalMixture", "baselines.products", "baseline", called="ordinal"),
    Row("FactorMixture", "baselines.gaussians", "baseline", called="diagonal-gaussian"),
    # Methods of search in latent space.
    Row("Bayesian", "searching.bayesian", "search", called="bayesian"),
    Row("Evolution", "searching.evolution", "search", called="evolution"),
    Row("Gradient", "searching.gradient", "search", called="gradient"),
    Row("FromPrior", "searching.at_random", "search", called="random"),
    Row("Screening", "searching.screening", "search", called="screening"),
    # What files hold besides models.
    Row("VariationalAutoencoder", "estimator.estimator", "file"),
    Row("Imputer", "estimator.imputer", "file"),
    Row("FactorMixture", "baselines.gaussians", "file", called="factor-mixture"),
    Row("FullGaussianMixture", "baselines.gaussians", "file", called="full-gaussian-mixture"),
    Row("Dequantized", "baselines.gaussians", "file", called="dequantized"),
    Row("BinomialMixture", "baselines.products", "file", called="binomial-mixture"),
    Row("BetaBinomialMixture", "baselines.products", "file", called="beta-binomial-mixture"),
    Row("CategoricalMixture", "baselines.products", "file", called="categorical-mixture"),
    Row("FamilyMixture", "baselines.families", "file", called="family-mixture"),
    Row("CellMixture", "baselines.cells", "file", called="cell-mixture"),
)
_DEFAULTS = {"likelihood": "auto", "prior": "auto", "objective": "auto"}


def kebab(name: str) -> str:
    """A class's name as options and files write it.

    >>> kebab("BetaBinomial"), kebab("ELBO"), kebab("StandardNormal")
    ('beta-binomial', 'elbo', 'standard-normal')
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


def _rows(place: Place) -> dict[str, Row]:
    rows = {row.name: row for row in TABLE if place in row.places.split()}
    first = _DEFAULTS.get(place)
    return {first: rows[first], **rows} if first else rows


_ROWS: dict[str, dict[str, Row]] = {place: _rows(place) for place in get_args(Place)}


def names(place: Place, *, over: str | None = None) -> tuple[str, ...]:
    """The names that may stand in a place, all of them or those of families over one set, as the table has
    them.

    >>> names("network")
    ('mlp', 'conv', 'sequence-conv', 'sequence-gru', 'sequence-attention')
    >>> names("binarize")
    ('dynamic', 'static', 'threshold')
    >>> names("likelihood", over="whole numbers from 0")
    ('negative-binomial', 'poisson', 'zero-inflated-negative-binomial')
    """
    return tuple(name for name, row in _ROWS[place].items() if over in (None, row.over))


def default(place: Place) -> str:
    """The name that stands in a place where none is given.

    >>> default("posterior"), default("likelihood")
    ('diagonal-gaussian', 'auto')
    """
    return names(place)[0]


def part(name: str, place: Place = "file") -> Any:
    """The class that `name` names in a place.

    **Raises:** `TypeError` for what is no name, `ValueError` for one that is not known there, with the
    nearest and all that are.

    >>> part("beta_binomial").__name__
    'BetaBinomial'
    >>> part("statik", "binarize")
    Traceback (most recent call last):
    ...
    ValueError: binarize: unknown 'statik'; the nearest is 'static', known are dynamic, static, threshold
    """
    return row_of(name, place).value


def row_of(name: str, place: Place) -> Row:
    """The row of the table that `name` names in a place; refuses as [`part`][lowerbound.parts.part] does.

    >>> row_of("poisson", "likelihood").over
    'whole numbers from 0'
    """
    rows, option = _ROWS[place], "part" if place == "file" else place
    if not isinstance(name, str):
        raise TypeError(f"{option}: expected a name, one of {', '.join(rows)}; found {name!r}")
    row = rows.get(name.replace("_", "-"))
    if row is None:
        raise ValueError(f"{option}: unknown {name!r}; {nearest(name, rows)}")
    return row


def nearest(name: str, known: Any) -> str:
    """What to write in place of `name`: the nearest of `known`, where one is near, and all of them.

    >>> nearest("elbow", ["elbo", "iwae"])
    "the nearest is 'elbo', known are elbo, iwae"
    """
    close = difflib.get_close_matches(name, list(known), n=1)
    return (f"the nearest is {close[0]!r}, " if close else "") + f"known are {', '.join(known)}"


def suggested(place: Place, over: str, most: int = 2) -> str:
    """What to take for values of a set: the first classes over it that may stand in a place, at most so many.

    >>> suggested("likelihood", "real numbers")
    'DiagonalGaussian or StudentT'
    """
    return " or ".join([_ROWS[place][name].kind for name in names(place, over=over)][:most])


def grouped(place: Place) -> str:
    """The names of families that may stand in a place, by the set that they are over.

    >>> grouped("posterior")[:40]
    'real numbers: diagonal-gaussian, student'
    """
    sets = dict.fromkeys(row.over for row in _ROWS[place].values())
    return "; ".join(f"{over}: {', '.join(names(place, over=over))}" for over in sets)
