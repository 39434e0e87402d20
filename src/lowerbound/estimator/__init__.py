"""The library behind scikit-learn's interface: arrays and frames in, arrays and frames out."""
