"""Speed and match quality, measured beside floors and peers, with history: `python -m bench`."""
