"""The console: what goes on during a run, on loopback, for a page, for `chaosllm ctl` and for scripts."""
