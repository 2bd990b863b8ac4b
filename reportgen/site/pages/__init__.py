"""The pages of a site: of its reports, corpora and comparisons, its index, and the pictures of links."""
