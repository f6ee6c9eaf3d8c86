"""The requirements that the suite knows, and the sentences of the specification that they come from."""
