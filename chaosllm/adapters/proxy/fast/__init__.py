"""The fast path: the bodies of streams past mitmproxy's layers, from wire to wire."""
