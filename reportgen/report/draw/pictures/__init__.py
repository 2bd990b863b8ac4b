"""From the specification of a chart to a picture: a still SVG, or what Vega draws."""
