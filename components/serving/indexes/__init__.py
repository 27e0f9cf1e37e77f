"""How the best candidates of a request are found: all of them are ranked, or some of them."""
