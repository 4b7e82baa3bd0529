"""What people do to exceptions: states, acts, authority, four eyes; pure.

`transitions.perform` is the one way to change a case: (case, act, actor, now, facts, rules) → the
new case with what follows from it, or a refusal. Every path goes through it: a clerk's click, a
call of the API, a batch, the posting to the ledger.
"""
