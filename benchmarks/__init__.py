"""Side by side with stock mitmproxy, nginx and peers: `make bench` runs it, and writes docs/performance.md."""
