"""One sampler, detector, metric and kind of model as a user would write them: one module each, and a card."""
