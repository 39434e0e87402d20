"""What is maximised: bounds on log p(x), how their gradients are estimated, and penalties."""
