"""What the prediction rests on: attribution, and tests of the heatmap by removing words."""
