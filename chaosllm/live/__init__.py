"""What is known and done while a run goes on: figures of the moment, stop conditions, live commands."""
