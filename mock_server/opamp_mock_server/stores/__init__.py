"""The stores of the records of agents."""
