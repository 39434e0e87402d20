"""Why a model is as good as it is: what its bound is lost to, and what to change."""
