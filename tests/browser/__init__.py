"""The workbench in a real browser: one server and one browser for this folder."""
