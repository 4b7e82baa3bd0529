"""Who gets the item, one candidate after another and choice by choice: slow, and plain to read."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations
from math import log

__all__ = ["resolved"]


def resolved(candidates, remaining, named):
    """`accepted`, `second` and `contested` as sets of candidate numbers.

    A candidate is a dict: claims (item → amount), family, rank, wrong.
    """
    late = {
        number
        for number, candidate in enumerate(candidates)
        if any(too_much(amount, remaining[item]) for item, amount in candidate["claims"].items())
    }
    wanted = defaultdict(int)
    for number, candidate in enumerate(candidates):
        for item, amount in candidate["claims"].items():
            wanted[item] += 0 if number in late else amount
    disputed = {item for item, amount in wanted.items() if too_much(amount, remaining[item])}
    found = {"accepted": set(), "second": set(late), "contested": set()}
    for contest in contests(candidates, disputed, late):
        if not any(item in disputed for n in contest for item in candidates[n]["claims"]):
            found["accepted"] |= contest
            continue
        won, second, open_still = greedy(candidates, contest, remaining, named)
        if open_still or not unrivalled(candidates, contest, won, remaining):
            found["contested"] |= contest
            continue
        found["accepted"] |= won
        found["second"] |= second
    return found


def too_much(amount, left):
    return abs(amount) > abs(left) or amount * left < 0 or (left == 0 and amount != 0)


def contests(candidates, disputed, late):
    """Sets of candidates tied together by disputed items."""
    groups = []
    for number, candidate in enumerate(candidates):
        if number in late:
            continue
        items = disputed & set(candidate["claims"])
        members = {number}
        for group in [g for g in groups if g["items"] & items]:
            groups.remove(group)
            members |= group["members"]
            items |= group["items"]
        groups.append({"members": members, "items": items})
    return [group["members"] for group in groups]


def greedy(candidates, contest, remaining, named):
    left = dict(enumerate(remaining))
    active, won, second = set(contest), set(), set()

    def claims(number):
        return candidates[number]["claims"]

    while active:
        gone = {n for n in active if any(too_much(a, left[i]) for i, a in claims(n).items())}
        second |= gone
        active -= gone
        wanted = defaultdict(int)
        for n in active:
            for item, amount in claims(n).items():
                wanted[item] += amount
        over = {item for item, amount in wanted.items() if too_much(amount, left[item])}
        chosen = {n for n in active if not over & set(claims(n))}
        if not chosen and named:
            chosen = {
                n
                for n in active
                if all(is_first(candidates, active, n, i) for i in over & set(claims(n)))
            }
        if not chosen:
            break
        for n in chosen:
            for item, amount in claims(n).items():
                left[item] -= amount
        won |= chosen
        active -= chosen
    return won, second, active


def is_first(candidates, active, number, item):
    rivals = [n for n in active if item in candidates[n]["claims"]]
    families = {candidates[n]["family"] for n in rivals}
    if len(families) > 1 or families == {-1}:
        return False
    return number == min(rivals, key=lambda n: candidates[n]["rank"])


def unrivalled(candidates, contest, won, remaining):
    """No other choice has more than twice the odds of the one that won."""

    def score(choice):
        return sum(round(-1000 * log(max(candidates[n]["wrong"], 1e-12))) for n in choice)

    for size in range(1, len(contest) + 1):
        for choice in combinations(sorted(contest), size):
            wanted = defaultdict(int)
            for n in choice:
                for item, amount in candidates[n]["claims"].items():
                    wanted[item] += amount
            fits = not any(too_much(amount, remaining[item]) for item, amount in wanted.items())
            if fits and score(choice) > score(won) + 694:
                return False
    return True
