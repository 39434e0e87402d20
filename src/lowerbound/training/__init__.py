"""Training: the state of a run is one pytree, and the loop a pure function of it."""
