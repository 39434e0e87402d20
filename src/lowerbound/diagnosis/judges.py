"""Where a finding becomes a fault: of every estimate two standard errors are taken off first, so that
noise alone raises no alarm."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpyro.distributions import constraints

from lowerbound.diagnosis.activity import ACTIVE, Activity
from lowerbound.diagnosis.advice import Advice, Call
from lowerbound.diagnosis.diagnosis import DecoderScale, Estimate, Notes, Verdict
from lowerbound.diagnosis.gaps import Gaps, conditional_of
from lowerbound.diagnosis.information import Information
from lowerbound.diagnosis.looked import Looked
from lowerbound.distributions.support import range_of
from lowerbound.families.family import Family
from lowerbound.families.flows import Flow
from lowerbound.models.latent_model import LatentModel
from lowerbound.objectives.objective import Objective
from lowerbound.parts import REAL, kebab, names, part, suggested
from lowerbound.text import listed

__all__ = [
    "judged_activity",
    "judged_finite",
    "judged_gaps",
    "judged_information",
    "judged_memory",
    "judged_scale",
    "judged_warm_up",
]

# Nats a row that log p(x) itself may lose to one cause: at one, a row has e = 2.7 times less probability than
# it could have.
LOSS = 1.0
# Nats a dimension of z in use that the bound may lose to q(z∣x). log p(x) is found by a posterior fitted to
# each row, so that what is lost is of the codes: at a quarter of a nat a code lies 0.7 of its own standard
# deviations off, or is one and a half times, or half, as wide as it should be.
CODE_LOSS = 0.25
# Probability that a training row has a higher bound than a held-out one, ½ where none is memorised. 0.6 is
# a shift by a third of the standard deviation between rows.
MEMORISED = 0.6
# Standard deviation of p(x∣z) in those of the data: below it the decoder claims to know a column's value to
# a hundredth, and its density grows without a bound.
NARROW = 0.01
# Root mean square of (x − E[x∣z])/√Var(x∣z), or its inverse: twice too narrow a scale costs 0.8 nats a
# column, twice too wide a one 0.3.
MISFIT = 2.0


def _above(estimate: Estimate, threshold: float) -> bool:
    return estimate.mean - 2 * estimate.standard_error > threshold


def _verdict(name: str, fault: bool, finding: str, *advice: Advice) -> Verdict:
    return Verdict(name, not fault, finding, advice if fault else ())


def _scale_apart_from_z(purpose: str) -> Advice:
    return Advice("scale", Call("LearnedScale"), purpose, of=suggested("likelihood", REAL, most=1))


def _larger_encoder() -> tuple[Advice, ...]:
    return Advice("width", 512, "a larger encoder"), Advice("depth", 3, "a larger encoder")


def judged_finite(looked: Looked) -> Iterator[Verdict]:
    """Whether the bound is a number."""
    broken = int((~np.isfinite(looked.elbo)).sum())
    if broken:
        yield _verdict(
            "not finite",
            True,
            f"The bound of {broken} of {len(looked.elbo)} rows is not a finite number.",
            Advice("learning_rate", 0.0005, "smaller steps"),
            Advice("clip_norm", 10.0, "smaller steps", of="NAdam"),
            _scale_apart_from_z("for real columns, a scale that does not depend on z"),
        )


def judged_activity(activity: Activity | None, n: int) -> Iterator[Verdict]:
    """Whether each dimension of z is used, by `n` rows."""
    if activity is None or not np.isfinite(activity.share).all():
        return
    # A sample variance of n normal numbers is known to √(2/n).
    collapsed = np.flatnonzero(activity.share * (1 + 2 * math.sqrt(2 / n)) < ACTIVE)
    d = len(activity.share)
    if len(collapsed) == 0:
        finding = f"Of {d} dimensions of z each is used: the posterior's means have at least "
        finding += f"{activity.share.min():.1%} of its variance."
    else:
        finding = f"{len(collapsed)} of {d} dimensions of z ({listed(collapsed)}, counted from 0) say "
        finding += f"nothing about x: the posterior's means have less than {ACTIVE:.0%} of its variance."
    # A bound leaves unused what it has no need of, at no cost; where most are, a decoder may do without z.
    use = "to put them to use"
    yield _verdict(
        "collapsed dimensions",
        2 * len(collapsed) > d,
        finding,
        Advice("beta", 0.5, use),
        Advice("objective", "iwae", use),
        Advice("free_nats", 2.0, use),
        Advice("warm_up", 2000, use),
    )


def judged_gaps(
    model: LatentModel, gaps: Gaps, activity: Activity | None, dimensions: int, notes: Notes
) -> Iterator[Verdict]:
    """Whether the posterior's family and the encoder are good enough, of so many dimensions of z, or those
    that are in use."""
    inference, used = Estimate.over_rows(gaps.inference), dimensions
    if activity is not None:
        used = max(int((activity.share >= ACTIVE).sum()), 1)
    most = CODE_LOSS * used
    limit = f"(a fault from {most:g} on, {CODE_LOSS} for each of the {used} dimensions in use)"
    if not math.isfinite(inference.mean):
        notes.append("weak posterior, amortisation gap: not judged, log p(x) is not finite")
        return
    if gaps.approximation is None or gaps.amortization is None:
        yield _verdict(
            "inference gap",
            _above(inference, most),
            f"The bound is {inference} below log p(x) {limit}.",
            Advice("objective", "iwae", "a bound that needs the posterior less"),
            *_larger_encoder(),
        )
        return
    family = conditional_of(model).family
    approximation, amortization = (
        Estimate.over_rows(gaps.approximation),
        Estimate.over_rows(gaps.amortization),
    )
    yield _verdict(
        "weak posterior",
        _above(approximation, most),
        f"With the best {type(family).__name__} for each row the bound is {approximation} below log p(x) "
        f"{limit}.",
        Advice("objective", "iwae", "a bound that needs the posterior less"),
        *_wider_family(family),
    )
    yield _verdict(
        "amortisation gap",
        _above(amortization, most),
        f"With the encoder's posterior the bound is {amortization} below the one with the best of its family "
        f"for each row, of {inference} that it is below log p(x) {limit}.",
        *_larger_encoder(),
        Advice("epochs", 400, "longer training"),
        Advice(
            "patience", 10, "where the rows that it was trained on lose less, more rows or an earlier stop"
        ),
    )


def _wider_family(family: Family) -> tuple[Advice, ...]:
    """A family that the posterior's is a part of: of independent dimensions, of correlated ones, a flow."""
    if range_of(family.support) != range_of(constraints.real_vector):
        return ()
    if isinstance(family, Flow):
        return (Advice("layers", 8, "a flow of more layers", of=type(family).__name__),)
    joint = [name for name in names("posterior", over=REAL) if not part(name, "posterior").independent]
    flow = next(name for name in joint if issubclass(part(name, "posterior"), Flow))
    if not family.independent:
        return (Advice("posterior", flow, "a posterior of any shape"),)
    return tuple(
        Advice("posterior", name, "a posterior that knows correlations") for name in (joint[0], flow)
    )


