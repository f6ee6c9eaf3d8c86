"""How requests reach a target: one module a transport."""
