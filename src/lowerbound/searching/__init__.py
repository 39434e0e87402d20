"""Search in latent space: codes whose decoded rows score high, by methods that are asked for codes and
told what they scored."""