def judged_information(information: Information, notes: Notes) -> Iterator[Verdict]:
    """Whether the codes lie where the prior is."""
    if information.low is None or information.marginal_low is None or information.marginal_high is None:
        return
    told, low, high = map(
        Estimate.over_rows, (information.low, information.marginal_low, information.marginal_high)
    )
    if not math.isfinite(low.mean + high.mean):
        notes.append("prior mismatch: not judged, KL(q(z) ‖ p(z)) is not finite")
        return
    # The most that I(x; z) can be found to be.
    near = "at least " if told.mean > math.log(len(information.low)) - 1 else ""
    yield _verdict(
        "prior mismatch",
        _above(low, LOSS),
        f"The codes of all rows together differ from the prior by KL(q(z) ‖ p(z)) of at least {low}, at most "
        f"{high}; a code tells {near}{told} about its row.",
        *(
            Advice("prior", f"{kind}-prior", "a prior that is learned")
            for kind in ("vamp", "mixture", "learned")
        ),
    )


def judged_memory(
    trained: Looked | None,
    looked: Looked,
    history: Sequence[Mapping[str, float]] | None,
    notes: Notes,
) -> Iterator[Verdict]:
    """The share of pairs in which the training row has the higher bound (Mann & Whitney 1947), with its error
    where nothing is memorised.

    Every model that learns from some hundred rows says more of them than of others, and more the better it
    says of others. So the share is a fault where nothing has weighed the one against the other: where rows
    that were kept back chose the model, no more training and no less is better for such rows.
    """
    if trained is None:
        return
    a, b = trained.elbo, np.sort(looked.elbo)
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        notes.append("memorised rows: not judged, a bound is not finite")
        return
    n, m = len(a), len(b)
    higher = (np.searchsorted(b, a, "left") + np.searchsorted(b, a, "right")).mean() / (2 * m)
    error = math.sqrt((n + m + 1) / (12 * n * m))
    chosen = history is not None and len(history) > 0 and "validation_bound" in history[-1]
    weighed = ", of a model that rows kept back from training have chosen" if chosen else ""
    yield _verdict(
        "memorised rows",
        not chosen and higher - 2 * error > MEMORISED,
        f"A training row has a higher bound than a held-out one in {higher:.0%} ± {error:.0%} of pairs (50 % "
        f"where none is memorised); the mean bound is higher by {Estimate.difference(a, b)}{weighed}.",
        Advice("validation", 0.2, "an earlier stop", beside=(Advice("patience", 10),)),
        Advice("width", 64, "a smaller network"),
        Advice("latent_dim", 5, "fewer dimensions"),
        Advice("weight_prior", 1.0, "a prior on the weights", of="fit"),
    )


