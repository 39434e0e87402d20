"""What a model is: conditionals, priors, posteriors, chains, transforms, and the VAE made of them."""
