"""`chaosllm` whose proxy waits two seconds for a word of its supervisor, and draws nothing: for a test of the lease."""

from __future__ import annotations

import undrawn

from chaosllm.adapters.supervisor import helm, session

helm.LEASE = session.LEASE = 2.0

if __name__ == "__main__":
    undrawn.main()