def judged_scale(scale: DecoderScale | None) -> Iterator[Verdict]:
    """Whether p(x∣z) is as wide as the data are."""
    if scale is None:
        return
    error = 2 * scale.residual_standard_error
    narrow = np.flatnonzero((scale.smallest < NARROW) | (scale.residual - error > MISFIT))
    wide = np.flatnonzero(scale.residual + error < 1 / MISFIT)
    advice: tuple[Advice, ...] = ()
    right = "standard deviations off (root mean square; 1 is right)"
    if len(narrow):
        finding = (
            f"The decoder is too sure of {len(narrow)} columns ({listed(narrow)}, counted from 0): its "
            f"standard deviation goes down to {scale.smallest[narrow].min():.2g} of the data's, and rows lie "
            f"up to {scale.residual[narrow].max():.2g} of its {right}."
        )
        advice = (
            _scale_apart_from_z("a scale that does not depend on z"),
            Advice("likelihood", kebab(part("heavy-tailed", "columns").__name__), "heavier tails"),
            Advice("patience", 10, "an earlier stop"),
        )
    elif len(wide):
        finding = (
            f"The decoder is wider than the data in {len(wide)} columns ({listed(wide)}, counted from 0): "
            f"rows lie {scale.residual[wide].min():.2g} of its {right}."
        )
        advice = (
            _scale_apart_from_z("a scale that is learned"),
            Advice("epochs", 400, "longer training"),
        )
    else:
        finding = (
            f"The decoder's standard deviation is {np.nanmedian(scale.median):.2g} of the data's, and rows "
            f"lie {np.nanmedian(scale.residual):.2f} of its {right}, in the median column."
        )
    yield _verdict("decoder scale", bool(len(narrow) or len(wide)), finding, *advice)


def judged_warm_up(
    history: Sequence[Mapping[str, float]] | None, objective: Objective | None, notes: Notes
) -> Iterator[Verdict]:
    """Whether the objective's schedules had ended where the model was kept."""
    if not history or objective is None:
        notes.append("unfinished warm-up: not judged, it needs history= and objective= of the training")
        return
    last = history[-1]
    step = int(last.get("best_step", last["step"]))
    unfinished = objective.unfinished(step)
    stood = unfinished or "no schedule was under way"
    yield _verdict(
        "unfinished warm-up",
        unfinished is not None,
        f"The model is that of step {step} of {int(last['step'])}: {stood}.",
        Advice("epochs", 400, "more steps"),
        Advice("warm_up", 1000, "a shorter schedule"),
    )
