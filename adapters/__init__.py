"""What was decided, as the documents an ERP posts: pure functions, one module per ERP.

`adapters.postings` turns the batches of a run into postings, one per payment, with the accounts
and dates of `adapters.accounts`; the module of an ERP turns each into that ERP's own documents;
`adapters.export` gathers them and counts every cent. `adapters.catalogue` names the ERPs.
"""
