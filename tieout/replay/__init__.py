"""History again, under other rules: day by day with what earlier days left, and the difference.

`match_by_period` stands in for the engine in a matching job; `compare_arms` says what one policy
did that another did not, in payments and in money.
"""
