"""Mitmproxy made ours: all of its private API that we stand on, and the layers that players drive."""
