"""The workbench, one module per screen; each offers its `ROUTES`."""
