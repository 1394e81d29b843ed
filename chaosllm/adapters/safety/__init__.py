"""What watches over a run from outside of it: levers, probes, a dead man's switch, and the conditions on its users."""
