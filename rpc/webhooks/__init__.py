"""Webhooks: events sent to addresses of a tenant's own, by the Standard Webhooks specification."""
