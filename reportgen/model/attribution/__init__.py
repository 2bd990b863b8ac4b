"""How much each token speaks for or against a label, by gradients."""
