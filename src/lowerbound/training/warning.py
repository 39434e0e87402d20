"""The warning that training gives."""

__all__ = ["TrainingWarning"]


class TrainingWarning(UserWarning):
    """Training ended in a way that its user should know of."""
